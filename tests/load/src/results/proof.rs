//! Whether what was acknowledged was published.

use serde::{Deserialize, Serialize};

/// What the published bundles say about the uploads of this run. Counts are keys; a TCN report counts as one key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// Keys that the deployment acknowledged. Each must be published exactly once in each of its feeds.
    pub acknowledged: u64,
    /// Those of them that are.
    pub published: u64,
    /// Those that are missing.
    pub missing: u64,
    /// Those that are there more than once.
    pub twice: u64,
    /// Keys that were sent and never acknowledged: they may be published or not.
    pub unacknowledged: u64,
    /// Those of them that are published, once each.
    pub unacknowledged_published: u64,
    /// Published keys that this run did not send: filler, and uploads of others.
    pub others: u64,
    /// Bundles that were read.
    pub bundles: u64,
    /// The feeds that were read: `NO/gaen`.
    pub feeds: Vec<String>,
    /// How long the last keys were waited for, in seconds.
    pub waited_seconds: f64,
    /// What else does not hold, in whole sentences: a signature, a changed bundle, a list that went backwards.
    pub faults: Vec<String>,
}

impl Proof {
    /// True if every acknowledged key is there exactly once and nothing else is wrong.
    pub fn holds(&self) -> bool {
        self.missing == 0 && self.twice == 0 && self.published == self.acknowledged && self.faults.is_empty()
    }
}
