//! What a phone remembers of a feed between two polls.

use std::collections::{BTreeMap, BTreeSet};

use proto::manifest::{AnnouncedKey, GatewayService, Manifest};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::check::AnnouncedSigner;
use crate::error::ClientError;

/// A feed's state: plain data, to be stored after each sync. The default is that of a phone that has never polled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedState {
    /// Paths of the bundles that were fetched, checked and handed over.
    pub held: BTreeSet<String>,
    /// The newest manifest that was seen.
    pub manifest: Option<SeenManifest>,
    /// The keys of gateways that it announces. States that were stored before these were known have none.
    #[serde(default)]
    gateways: BTreeMap<String, Vec<[u8; 32]>>,
    /// The keys that it announces for bundles, with the same exception.
    #[serde(default)]
    signers: Vec<AnnouncedSigner>,
    /// The entity tags of index and manifest, kept only when nothing was left to fetch: otherwise the next sync reads both in full.
    index_etag: Option<String>,
    manifest_etag: Option<String>,
}

/// Which manifest a phone has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenManifest {
    /// Its number.
    pub number: u64,
    /// SHA-256 of its signed text.
    pub text_sha256: [u8; 32],
}

/// How a manifest relates to the one seen before.
pub(crate) enum Step {
    /// The same or a later one.
    Forwards,
    /// An earlier one, as from a lagging replica.
    Backwards,
}

impl FeedState {
    /// The hashes of a service's gateway keys, as the newest manifest announces them: what [`Relay::new`](crate::Relay::new) takes as listed.
    /// Empty, so that no key is good, if it announces none or none has been read yet.
    pub fn gateway_hashes(&self, service: GatewayService) -> &[[u8; 32]] {
        self.gateways.get(service.as_str()).map_or(&[], Vec::as_slice)
    }

    /// Who signs bundles, as the newest manifest announces it.
    pub(crate) fn signers(&self) -> &[AnnouncedSigner] {
        &self.signers
    }

    pub(crate) fn index_etag(&self) -> Option<&str> {
        self.index_etag.as_deref()
    }

    pub(crate) fn manifest_etag(&self) -> Option<&str> {
        self.manifest_etag.as_deref()
    }

    /// Nothing was left to fetch: the next sync may ask whether anything has changed at all.
    pub(crate) fn remember_tags(&mut self, index: Option<String>, manifest: Option<String>) {
        self.index_etag = index;
        self.manifest_etag = manifest;
    }

    /// Something is left to fetch: the next sync needs both lists in full.
    pub(crate) fn forget_tags(&mut self) {
        self.remember_tags(None, None);
    }

    /// Takes note of a manifest unless it goes backwards.
    ///
    /// # Errors
    /// [`ClientError::Forked`] if another text with the same number was seen before; the state stays as it was.
    pub(crate) fn step(&mut self, manifest: &Manifest, text: &str) -> Result<Step, ClientError> {
        let number = manifest.number;
        let text_sha256 = Sha256::digest(text.as_bytes()).into();
        match &self.manifest {
            Some(seen) if number < seen.number => return Ok(Step::Backwards),
            Some(seen) if number == seen.number && text_sha256 != seen.text_sha256 => {
                return Err(ClientError::Forked { number });
            }
            _ => self.manifest = Some(SeenManifest { number, text_sha256 }),
        }
        let of = |service: GatewayService| (service.as_str().to_owned(), manifest.gateway_hashes(service));
        self.gateways = GatewayService::ALL.map(of).into();
        let signer = |key: &AnnouncedKey| AnnouncedSigner { spki: key.spki.clone(), not_before: key.not_before.unix() };
        self.signers = manifest.keys.iter().map(signer).collect();
        Ok(Step::Forwards)
    }

    /// Lets go of bundles that have left the list at its old end. One that is missing at the new end may come back when a lagging replica
    /// has caught up, and must not be counted twice then. Names sort by time.
    pub(crate) fn forget_older_than(&mut self, oldest_listed: Option<&String>) {
        if let Some(oldest) = oldest_listed {
            self.held.retain(|path| path >= oldest);
        }
    }
}
