//! Who was near: a phone compares what it heard with the keys that were published.

use crate::gaen::{RollingProximityIdentifier, TemporaryExposureKey};
use crate::interval::Interval;

/// An identifier that a phone heard, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// What was heard.
    pub identifier: RollingProximityIdentifier,
    /// In which interval, by the listener's clock.
    pub heard: Interval,
}

/// An observation explained by a published key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The interval for which the key derives the identifier.
    pub broadcast: Interval,
    /// The interval in which it was heard: at most [`TOLERANCE`](Observations::TOLERANCE) intervals away.
    pub heard: Interval,
}

/// All that a phone heard, ready to be searched.
#[derive(Debug, Default)]
pub struct Observations {}

impl Observations {
    /// Clocks of two phones may differ by this many intervals, 2 h.
    pub const TOLERANCE: u32 = 12;

    /// Collects what was heard.
    pub fn new(_heard: impl IntoIterator<Item = Observation>) -> Self {
        todo!()
    }

    /// Every observation that `key` explains, in broadcast order.
    pub fn matches(&self, _key: &TemporaryExposureKey) -> Vec<Match> {
        todo!()
    }
}
