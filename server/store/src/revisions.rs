//! Revising what was said of keys: a likely diagnosis is confirmed, or a test disproves it.

use async_trait::async_trait;
use proto::{Feed, ReportType};

use crate::error::StoreError;
use crate::keys::{Accepted, AcceptedKey, Provenance};

/// A key that an upload sends again, to say something else of it.
#[derive(Debug, Clone)]
pub struct RevisedKey {
    /// What is said now, and the proof that came with what was said first.
    pub key: AcceptedKey,
    /// What was said first. Of a key of which something else is said by now, somebody has revised it already.
    pub from: ReportType,
}

/// Revises keys.
#[async_trait]
pub trait Revisions: Send + Sync {
    /// Revises keys, each as a whole or not at all:
    ///
    /// - A key that is not known is [accepted](crate::Keys::accept_keys) with what is said now, unless that is `negative`: then there is nothing to
    ///   take back.
    /// - A publication that waits says what is said now, and is released when it would have been; or, if that is `negative`, it is gone. A key of
    ///   which nothing waits any more and nothing was sealed stays known, so that no repeat brings it back.
    /// - Beside a sealed publication another one waits for its feed, with the next revision. Neither what was sealed nor the key's row is touched:
    ///   databases write a changed row to another place, and there one person's sealed keys would stand together.
    ///
    /// Start, period and origin stay. A key is revised once, and by whoever uploaded it first: nothing happens to one that was revised or revoked
    /// before, that is not [`from`](RevisedKey::from) what it is said to be, or whose [proof](crate::RevisionProof), start or period is another. The
    /// caller is not told, so no answer can tell either; a repeat changes nothing. Whatever else happens to the keys at the same time
    /// happens before or after.
    ///
    /// A revision of which anything happened counts a person for the authority and the day, see [`Uploads`](crate::Uploads). What conflicts with a
    /// known key is yielded as by `accept_keys`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown feed.
    async fn revise_keys(
        &self,
        keys: &[RevisedKey],
        feeds: &[Feed],
        provenance: &Provenance,
    ) -> Result<Accepted, StoreError>;
}

/// The keys of which something is said that can be published, for those that are not known.
pub(crate) fn publishable(keys: &[RevisedKey]) -> Vec<AcceptedKey> {
    let stands = |revised: &&RevisedKey| revised.key.raw.report_type != ReportType::Negative;
    keys.iter().filter(stands).map(|revised| revised.key.clone()).collect()
}

/// What is said now of the report type; every accepted key has one.
pub(crate) fn report_type(key: &AcceptedKey) -> Result<ReportType, StoreError> {
    key.published.report_type.ok_or_else(|| StoreError::Corrupt("report_type: is missing".into()))
}
