//! Who is believed at this moment, and how it stands with everybody who ever was.
//!
//! Three things make a key believed: the operator registered it, or its authority publishes it; the authority is not disabled; and nobody denied
//! the key. Each is read from the database when somebody wants to know, so that what an operator says is in force at once, everywhere.

use async_trait::async_trait;
use proto::Timestamp;

use crate::authorities::{Authority, AuthorityKey};
use crate::error::StoreError;
use crate::key_sets::KeySetStanding;

/// An authority whose certificates are believed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// With the keys that are believed now, from wherever, in the order of their ids.
    pub authority: Authority,
    /// The ids of keys that are denied: for metrics alone, since none of them is among the others.
    pub denied: Vec<String>,
    /// Whether it publishes keys itself, so that a key that is not known may be found there.
    pub has_key_set: bool,
}

/// An authority as its operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredAuthority {
    /// What was registered. Its keys are those from files, denied or not.
    pub authority: Authority,
    /// Since when nothing of it is believed; none while it is.
    pub disabled_at: Option<Timestamp>,
    /// The keys that it publishes, if it does.
    pub key_set: Option<KeySetStanding>,
    /// The keys that are denied, known or not, by their ids.
    pub denied: Vec<DeniedKey>,
}

/// A key under which nothing is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedKey {
    /// What certificates call it.
    pub kid: String,
    /// From when on nothing is believed under it; may lie in the future.
    pub denied_since: Timestamp,
}

/// What became of a denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// From when on the key is denied. A denial that stood already is only ever moved to an earlier time.
    pub denied_since: Timestamp,
    /// Whether it changed anything.
    pub changed: bool,
    /// The time of the database, by which the denial counts.
    pub now: Timestamp,
}

impl RegisteredAuthority {
    /// From when on a key is denied, if it is.
    pub fn denied_since(&self, kid: &str) -> Option<Timestamp> {
        self.denied.iter().find(|denied| denied.kid == kid).map(|denied| denied.denied_since)
    }

    /// Whether a key is known, from a file or from the set.
    pub fn knows(&self, kid: &str) -> bool {
        let named = |key: &AuthorityKey| key.kid == kid;
        self.authority.keys.iter().any(named)
            || self.key_set.iter().flat_map(|set| &set.keys).any(|fetched| named(&fetched.key))
    }
}

/// Says whom to believe.
#[async_trait]
pub trait Trust: Send + Sync {
    /// The authority with this `healthAuthorityID`, case-folded by the caller, and the keys under which it is believed now; none if it is unknown
    /// or disabled. One statement: every upload asks.
    async fn trusted(&self, id: &str) -> Result<Option<Trusted>, StoreError>;

    /// The authority of this id as it was registered, disabled or not; none if it never was.
    async fn registered(&self, id: &str) -> Result<Option<RegisteredAuthority>, StoreError>;

    /// All of them, by id.
    async fn all_registered(&self) -> Result<Vec<RegisteredAuthority>, StoreError>;

    /// Believes nothing of an authority from now on, or believes it again; whether that changed anything. Nothing of it is deleted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if it is not registered.
    async fn set_disabled(&self, id: &str, disabled: bool) -> Result<bool, StoreError>;

    /// Denies a key from `since` on, or from now on. It need not be known, and nothing takes it back: whoever has the key once has it for ever.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the authority is not registered.
    async fn deny_key(&self, id: &str, kid: &str, since: Option<Timestamp>) -> Result<Denial, StoreError>;
}
