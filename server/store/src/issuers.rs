//! Authorities as verification knows them: who issues codes, with which API keys, and whose key signs their certificates.

use async_trait::async_trait;
use proto::certificate::CertificateKey;
use proto::{Malformed, Timestamp};

use crate::code_style::CodeStyle;
use crate::error::StoreError;

/// A health authority that issues codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Its slug, lower case.
    pub id: String,
    /// `iss` of its certificates; the id unless set otherwise.
    pub issuer: String,
    /// `aud` of its certificates; `pratique` unless set otherwise.
    pub audience: String,
    /// Whether an issue request must carry the date of onset or test.
    pub date_required: bool,
    /// How it wants its codes.
    pub codes: CodeStyle,
    /// Whether phones may ask for codes themselves, for what their owners say.
    pub user_reports: bool,
    /// How many codes it may issue in a UTC day, and how many people may ask for one themselves; none: as many as they like.
    pub daily_quota: Option<u32>,
}

/// An authority as it stands in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredIssuer {
    /// What was said about it.
    pub issuer: Issuer,
    /// When it was registered.
    pub created_at: Timestamp,
    /// From then on it is refused; none: it takes part.
    pub disabled_at: Option<Timestamp>,
}

/// The public half of a certificate signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerKey {
    /// `kid`: the RFC 7638 thumbprint.
    pub kid: String,
    /// The key, which knows its algorithm.
    pub key: CertificateKey,
    /// Published at once, used for signing from then on.
    pub signs_from: Timestamp,
    /// No longer published from then on; none: until further notice.
    pub retires_at: Option<Timestamp>,
}

/// What an API key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeyKind {
    /// By apps: verify, certificate.
    Device,
    /// By the authority's staff and tools: issue.
    Admin,
    /// By dashboards: counters.
    Stats,
}

/// Whose API key it is, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyGrant {
    /// The authority.
    pub issuer: Issuer,
    /// What it may be used for.
    pub kind: ApiKeyKind,
    /// Whether the authority is disabled, so that whoever has the key is to be refused all the same.
    pub disabled: bool,
}

/// An API key as it stands in the database, which does not know the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredApiKey {
    /// Its SHA-256.
    pub digest: [u8; 32],
    /// What it may be used for.
    pub kind: ApiKeyKind,
    /// When it was added.
    pub created_at: Timestamp,
    /// Refused from then on; none: it is good.
    pub revoked_at: Option<Timestamp>,
}

/// Reads and writes authorities and their keys.
#[async_trait]
pub trait Issuers: Send + Sync {
    /// Registers an authority; registering the same again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the id or the issuer is taken by another.
    async fn create_issuer(&self, issuer: &Issuer, now: Timestamp) -> Result<(), StoreError>;

    /// Changes everything about an authority but its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown authority, [`StoreError::Exists`] if the issuer is taken by another.
    async fn update_issuer(&self, issuer: &Issuer) -> Result<(), StoreError>;

    /// The authority with this id; none if it is unknown or disabled.
    async fn issuer(&self, id: &str, now: Timestamp) -> Result<Option<Issuer>, StoreError>;

    /// All authorities, disabled ones too, by id.
    async fn issuers(&self) -> Result<Vec<RegisteredIssuer>, StoreError>;

    /// Disables an authority from `disabled_at` on, or enables it again. Nothing that it has is lost.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown authority.
    async fn set_issuer_disabled(&self, authority: &str, disabled_at: Option<Timestamp>) -> Result<(), StoreError>;

    /// Adds a certificate key; adding the same again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown authority, [`StoreError::Exists`] if another authority has this key.
    async fn add_issuer_key(&self, authority: &str, key: &IssuerKey) -> Result<(), StoreError>;

    /// Adds a certificate key as above, and lets every other key of the authority retire at `others_retire_at`, unless it retires earlier.
    /// With a key that the authority has already, nothing changes at all: a repeated rotation is none.
    ///
    /// # Errors
    /// As [`add_issuer_key`](Self::add_issuer_key).
    async fn rotate_issuer_key(
        &self,
        authority: &str,
        key: &IssuerKey,
        others_retire_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Lets a certificate key retire at `at`, unless it retires earlier.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the authority has no such key.
    async fn retire_issuer_key(&self, authority: &str, kid: &str, at: Timestamp) -> Result<(), StoreError>;

    /// The certificate keys of an authority that had not retired at `since`, the one that signs from the latest time on first; none if
    /// the authority is unknown. With the time now these are the live ones; with an earlier one, those that were live since.
    async fn issuer_keys(&self, authority: &str, since: Timestamp) -> Result<Option<Vec<IssuerKey>>, StoreError>;

    /// Adds an API key by its SHA-256.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown authority, [`StoreError::Exists`] if the key exists.
    async fn add_api_key(
        &self,
        authority: &str,
        kind: ApiKeyKind,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// All API keys of an authority, revoked ones too, the oldest first; none if the authority is unknown.
    async fn api_keys(&self, authority: &str) -> Result<Option<Vec<RegisteredApiKey>>, StoreError>;

    /// Revokes an API key from `now` on; one that is revoked already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the authority has no such key.
    async fn revoke_api_key(&self, authority: &str, digest: [u8; 32], now: Timestamp) -> Result<(), StoreError>;

    /// Whose the API key with this SHA-256 is; none if it is unknown or revoked. Whether the authority is disabled stands in the answer.
    async fn api_key(&self, digest: [u8; 32], now: Timestamp) -> Result<Option<ApiKeyGrant>, StoreError>;
}

impl ApiKeyKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Device, Self::Admin, Self::Stats];

    /// The name as it stands in the key: `device`, `admin`, `stats`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Admin => "admin",
            Self::Stats => "stats",
        }
    }
}

impl std::fmt::Display for ApiKeyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for ApiKeyKind {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| Malformed::new("kind", "must be device, admin or stats"))
    }
}
