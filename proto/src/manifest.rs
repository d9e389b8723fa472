//! The manifest: the signed, numbered list of a feed's live bundles, with sizes and hashes, and of the keys that sign them.
//!
//! A signed note named `pratique/{region}` whose lines are `pratique/manifest/v1`, `feed PATH`, `number N`, `time T`,
//! `key USE ID-VERSION SPKI NOT-BEFORE`, `bundle SEQUENCE FROM-SEQUENCE START END COUNT REVISED BYTES SHA256(zip) SHA256(export.bin) FORMAT PATH`.
//! Hashes are lower-case hex, SPKI is standard base64, times are UTC seconds. Readers ignore lines of kinds that they do not know.

use crate::bundle::SigningKeyId;
use crate::error::Malformed;
use crate::feed::{Feed, Region};
use crate::interval::Timestamp;
use crate::note::NoteVerifier;

/// Where a feed's manifest stands: `{feed path}/manifest`.
pub fn manifest_path(feed: &Feed) -> String {
    format!("{feed}/manifest")
}

/// The name under which a region's manifests are signed.
pub fn note_name(region: &Region) -> String {
    format!("pratique/{region}")
}

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

/// A `bundle` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBundle {
    /// The bundle's number in its feed, gapless from 1.
    pub sequence: u64,
    /// The first sequence whose content it carries: its own, unless it rolls up others.
    pub from_sequence: u64,
    /// The end of the bundle before.
    pub start: Timestamp,
    /// Later than `start`.
    pub end: Timestamp,
    /// Ordinary entries, filler included.
    pub count: u64,
    /// Revised entries, filler included.
    pub revised: u64,
    /// The length of the zip.
    pub bytes: u64,
    /// SHA-256 of the zip.
    pub zip_sha256: [u8; 32],
    /// SHA-256 of `export.bin`.
    pub export_sha256: [u8; 32],
    /// The container's version.
    pub format: u32,
    /// The path from the CDN root.
    pub path: String,
}

/// A manifest's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Which feed.
    pub feed: Feed,
    /// Rises with every seal, recall, de-listing and announcement.
    pub number: u64,
    /// When the number was taken.
    pub time: Timestamp,
    /// Current and next keys.
    pub keys: Vec<AnnouncedKey>,
    /// Live bundles, oldest first.
    pub bundles: Vec<ListedBundle>,
}

impl Manifest {
    /// The text to be signed.
    pub fn render(&self) -> String {
        todo!()
    }

    /// Opens the signed manifest of `feed`: at most 4 MiB, this feed and no other (a region signs all its feeds with one key), sequences
    /// and paths consistent with each other.
    ///
    /// # Errors
    /// `manifest` or the line's kind, and why.
    pub fn open(_note: &[u8], _verifier: &NoteVerifier, _feed: &Feed) -> Result<Self, Malformed> {
        todo!()
    }

    /// Reads the text of a manifest whose signature is checked elsewhere.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn parse(_text: &str) -> Result<Self, Malformed> {
        todo!()
    }
}
