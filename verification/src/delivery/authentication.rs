//! Authenticated text messages, as the Exposure Notifications verification server signs them: phones with the authority's public key know that
//! a message is no forgery.
//!
//! A signed message ends with a line `Authentication:MMDD:KEYID:SIGNATURE`. The signature is ECDSA over P-256 with SHA-256, in ASN.1 DER and
//! base64 without padding. It covers `PURPOSE.PHONE.YYYY-MM-DD.BODY`, where the number is E.164, the date is UTC, and the body is all of the
//! message up to and including `Authentication:`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey;
use proto::{Interval, Malformed, Timestamp};
use zeroize::Zeroizing;

use super::purpose::Purpose;
use crate::dates;
use crate::phone::PhoneNumber;

/// What stands between a message and its signature.
const PREFIX: &str = "\nAuthentication:";
/// The longest signature: 72 bytes of DER in base64.
const LONGEST_SIGNATURE: usize = 96;
/// The longest name of a key.
const LONGEST_ID: usize = 32;

/// The key that signs an authority's messages.
pub(super) struct Authentication {
    key: SigningKey,
    key_id: String,
}

/// Reads the name of a key: it stands between colons.
pub(super) fn parse_key_id(text: String) -> Result<String, Malformed> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if plain && (1..=LONGEST_ID).contains(&text.len()) {
        return Ok(text);
    }
    Err(Malformed::new("authentication.key_id", "must be 1 to 32 characters of A to Z, a to z, 0 to 9, ., _ and -"))
}

/// The longest that a signature adds to a message.
pub(super) fn longest_suffix(key_id: &str) -> String {
    format!("{PREFIX}0101:{key_id}:{}", "A".repeat(LONGEST_SIGNATURE))
}

impl Authentication {
    /// Takes a private key in PKCS #8 PEM.
    pub(super) fn new(pem: &str, key_id: String) -> Result<Self, Malformed> {
        let key = SigningKey::from_pkcs8_pem(pem.trim());
        let key =
            key.map_err(|_| Malformed::new("authentication.key_file", "must hold a P-256 private key as PKCS #8 PEM"))?;
        Ok(Self { key, key_id })
    }

    /// The message with its signature.
    pub(super) fn sign(&self, purpose: Purpose, to: &PhoneNumber, body: &str, now: Timestamp) -> Zeroizing<String> {
        let day = dates::day_text(Interval::containing(now));
        let signed = Zeroizing::new(format!("{}.{}.{day}.{body}{PREFIX}", purpose.signed_as(), to.e164()));
        let signature: Signature = self.key.sign(signed.as_bytes());
        let signature = STANDARD_NO_PAD.encode(signature.to_der().as_bytes());
        let month_and_day: String = day.chars().skip("2026-".len()).filter(|character| *character != '-').collect();
        Zeroizing::new(format!("{body}{PREFIX}{month_and_day}:{}:{signature}", self.key_id))
    }
}

impl std::fmt::Debug for Authentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authentication").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}
