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
    /// Who may report without a certificate. Unless nobody may, its regions have a feed of self-reported TCN reports too.
    pub self_reports: SelfReporting,
    /// How many bytes the memo of a certified report may have: [`DEFAULT_MEMO_BYTES`], unless it knows that equal memos of more show which
    /// reports are one person's.
    pub memo_bytes: u8,
    /// Rises with every change.
    pub policy_version: u32,
    /// Its certificate keys.
    pub keys: Vec<AuthorityKey>,
}

/// A certificate key of an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityKey {
    /// `kid` as certificates have it: the RFC 7638 thumbprint, unless the issuer calls it otherwise.
    pub kid: String,
    /// The key, which knows its algorithm.
    pub key: CertificateKey,
}

/// How many bytes a memo in a verified feed may have, unless its authority allows more.
pub const DEFAULT_MEMO_BYTES: u8 = 1;

/// Who may report without a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SelfReporting {
    /// Nobody.
    #[default]
    Off,
    /// Whoever has worked for it.
    ProofOfWork,
    /// Anybody, as long as they are few.
    Open {
        /// How many reports an hour; at least 1.
        per_hour: u32,
    },
}

impl SelfReporting {
    /// `off`, `proof-of-work` or `open`, as in tables and flags.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::ProofOfWork => "proof-of-work",
            Self::Open { .. } => "open",
        }
    }

    /// How many an hour where anybody may.
    pub const fn per_hour(self) -> Option<u32> {
        match self {
            Self::Open { per_hour } => Some(per_hour),
            Self::Off | Self::ProofOfWork => None,
        }
    }

    /// From its two columns.
    pub(crate) fn from_columns(name: &str, per_hour: Option<u32>) -> Option<Self> {
        match (name, per_hour) {
            ("off", None) => Some(Self::Off),
            ("proof-of-work", None) => Some(Self::ProofOfWork),
            ("open", Some(per_hour)) => Some(Self::Open { per_hour }),
            _ => None,
        }
    }
}

impl From<CertificateKey> for AuthorityKey {
    /// The key under its thumbprint.
    fn from(key: CertificateKey) -> Self {
        Self { kid: key.kid(), key }
    }
}

impl Authority {
    /// The feeds of one kind that the authority's policy names.
    pub fn feeds(&self, kind: proto::Kind) -> Vec<Feed> {
        self.regions.iter().map(|region| Feed::verified(region.clone(), kind)).collect()
    }

    /// The feeds of what people report themselves: of TCN reports, and none if nobody may.
    pub fn self_reported_feeds(&self) -> Vec<Feed> {
        if self.self_reports == SelfReporting::Off {
            return Vec::new();
        }
        self.regions.iter().map(|region| Feed::self_reported(region.clone(), proto::Kind::Tcn)).collect()
    }

    /// All feeds that the policy names.
    pub(crate) fn all_feeds(&self) -> impl Iterator<Item = Feed> {
        let verified = proto::Kind::ALL.into_iter().flat_map(|kind| self.feeds(kind));
        verified.chain(self.self_reported_feeds())
    }
}

/// Reads and writes authorities.
#[async_trait]
pub trait Authorities: Send + Sync {
    /// Registers an authority with its regions and keys and creates the feeds of its policy that do not exist; registering the same
    /// again changes nothing, registering the id with anything else replaces what was registered (`policy_version` + 1).
    async fn register(&self, authority: &Authority, now: Timestamp) -> Result<(), StoreError>;

    /// The authority with this `healthAuthorityID`, case-folded by the caller, with the keys under which it is believed now, as
    /// [`Trust::trusted`](crate::Trust::trusted) has it; none if it is unknown or disabled.
    async fn authority(&self, id: &str) -> Result<Option<Authority>, StoreError>;

    /// All authorities that are believed now, by id.
    async fn authorities(&self) -> Result<Vec<Authority>, StoreError>;

    /// All feeds, by path.
    async fn feeds(&self) -> Result<Vec<Feed>, StoreError>;

    /// Answers if the database does.
    async fn ping(&self) -> Result<(), StoreError>;
}
