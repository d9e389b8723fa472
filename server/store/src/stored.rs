//! How what is meant stands in rows, whichever engine keeps them.

use std::fmt::Display;

use proto::bundle::SigningKeyId;
use proto::manifest::KeyUse;
use proto::{Feed, Malformed, Timestamp};

use crate::bad_entry::{BadEntry, EntryName, EntryPlace};
use crate::bundles::{Derived, Member, MemberCursor};
use crate::error::StoreError;
use crate::keys::{OnsetSource, Origin, RevisionProof};

/// The grain of receipt, in seconds: an hour.
pub(crate) const RECEIPT_GRAIN: i64 = 3_600;

/// A member as its row says.
pub(crate) struct Stored {
    /// Whether it is a revised one.
    pub(crate) revised: bool,
    /// Its class, which is the member's own.
    pub(crate) class: i64,
    /// The member.
    pub(crate) member: Member,
}

impl Stored {
    /// Where a page begins that follows this member.
    pub(crate) fn cursor(&self) -> MemberCursor {
        let identity = match &self.member {
            Member::Gaen(entry) => entry.key.data().to_vec(),
            Member::Tcn(entry) => entry.report.verification_key().to_vec(),
        };
        MemberCursor { revised: self.revised, class: self.class, identity }
    }

    /// Refuses what a bundle that is sealed now must not carry. A constraint of the waiting table sees to it as well, and a constraint can be
    /// dropped.
    pub(crate) fn ensure_released(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.member.is_replayable(now) {
            return Err(StoreError::Corrupt(
                "release_at lets a key out less than 2 h after its validity, before (rolling_start + rolling_period) * 600 + 7200"
                    .into(),
            ));
        }
        Ok(())
    }
}

/// Who signs a bundle.
pub(crate) struct Signers {
    /// In the order of positions.
    pub(crate) keys: Vec<SigningKeyId>,
    /// All of the signatures or none.
    pub(crate) signatures: Option<Vec<Vec<u8>>>,
}

impl Signers {
    /// The keys of a bundle, and the signatures that there are.
    pub(crate) fn new(keys: Vec<SigningKeyId>, signatures: Vec<Vec<u8>>) -> Result<Self, StoreError> {
        match signatures.len() {
            0 => Ok(Self { keys, signatures: None }),
            n if n == keys.len() => Ok(Self { keys, signatures: Some(signatures) }),
            _ => Err(StoreError::Corrupt("signed in part".into())),
        }
    }
}

/// What was derived of a bundle: all of it or nothing, as a constraint of its table says; the signatures must agree.
pub(crate) fn derived(
    sha256s: (Option<[u8; 32]>, Option<[u8; 32]>),
    zip_bytes: Option<u64>,
    signatures: Option<Vec<Vec<u8>>>,
) -> Result<Option<Derived>, StoreError> {
    match (sha256s, zip_bytes, signatures) {
        ((None, None), None, None) => Ok(None),
        ((Some(export_sha256), Some(zip_sha256)), Some(zip_bytes), Some(signatures)) => {
            Ok(Some(Derived { export_sha256, zip_sha256, zip_bytes, signatures }))
        }
        _ => Err(StoreError::Corrupt("derived in part".into())),
    }
}

/// What a number is taken for.
#[derive(Clone, Copy)]
pub(crate) enum Reason {
    Seal,
    Announce,
    Recall,
    Delist,
    Adopt,
}

impl Reason {
    /// As it stands in rows.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Announce => "announce",
            Self::Recall => "recall",
            Self::Delist => "delist",
            Self::Adopt => "adopt",
        }
    }
}

/// What an announced key is for, as it stands in rows.
pub(crate) const fn usage(usage: KeyUse) -> &'static str {
    match usage {
        KeyUse::Current => "current",
        KeyUse::Next => "next",
    }
}

/// The same, read; none if it is none of these.
pub(crate) fn key_use(usage: &str) -> Option<KeyUse> {
    match usage {
        "current" => Some(KeyUse::Current),
        "next" => Some(KeyUse::Next),
        _ => None,
    }
}

impl OnsetSource {
    /// As it stands in rows.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Request => 1,
            Self::Certificate => 2,
            Self::Assumed => 3,
        }
    }

    /// The same, read; none if it is none of these.
    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Request),
            2 => Some(Self::Certificate),
            3 => Some(Self::Assumed),
            _ => None,
        }
    }
}

impl RevisionProof {
    /// As it stands in rows.
    pub(crate) const fn number(self) -> i64 {
        i64::from_be_bytes(self.0)
    }
}

impl Origin {
    /// As it stands in rows.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Ours => 1,
            Self::Peer => 2,
        }
    }

    /// The same, read; none if it is neither.
    pub(crate) const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Ours),
            2 => Some(Self::Peer),
            _ => None,
        }
    }
}

/// A count or sequence as databases store it: their integers end at 2^63 - 1, which nothing here reaches.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Says what is wrong with a value that several columns make.
pub(crate) fn malformed(error: Malformed) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

/// Says whose row is corrupt: in which feed, where, and which by the name of its identity.
pub(crate) fn of_entry(feed: &Feed, place: EntryPlace, identity: &[u8]) -> impl FnOnce(StoreError) -> StoreError {
    move |error| match error {
        StoreError::Corrupt(breaks) => {
            let (feed, entry) = (feed.clone(), EntryName::of(identity));
            StoreError::BadEntry(Box::new(BadEntry { feed, entry, place, breaks }))
        }
        other => other,
    }
}

/// Adds the place to a corrupt row's name.
pub(crate) fn at(place: impl Display) -> impl FnOnce(StoreError) -> StoreError {
    move |error| match error {
        StoreError::Corrupt(what) => StoreError::Corrupt(format!("{place}: {what}")),
        other => other,
    }
}
