//! Authorities as the key server knows them: whose certificates are believed, and which feeds their keys reach.

use async_trait::async_trait;
use proto::certificate::CertificateKey;
use proto::{Feed, Region, Timestamp};

use crate::error::StoreError;

/// A health authority whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Its slug, lower case; also `healthAuthorityID` (case-folded).
    pub id: String,
    /// `iss` of its certificates; the id unless set otherwise.
    pub issuer: String,
    /// `aud` of its certificates; `pratique` unless set otherwise.
    pub audience: String,
    /// Its regions: a verified feed of each kind for each.
    pub regions: Vec<Region>,
    /// Rises with every change of its regions.
    pub policy_version: u32,
    /// Its certificate keys.
    pub keys: Vec<AuthorityKey>,
}

/// A certificate key of an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityKey {
    /// `kid`: the RFC 7638 thumbprint.
    pub kid: String,
    /// The key, which knows its algorithm.
    pub key: CertificateKey,
}

impl Authority {
    /// The feeds of one kind that the authority's policy names.
    pub fn feeds(&self, kind: proto::Kind) -> Vec<Feed> {
        self.regions.iter().map(|region| Feed::verified(region.clone(), kind)).collect()
    }
}

/// Reads and writes authorities.
#[async_trait]
pub trait Authorities: Send + Sync {
    /// Registers an authority with its regions and keys and creates the feeds of its regions that do not exist; registering the same
    /// again changes nothing, registering the id with other regions, keys, issuer or audience replaces them (`policy_version` + 1).
    async fn register(&self, authority: &Authority, now: Timestamp) -> Result<(), StoreError>;

    /// The authority with this `healthAuthorityID`, case-folded by the caller; none if it is unknown.
    async fn authority(&self, id: &str) -> Result<Option<Authority>, StoreError>;

    /// All authorities, by id.
    async fn authorities(&self) -> Result<Vec<Authority>, StoreError>;

    /// All feeds, by path.
    async fn feeds(&self) -> Result<Vec<Feed>, StoreError>;

    /// Answers if the database does.
    async fn ping(&self) -> Result<(), StoreError>;
}
