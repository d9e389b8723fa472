//! What a pass did, for people (`Display`, one line a fact) and for machines (`Serialize`).

use std::collections::BTreeMap;

use proto::{Feed, Kind};
use serde::Serialize;
use store::{BundleRow, Purged};

use crate::clocks::Clocks;
use crate::error::{ExportError, FailureKind};
use crate::stand::Stand;

mod text;

pub(crate) use text::grouped;

/// What one pass did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Nothing was done: this is what would have been.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// How far the clocks were apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clocks: Option<ClocksReport>,
    /// Feed by feed, by path.
    pub feeds: Vec<FeedReport>,
    /// How many withdrawn keys and reports were forgotten, which nobody could upload any more. They belong to no feed.
    #[serde(skip_serializing_if = "is_none")]
    pub forgotten: u64,
    /// What failed outside the feeds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

/// By how many seconds other clocks are ahead of this machine's; negative if they are behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClocksReport {
    /// The database's.
    pub database: i64,
    /// Those of the buckets that told their time, by name.
    pub buckets: BTreeMap<String, i64>,
}

/// What one pass did for one feed.
#[derive(Debug, Clone, Serialize)]
pub struct FeedReport {
    /// The feed's path.
    pub feed: String,
    /// What the entries are called.
    #[serde(skip)]
    pub kind: Kind,
    /// The feed's number in the database.
    pub number: u64,
    /// What was sealed.
    pub sealed: Vec<SealedBundle>,
    /// What waits, or still waits; none if the pass did not get that far.
    pub waiting: Option<WaitingReport>,
    /// The end of the newest bundle, in UTC seconds; none if there is none that is listed.
    pub newest: Option<i64>,
    /// The sequences of the bundles that were de-listed.
    pub delisted: Vec<u64>,
    /// What was removed from the database.
    pub purged: PurgedReport,
    /// Bucket by bucket, in the order of the settings.
    pub buckets: Vec<BucketReport>,
    /// What failed outside the buckets.
    pub failures: Vec<Failure>,
}

/// A bundle that this pass sealed.
#[derive(Debug, Clone, Serialize)]
pub struct SealedBundle {
    /// Its number in its feed.
    pub sequence: u64,
    /// Ordinary entries.
    pub count: u64,
    /// Revised entries.
    pub revised: u64,
    /// The end of the bundle before, in UTC seconds.
    pub start: i64,
    /// Its end, in UTC seconds.
    pub end: i64,
}

/// What waits in a feed.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct WaitingReport {
    /// Entries that may be released, and wait: because they are fewer than the minimum, or until the next period.
    pub held: u64,
    /// Entries that may not be released yet.
    pub unripe: u64,
    /// The minimum.
    pub minimum: u32,
}

/// Rows that one pass removed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PurgedReport {
    /// The sequences of the bundles that are gone altogether.
    pub bundles: Vec<u64>,
    /// How many publications went.
    pub publications: u64,
    /// How many keys or reports went with their last publication.
    pub entries: u64,
}

/// What one pass did for one feed in one bucket.
#[derive(Debug, Clone, Serialize)]
pub struct BucketReport {
    /// The bucket's name.
    pub bucket: String,
    /// The sequences of the bundles that were put and read back.
    pub put: Vec<u64>,
    /// The number of its manifest, 0 if it has none; none if it does not answer or says what it should not.
    pub number: Option<u64>,
    /// How many bundles that number lists.
    pub bundles: usize,
    /// Whether its manifest or index was moved.
    pub moved: bool,
    /// The sequences of the bundles whose objects were deleted.
    pub deleted: Vec<u64>,
    /// The intervals that were rendered for apps made from CoEpi's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rendered: Vec<u64>,
    /// What failed.
    pub failures: Vec<Failure>,
}

/// Something that failed.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// What the operator can do about it.
    pub kind: FailureKind,
    /// What it was.
    pub message: String,
}

impl Failure {
    /// The exit code of a command with these failures: that of the worst of them, and 0 if there is none.
    pub(crate) fn exit_code_of<'a>(failures: impl IntoIterator<Item = &'a Self>) -> u8 {
        failures.into_iter().map(|failure| failure.kind).max().map_or(0, FailureKind::exit_code)
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        Self { kind: error.kind(), message: error.to_string() }
    }
}

impl Report {
    /// Everything that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        let of_feeds = self.feeds.iter().flat_map(|feed| {
            let of_buckets = feed.buckets.iter().flat_map(|bucket| &bucket.failures);
            feed.failures.iter().chain(of_buckets)
        });
        of_feeds.chain(&self.failures)
    }

    /// Notes what failed in a bucket outside of any feed, with the first feed that has it: it is the bucket's failure, and nobody else's.
    pub(crate) fn note_in_bucket(&mut self, bucket: &str, why: ExportError) {
        let mut buckets = self.feeds.iter_mut().flat_map(|feed| &mut feed.buckets);
        match buckets.find(|report| report.bucket == bucket) {
            Some(report) => report.failures.push(why.into()),
            None => self.failures.push(why.into()),
        }
    }

    /// Notes how many withdrawn keys and reports were forgotten, or why they were not.
    pub(crate) fn note_forgotten(&mut self, forgotten: Result<u64, ExportError>) {
        match forgotten {
            Ok(forgotten) => self.forgotten = forgotten,
            Err(why) => self.failures.push(why.into()),
        }
    }

    /// Writes every failure to the log, once.
    pub(crate) fn log_failures(&self) {
        self.failures.iter().for_each(|failure| failure.log(None, None));
        for feed in &self.feeds {
            feed.failures.iter().for_each(|failure| failure.log(Some(&feed.feed), None));
            for bucket in &feed.buckets {
                bucket.failures.iter().for_each(|failure| failure.log(Some(&feed.feed), Some(&bucket.bucket)));
            }
        }
    }

    /// The exit code of `exporter once`: 0 if all was done (a held feed is done), 1 if it is worth another try, 2 if somebody has to look.
    pub fn exit_code(&self) -> u8 {
        Failure::exit_code_of(self.failures())
    }
}

impl FeedReport {
    /// A report without anything in it yet.
    pub(crate) fn new(feed: &Feed) -> Self {
        Self {
            feed: feed.to_string(),
            kind: feed.kind,
            number: 0,
            sealed: Vec::new(),
            waiting: None,
            newest: None,
            delisted: Vec::new(),
            purged: PurgedReport::default(),
            buckets: Vec::new(),
            failures: Vec::new(),
        }
    }
}

impl BucketReport {
    /// A report without anything in it yet.
    pub(crate) fn new(bucket: &str) -> Self {
        let (put, deleted, rendered, failures) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { bucket: bucket.to_owned(), put, number: None, bundles: 0, moved: false, deleted, rendered, failures }
    }

    /// A report of a bucket that was asked where it stands, and left as it is.
    pub(crate) fn of_stand(bucket: &str, stand: Result<Stand, ExportError>) -> Self {
        let mut report = Self::new(bucket);
        match stand {
            Ok(stand) => {
                report.number = Some(stand.number());
                report.bundles = stand.manifest.map_or(0, |(_, manifest)| manifest.bundles.len());
            }
            Err(why) => report.failures.push(why.into()),
        }
        report
    }
}

impl From<&Clocks> for ClocksReport {
    fn from(clocks: &Clocks) -> Self {
        Self { database: clocks.ahead, buckets: clocks.buckets.clone() }
    }
}

impl From<&BundleRow> for SealedBundle {
    fn from(row: &BundleRow) -> Self {
        let (start, end) = (row.start.unix(), row.end.unix());
        Self { sequence: row.sequence, count: row.count, revised: row.revised, start, end }
    }
}

impl From<Purged> for PurgedReport {
    fn from(purged: Purged) -> Self {
        Self { bundles: purged.bundles, publications: purged.publications, entries: purged.identities }
    }
}

impl Failure {
    /// An error only if somebody has to act: what the next pass repairs by itself is a warning.
    fn log(&self, feed: Option<&str>, bucket: Option<&str>) {
        let Self { kind, message } = self;
        match kind {
            FailureKind::Retry => tracing::warn!(feed, bucket.name = bucket, "the next pass tries again: {message}"),
            FailureKind::GiveUp | FailureKind::Corrupt => tracing::error!(feed, bucket.name = bucket, "{message}"),
        }
    }
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_in_a_bucket_is_its_own_failure_even_outside_of_feeds() {
        let no_gaen = Feed::verified("NO".parse().expect("region"), Kind::Gaen);
        let buckets = vec![BucketReport::new("main"), BucketReport::new("far")];
        let mut report =
            Report { feeds: vec![FeedReport { buckets, ..FeedReport::new(&no_gaen) }], ..Report::default() };
        report.note_in_bucket("far", ExportError::Retry("full".into()));
        report.note_in_bucket("gone", ExportError::Retry("away".into()));
        assert_eq!(report.feeds[0].buckets[1].failures[0].message, ExportError::Retry("full".into()).to_string());
        assert_eq!((report.feeds[0].buckets[0].failures.len(), report.failures.len()), (0, 1));
    }

    #[test]
    fn the_worst_failure_decides_the_exit_code() {
        let failure = |error: ExportError| vec![Failure::from(error)];
        let no_gaen = Feed::verified("NO".parse().expect("region"), Kind::Gaen);
        let feed = |failures| FeedReport { failures, ..FeedReport::new(&no_gaen) };
        let mut report = Report { feeds: vec![feed(vec![])], ..Report::default() };
        assert_eq!(report.exit_code(), 0);
        report.feeds.push(feed(failure(ExportError::Retry("disk".into()))));
        assert_eq!(report.exit_code(), 1);
        report.feeds.push(feed(failure(ExportError::Corrupt("row".into()))));
        assert_eq!(report.exit_code(), 2);
    }
}
