//! What a pass did, for people (`Display`, one line a fact) and for machines (`Serialize`).

use std::fmt;

use proto::{Feed, Kind};
use serde::Serialize;
use store::BundleRow;

use crate::error::{ExportError, FailureKind};

/// What one pass did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Feed by feed, by path.
    pub feeds: Vec<FeedReport>,
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
    /// What waits, if nothing was sealed.
    pub waiting: Option<WaitingReport>,
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
    /// Entries that may be released, and are held because they are fewer than the minimum.
    pub held: u64,
    /// Entries that may not be released yet.
    pub unripe: u64,
    /// The minimum.
    pub minimum: u32,
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

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        Self { kind: error.kind(), message: error.to_string() }
    }
}

impl Report {
    /// Everything that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.feeds.iter().flat_map(|feed| {
            let of_buckets = feed.buckets.iter().flat_map(|bucket| &bucket.failures);
            feed.failures.iter().chain(of_buckets)
        })
    }

    /// Writes every failure to the log, once.
    pub(crate) fn log_failures(&self) {
        for feed in &self.feeds {
            feed.failures.iter().for_each(|failure| failure.log(&feed.feed, None));
            for bucket in &feed.buckets {
                bucket.failures.iter().for_each(|failure| failure.log(&feed.feed, Some(&bucket.bucket)));
            }
        }
    }

    /// The exit code of `exporter once`: 0 if all was done (a held feed is done), 1 if it is worth another try, 2 if somebody has to look.
    pub fn exit_code(&self) -> u8 {
        match self.failures().map(|failure| failure.kind).max() {
            None => 0,
            Some(FailureKind::Retry) => 1,
            Some(FailureKind::GiveUp | FailureKind::Corrupt) => 2,
        }
    }
}

impl FeedReport {
    /// A report without anything in it yet.
    pub(crate) fn new(feed: &Feed) -> Self {
        let (sealed, buckets, failures) = (Vec::new(), Vec::new(), Vec::new());
        Self { feed: feed.to_string(), kind: feed.kind, number: 0, sealed, waiting: None, buckets, failures }
    }
}

impl BucketReport {
    /// A report without anything in it yet.
    pub(crate) fn new(bucket: &str) -> Self {
        let (put, failures) = (Vec::new(), Vec::new());
        Self { bucket: bucket.to_owned(), put, number: None, bundles: 0, moved: false, failures }
    }
}

impl From<&BundleRow> for SealedBundle {
    fn from(row: &BundleRow) -> Self {
        let (start, end) = (row.start.unix(), row.end.unix());
        Self { sequence: row.sequence, count: row.count, revised: row.revised, start, end }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.feeds.is_empty() {
            writeln!(f, "no feeds: register an authority and its regions with the server first")?;
        }
        self.feeds.iter().try_for_each(|feed| feed.fmt(f))
    }
}

impl fmt::Display for FeedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (feed, (noun, revised)) = (&self.feed, nouns(self.kind));
        for bundle in &self.sealed {
            writeln!(f, "{feed}: sealed {} into bundle {}", counted(bundle.count, noun), bundle.sequence)?;
            if bundle.revised > 0 {
                writeln!(f, "{feed}: bundle {} has {} besides", bundle.sequence, counted(bundle.revised, revised))?;
            }
        }
        if let Some(WaitingReport { held, unripe, minimum }) = self.waiting {
            match held {
                0 => writeln!(f, "{feed}: nothing to seal")?,
                _ => writeln!(f, "{feed}: held, {} of {} waiting", grouped(held), counted(minimum.into(), noun))?,
            }
            if unripe > 0 {
                writeln!(f, "{feed}: {} may not be released yet", counted(unripe, noun))?;
            }
        }
        self.failures.iter().try_for_each(|failure| writeln!(f, "{feed}: {failure}"))?;
        self.buckets.iter().try_for_each(|bucket| bucket.describe(feed, f))
    }
}

impl BucketReport {
    fn describe(&self, feed: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bucket = &self.bucket;
        if let (Some(first), Some(last)) = (self.put.first(), self.put.last()) {
            match self.put.len() {
                1 => writeln!(f, "{feed}: bucket {bucket}: put bundle {first}")?,
                n => writeln!(f, "{feed}: bucket {bucket}: put {n} bundles, {first} to {last}")?,
            }
        }
        self.failures.iter().try_for_each(|failure| writeln!(f, "{feed}: bucket {bucket}: {failure}"))?;
        let verb = if self.moved { "now lists" } else { "lists" };
        match self.number {
            Some(number) => {
                let bundles = counted(self.bundles as u64, "bundle");
                writeln!(f, "{feed}: bucket {bucket}: {verb} {bundles} at number {number}")
            }
            None => Ok(()),
        }
    }
}

impl Failure {
    /// An error only if somebody has to act: what the next pass repairs by itself is a warning.
    fn log(&self, feed: &str, bucket: Option<&str>) {
        let Self { kind, message } = self;
        match kind {
            FailureKind::Retry => tracing::warn!(feed, bucket.name = bucket, "the next pass tries again: {message}"),
            FailureKind::GiveUp | FailureKind::Corrupt => tracing::error!(feed, bucket.name = bucket, "{message}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FailureKind::Retry => write!(f, "FAILED, run again: {}", self.message),
            FailureKind::GiveUp | FailureKind::Corrupt => write!(f, "FAILED, look into it: {}", self.message),
        }
    }
}

/// What one entry is called, and a revised one.
const fn nouns(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Gaen => ("key", "revised key"),
        Kind::Tcn => ("report", "withdrawn report"),
    }
}

/// `1 key`, `1,000 keys`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(counted(1, "key"), "1 key");
        assert_eq!(counted(1_000, "key"), "1,000 keys");
    }

    #[test]
    fn the_worst_failure_decides_the_exit_code() {
        let failure = |error: ExportError| vec![Failure::from(error)];
        let no_gaen = Feed::verified("NO".parse().expect("region"), Kind::Gaen);
        let feed = |failures| FeedReport { failures, ..FeedReport::new(&no_gaen) };
        let mut report = Report { feeds: vec![feed(vec![])] };
        assert_eq!(report.exit_code(), 0);
        report.feeds.push(feed(failure(ExportError::Retry("disk".into()))));
        assert_eq!(report.exit_code(), 1);
        report.feeds.push(feed(failure(ExportError::Corrupt("row".into()))));
        assert_eq!(report.exit_code(), 2);
    }
}
