//! The keys that authorities publish themselves: where, how often they are looked at, and what was there.
//!
//! Of all servers that share a database one fetches a set when it is due. What it found is in force for all of them at once.

use async_trait::async_trait;
use proto::Timestamp;

use crate::authorities::AuthorityKey;
use crate::error::StoreError;

/// For how long a key is believed that has left its set, in seconds: certificates live for a quarter of an hour, and a phone may be slow.
pub const KEY_OVERLAP: i64 = 3_600;
/// For how long the last good set is believed while none can be fetched, in seconds: 7 days.
pub const KEY_SET_KEPT: i64 = 7 * 86_400;
/// How long a set is left to the server that began to fetch it, in seconds. Longer than any fetch may take.
pub(crate) const CLAIM: i64 = 60;
/// How long after one attempt an unknown key may bring about another, in seconds.
pub(crate) const HASTE: i64 = 60;

/// A set of keys: whose, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySetSource {
    /// The authority's id.
    pub authority: String,
    /// The URL of the set.
    pub url: String,
}

/// How it stands with a set of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySetStanding {
    /// Its URL.
    pub url: String,
    /// When it was last fetched; none if never from this URL.
    pub fetched_at: Option<Timestamp>,
    /// Since when it cannot be fetched.
    pub failing_since: Option<Timestamp>,
    /// The keys that were there, by their ids; those that have gone lately too.
    pub keys: Vec<FetchedKey>,
}

/// A key that was in a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedKey {
    /// The key.
    pub key: AuthorityKey,
    /// When it was first there.
    pub seen_since: Timestamp,
    /// When it was last there.
    pub seen_at: Timestamp,
    /// Since when it is not there any more.
    pub gone_since: Option<Timestamp>,
}

/// What a set that was fetched had that the one before had not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySetChange {
    /// Keys that are there for the first time, or again.
    pub added: Vec<String>,
    /// Keys that are others than they were, under the same id. The old ones are believed no more.
    pub replaced: Vec<String>,
    /// Keys that are there no more. They are believed for [`KEY_OVERLAP`] yet.
    pub gone: Vec<String>,
    /// Whether the set could not be fetched before.
    pub recovered: bool,
    /// Whether the operator has named another URL meanwhile, so that nothing of this counts.
    pub moved: bool,
}

impl KeySetChange {
    /// Whether the keys are what they were.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.replaced.is_empty() && self.gone.is_empty()
    }
}

/// What it means that a set could not be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchFailure {
    /// It could before: the last good set is believed for [`KEY_SET_KEPT`].
    First,
    /// It could not before either.
    Again,
    /// It could not for [`KEY_SET_KEPT`], as of now: the last good set is believed no more.
    Expired,
}

impl FetchFailure {
    /// Which one it is at `now`, after a success and a failure `before`, if there were any.
    pub(crate) fn of(fetched_at: Option<Timestamp>, before: Option<Timestamp>, now: Timestamp) -> Self {
        let end = fetched_at.map(|fetched_at| fetched_at.plus(KEY_SET_KEPT));
        match (end.filter(|end| *end <= now), before) {
            (Some(end), before) if before.is_none_or(|before| before < end) => Self::Expired,
            (_, Some(_)) => Self::Again,
            (_, None) => Self::First,
        }
    }
}

/// What is different about a set whose keys were `known`.
pub(crate) fn compare(known: &[FetchedKey], keys: &[AuthorityKey]) -> KeySetChange {
    let mut change = KeySetChange::default();
    for key in keys {
        match known.iter().find(|known| known.key.kid == key.kid) {
            Some(known) if known.key.key != key.key => change.replaced.push(key.kid.clone()),
            Some(known) if known.gone_since.is_none() => {}
            _ => change.added.push(key.kid.clone()),
        }
    }
    let gone = known.iter().filter(|known| known.gone_since.is_none());
    let gone = gone.filter(|known| keys.iter().all(|key| key.kid != known.key.kid));
    change.gone = gone.map(|known| known.key.kid.clone()).collect();
    change
}

/// Keeps the sets of keys.
#[async_trait]
pub trait KeySets: Send + Sync {
    /// Says where an authority publishes its keys, or that it does not. What was fetched from elsewhere is believed no more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the authority is not registered.
    async fn set_key_set(&self, authority: &str, url: Option<&str>) -> Result<(), StoreError>;

    /// A set that is due, which is left to the caller for a minute; none if there is none, or others have them.
    async fn claim_key_set(&self) -> Result<Option<KeySetSource>, StoreError>;

    /// Makes a set due because a key is not known that might be there; whether it does. It does not within a minute of the last attempt.
    async fn hasten_key_set(&self, authority: &str) -> Result<bool, StoreError>;

    /// Keeps the keys of a set that was fetched. It is due again in `next` seconds.
    async fn record_key_set(
        &self,
        source: &KeySetSource,
        keys: &[AuthorityKey],
        next: u32,
    ) -> Result<KeySetChange, StoreError>;

    /// Notes that a set could not be fetched. It is due again in `next` seconds.
    async fn record_fetch_failure(&self, source: &KeySetSource, next: u32) -> Result<FetchFailure, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_of_state_is_told_once() {
        let (zero, day) = (Timestamp::from_unix(0), 86_400);
        let of = |fetched: Option<i64>, before: Option<i64>, now| {
            FetchFailure::of(fetched.map(|at| zero.plus(at)), before.map(|at| zero.plus(at)), zero.plus(now))
        };
        assert_eq!(of(None, None, day), FetchFailure::First);
        assert_eq!(of(None, Some(day), 9 * day), FetchFailure::Again);
        assert_eq!(of(Some(0), None, 900), FetchFailure::First);
        assert_eq!(of(Some(0), Some(900), 960), FetchFailure::Again);
        assert_eq!(of(Some(0), Some(7 * day - 1), 7 * day), FetchFailure::Expired);
        assert_eq!(of(Some(0), Some(7 * day), 7 * day + 60), FetchFailure::Again);
        assert_eq!(of(Some(0), None, 8 * day), FetchFailure::Expired, "nobody looked for a week");
    }
}
