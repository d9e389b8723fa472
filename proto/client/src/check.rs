//! Is this bundle what it claims to be? Nothing of a bundle is used before every check has passed.

use proto::bundle::{Bundle, BundleKey, Entries, ExportDigest, Limits, NotSigned};
use proto::feed::Feed;
use proto::manifest::ListedBundle;
use proto::note::NoteVerifier;
use proto::{Malformed, index};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::ClientError;

/// Whom a phone believes, and how much it is willing to read: part of the app's configuration, per region.
#[derive(Clone)]
pub struct Trust {
    /// The pinned bundle keys; one is the rule. With a manifest key, the keys that the newest manifest announces are believed too, each for bundles
    /// that end after it took over: so an app follows a change of keys without an update. With neither, no bundle is believed.
    pub keys: Vec<BundleKey>,
    /// The pinned manifest key, or two while it is being replaced ([`NoteVerifier::or`]): nothing announces that one. Without one, sizes and hashes
    /// go unchecked and only signatures of pinned keys count.
    pub manifest: Option<NoteVerifier>,
    /// Limits of one bundle.
    pub limits: Limits,
}

/// Where a bundle was found.
pub(crate) struct Place<'a> {
    pub(crate) feed: &'a Feed,
    pub(crate) path: &'a str,
    /// The manifest's word on it, if there is a manifest.
    pub(crate) listed: Option<&'a ListedBundle>,
    /// The keys that the newest manifest announces.
    pub(crate) announced: &'a [AnnouncedSigner],
}

/// A key that a manifest announces, as a phone remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnnouncedSigner {
    /// The public key, DER.
    pub(crate) spki: Vec<u8>,
    /// From when on it signs, in UTC seconds.
    pub(crate) not_before: i64,
}

impl Trust {
    /// Reads a downloaded zip and checks, in this order: length and hash against the manifest, format and limits, region and kind against
    /// the feed, times against the name, counts against the manifest, and the signature against the keys.
    pub(crate) fn check(&self, zip: &[u8], place: &Place<'_>) -> Result<Bundle, ClientError> {
        if let Some(listed) = place.listed {
            same("the length", zip.len() as u64 == listed.bytes)?;
            same("SHA-256 of the zip", <[u8; 32]>::from(Sha256::digest(zip)) == listed.zip_sha256)?;
        }
        let bundle = Bundle::read(zip, &self.limits)?;
        same("the region", bundle.header.region == place.feed.region.as_str())?;
        same("the kind", bundle.kind() == place.feed.kind)?;
        // An old bundle under a new name would be signed as well: the name is bound to what it holds.
        let name = index::bundle_path(place.feed, bundle.header.start, bundle.header.end);
        same("the name", name == place.path)?;
        if let Some(listed) = place.listed {
            self.check_content(&bundle, listed)?;
        }
        self.check_signature(&bundle, place.announced)?;
        Ok(bundle)
    }

    fn check_content(&self, bundle: &Bundle, listed: &ListedBundle) -> Result<(), ClientError> {
        let (entries, revised) = counts(&bundle.entries);
        same("SHA-256 of export.bin", bundle.digest == ExportDigest(listed.export_sha256))?;
        same("start or end", bundle.header.start == listed.start && bundle.header.end == listed.end)?;
        same("the count", entries == listed.count && revised == listed.revised)
    }

    fn check_signature(&self, bundle: &Bundle, announced: &[AnnouncedSigner]) -> Result<(), ClientError> {
        let pinned = self.keys.iter().any(|key| bundle.verify(key).is_ok());
        // What was announced counts only while a pinned key answers for the manifest that said so.
        let followed = || self.manifest.is_some() && announced.iter().any(|key| key.has_signed(bundle));
        if pinned || followed() { Ok(()) } else { Err(NotSigned.into()) }
    }
}

impl AnnouncedSigner {
    /// Whether a bundle is signed by this key, and ends when it was the key's turn or later.
    fn has_signed(&self, bundle: &Bundle) -> bool {
        let key = BundleKey::from_spki(&self.spki);
        bundle.header.end.unix() >= self.not_before && key.is_ok_and(|key| bundle.verify(&key).is_ok())
    }
}

/// The paths of an index, each of which must stand in the feed's own directory.
pub(crate) fn read_index(feed: &Feed, bytes: &[u8]) -> Result<Vec<String>, ClientError> {
    let paths = index::parse(bytes)?;
    let directory = format!("{feed}/");
    if paths.iter().any(|path| !path.starts_with(&directory)) {
        return Err(Malformed::new("index.txt", "lists a path of another feed").into());
    }
    Ok(paths)
}

fn counts(entries: &Entries) -> (u64, u64) {
    match entries {
        Entries::Gaen { keys, revised } => (keys.len() as u64, revised.len() as u64),
        Entries::Tcn { reports, withdrawn } => (reports.len() as u64, withdrawn.len() as u64),
    }
}

fn same(what: &'static str, holds: bool) -> Result<(), ClientError> {
    if holds { Ok(()) } else { Err(ClientError::NotAsListed(what)) }
}
