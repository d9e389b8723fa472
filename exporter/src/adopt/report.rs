//! What was taken over, for people and for machines.

use std::fmt;

use proto::Feed;
use serde::Serialize;
use store::BundleRow;

use crate::report::Failure;

/// What was taken over, or would be.
#[derive(Debug, Clone, Serialize)]
pub struct AdoptReport {
    /// Nothing was done: this is what would have been.
    pub dry_run: bool,
    /// Feed by feed, by path.
    pub feeds: Vec<FeedAdoption>,
}

/// What was taken over for one feed.
#[derive(Debug, Clone, Serialize)]
pub struct FeedAdoption {
    /// The feed's path.
    pub feed: String,
    /// The bucket whose manifest counts; none if no bucket is ahead of the database, and there is nothing to do.
    pub bucket: Option<String>,
    /// The number of the database before.
    pub from: u64,
    /// The number that was taken over.
    pub number: u64,
    /// The bundles whose rows were written.
    pub bundles: Vec<TakenOver>,
    /// Bundles that are listed no more because their time was over.
    pub expired: Vec<u64>,
    /// Bundles of the database that no bucket lists: what they carry waits again, unless another bundle carries it.
    pub recalled: Vec<u64>,
    /// The sequence of the feed's next bundle; 0 if nothing was to do.
    pub next_sequence: u64,
    /// Its start, in UTC seconds.
    pub next_start: i64,
    /// What failed.
    pub failures: Vec<Failure>,
}

/// A bundle that was taken over.
#[derive(Debug, Clone, Serialize)]
pub struct TakenOver {
    /// Its number in its feed.
    pub sequence: u64,
    /// Ordinary entries.
    pub count: u64,
    /// Revised entries.
    pub revised: u64,
    /// Whether the database had it, and lacked only hashes and signatures.
    pub kept: bool,
}

impl TakenOver {
    pub(super) const fn of(row: &BundleRow) -> Self {
        Self { sequence: row.sequence, count: row.count, revised: row.revised, kept: false }
    }
}

impl FeedAdoption {
    pub(super) fn new(feed: &Feed) -> Self {
        Self {
            feed: feed.to_string(),
            bucket: None,
            from: 0,
            number: 0,
            bundles: Vec::new(),
            expired: Vec::new(),
            recalled: Vec::new(),
            next_sequence: 0,
            next_start: 0,
            failures: Vec::new(),
        }
    }
}

impl AdoptReport {
    /// The exit code of `exporter adopt`: 0 if all was done, 1 if it is worth another try, 2 if somebody has to look.
    pub fn exit_code(&self) -> u8 {
        Failure::exit_code_of(self.feeds.iter().flat_map(|feed| &feed.failures))
    }
}

impl fmt::Display for AdoptReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dry_run {
            writeln!(f, "dry run: nothing was changed; this is what would be done")?;
        }
        self.feeds.iter().try_for_each(|feed| feed.fmt(f))
    }
}

impl fmt::Display for FeedAdoption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { feed, from, number, next_sequence, .. } = self;
        match &self.bucket {
            Some(bucket) => {
                writeln!(f, "{feed}: bucket {bucket} stands at number {number}, the database at {from}")?;
                for TakenOver { sequence, count, revised, kept } in &self.bundles {
                    let how = if *kept { "its hashes and signatures" } else { "from the bucket" };
                    writeln!(f, "{feed}: bundle {sequence}: {count} entries and {revised} revised, {how}")?;
                }
                for sequence in &self.expired {
                    writeln!(f, "{feed}: bundle {sequence}: its time is over")?;
                }
                for sequence in &self.recalled {
                    writeln!(
                        f,
                        "{feed}: bundle {sequence}: no bucket lists it; what no other bundle carries of it waits again"
                    )?;
                }
                if *next_sequence > 0 {
                    writeln!(f, "{feed}: the next bundle is {next_sequence}")?;
                }
            }
            None if self.failures.is_empty() => {
                writeln!(f, "{feed}: no bucket is ahead of the database, nothing to do")?
            }
            None => {}
        }
        self.failures.iter().try_for_each(|failure| writeln!(f, "{feed}: {failure}"))
    }
}
