//! How long buckets wait for each other.

use std::time::Duration;

/// How long buckets wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// All buckets at once; otherwise one after the other, in the order of the settings, so that the same pass takes the same steps in the same
    /// order. Nothing else is gained by that.
    pub at_once: bool,
    /// How long a bucket that holds all bundles waits for another that does not yet, before it lists them.
    pub grace: Duration,
    /// How long a bucket may go on with a feed when another one has done all there was to do. The next pass goes on where it ended.
    pub overtime: Duration,
}

impl Default for Pace {
    /// All at once; 10 s, and a minute.
    fn default() -> Self {
        Self { at_once: true, grace: Duration::from_secs(10), overtime: Duration::from_secs(60) }
    }
}
