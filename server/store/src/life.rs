//! How bundles end: de-listed, deleted from every bucket, forgotten.
//!
//! A bundle is listed for [`LISTED_FOR`] after its end. A bucket keeps its object for [`KEPT_FOR`] after its own index ceased to name it, because
//! somebody may have read that index just before. Its rows go once every bucket has confirmed that the object is gone. What waits never dies,
//! whatever its age: this is about bundles, and about what only they still need.
//!
//! **No key is published twice.** The server accepts a key until 15 days and ten minutes after its validity. No seal takes it until two hours after
//! its validity, so its bundle ends no earlier than that, and its rows live for at least 15 days more: for an hour and fifty minutes nobody
//! accepts the key and it is known all the same. A report bears no date. Whoever uploads one whose rows have died publishes it once more, which
//! says no more than a report of their own would: nobody remembers what it covers for longer than that.

use std::collections::BTreeMap;

use async_trait::async_trait;
use proto::{Feed, Timestamp};

use crate::bundles::BundleRow;
use crate::error::StoreError;

/// For how long after its end a bundle is listed, in seconds: 14 days.
pub const LISTED_FOR: i64 = 14 * 86_400;
/// For how long a bucket keeps the object of a bundle that it lists no more, in seconds: a day.
pub const KEPT_FOR: i64 = 86_400;

/// What one transaction of [`Life::purge`] removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// The bundles of which nothing is left; their sequences, ascending.
    pub bundles: Vec<u64>,
    /// How many publications went.
    pub publications: u64,
    /// How many keys or reports went with their last publication.
    pub identities: u64,
    /// How many numbers went, which nobody will list again.
    pub numbers: u64,
}

impl Purged {
    /// Whether there was nothing to remove.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Counts what another transaction removed as well.
    pub fn add(&mut self, other: Self) {
        self.bundles.extend(other.bundles);
        self.publications += other.publications;
        self.identities += other.identities;
        self.numbers += other.numbers;
    }
}

/// Ends the life of bundles. Each method may be repeated, by any number of programs at once. Times are the store's.
#[async_trait]
pub trait Life: Send + Sync {
    /// The bundles that [`delist`](Self::delist) would de-list now; their sequences, ascending.
    async fn expired(&self, feed: &Feed) -> Result<Vec<u64>, StoreError>;

    /// De-lists every bundle whose end is [`LISTED_FOR`] ago, in one transaction under the feed's lock, and takes the next number if there are any;
    /// their sequences, ascending. What was listed at earlier numbers stays as it was.
    async fn delist(&self, feed: &Feed) -> Result<Vec<u64>, StoreError>;

    /// The bundles whose objects are to be deleted from a bucket now: it has listed them no more for [`KEPT_FOR`], as
    /// [`record_listed`](crate::Bundles::record_listed) noted. Oldest first.
    async fn deletable(&self, feed: &Feed, bucket: &str) -> Result<Vec<BundleRow>, StoreError>;

    /// Notes that a bundle's object is gone from a bucket that lists it no more. Of a bundle that is gone altogether there is nothing to note.
    async fn record_deleted(&self, feed: &Feed, sequence: u64, bucket: &str) -> Result<(), StoreError>;

    /// The bundles that [`purge`](Self::purge) would remove now; their sequences, ascending.
    async fn dead(&self, feed: &Feed, buckets: &[String]) -> Result<Vec<u64>, StoreError>;

    /// Removes the rows of bundles whose objects are gone from each of `buckets`, which are all that the exporters of this database publish to:
    /// the bundle, its publications, and the keys and reports that no other bundle and nothing that waits still needs. A bucket that is not
    /// named holds up nothing, whatever it still has; without any bucket nothing dies.
    ///
    /// One transaction removes at most `limit` publications and bundles together, and as many numbers. Call it until there
    /// [is nothing](Purged::is_nothing) to remove. The feed's sequence, end and number go on from where they are.
    async fn purge(&self, feed: &Feed, buckets: &[String], limit: u32) -> Result<Purged, StoreError>;
}

/// Until when the end of a recalled bundle must lie for its row to go. Until then somebody could upload again what it carried, and one of it that
/// returned may have been taken back, so that nothing else keeps it known.
pub(crate) fn outlived(now: Timestamp) -> Timestamp {
    now.plus(-LISTED_FOR - KEPT_FOR)
}

/// Which of some de-listed bundles are gone from all of `buckets`, ascending. Each comes with a bucket that has confirmed it, as often as there
/// are such buckets, or once without any.
pub(crate) fn gone(confirmed: impl IntoIterator<Item = (u64, Option<String>)>, buckets: &[String]) -> Vec<u64> {
    let mut by_bundle = BTreeMap::<u64, Vec<String>>::new();
    for (sequence, bucket) in confirmed {
        by_bundle.entry(sequence).or_default().extend(bucket);
    }
    let gone = by_bundle.into_iter().filter(|(_, from)| buckets.iter().all(|bucket| from.contains(bucket)));
    // Nobody can have confirmed anything to somebody who knows no bucket.
    gone.filter(|_| !buckets.is_empty()).map(|(sequence, _)| sequence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_gone_once_every_bucket_that_is_named_has_confirmed_it() {
        let confirmed = [(1, Some("a")), (1, Some("b")), (2, Some("b")), (3, None)];
        let gone = |buckets: &[&str]| {
            let buckets: Vec<String> = buckets.iter().map(|&bucket| bucket.to_owned()).collect();
            gone(confirmed.map(|(sequence, bucket)| (sequence, bucket.map(str::to_owned))), &buckets)
        };
        assert_eq!(gone(&["a", "b"]), [1]);
        assert_eq!(gone(&["b"]), [1, 2]);
        assert!(gone(&["c"]).is_empty());
        assert!(gone(&[]).is_empty());
    }
}
