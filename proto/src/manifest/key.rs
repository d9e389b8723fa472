//! `key` lines: which keys sign a feed's bundles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::words::time;
use crate::bundle::SigningKeyId;
use crate::error::Malformed;
use crate::interval::Timestamp;

/// What a signing key is announced for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyUse {
    /// Signs bundles now.
    Current,
    /// Will sign bundles from its `not_before` on.
    Next,
}

/// A `key` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnouncedKey {
    /// `current` or `next`.
    pub usage: KeyUse,
    /// The id that stands in bundles.
    pub key: SigningKeyId,
    /// The public key, DER.
    pub spki: Vec<u8>,
    /// From when on it signs.
    pub not_before: Timestamp,
}

impl KeyUse {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Next => "next",
        }
    }
}

impl AnnouncedKey {
    pub(super) fn render(&self) -> String {
        let Self { usage, key, spki, not_before } = self;
        format!("key {} {key} {} {}\n", usage.as_str(), STANDARD.encode(spki), not_before.unix())
    }

    pub(super) fn parse(words: &[&str]) -> Result<Self, Malformed> {
        let &[usage, key, spki, not_before] = words else {
            return Err(Malformed::new("key", "must have a use, an id, a public key and a time"));
        };
        let usage = [KeyUse::Current, KeyUse::Next].into_iter().find(|known| known.as_str() == usage);
        Ok(Self {
            usage: usage.ok_or_else(|| Malformed::new("key", "must be current or next"))?,
            key: key.parse().map_err(|_| Malformed::new("key", "must have its id as ID-VERSION"))?,
            spki: STANDARD.decode(spki).map_err(|_| Malformed::new("key", "must have its public key in base64"))?,
            not_before: time("key", not_before)?,
        })
    }
}
