//! Who was near: a phone compares what it heard with the keys that were published.

use std::collections::HashMap;

use super::identifier::RollingProximityIdentifier;
use super::key::TemporaryExposureKey;
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
pub struct Observations {
    /// When each identifier was heard, in order of time. The map is keyed with chance (the standard library's default), so that nobody
    /// can broadcast identifiers that collide.
    heard: HashMap<RollingProximityIdentifier, Vec<Interval>>,
}

impl Observations {
    /// Clocks of two phones may differ by this many intervals, 2 h.
    pub const TOLERANCE: u32 = 12;

    /// Collects what was heard.
    pub fn new(heard: impl IntoIterator<Item = Observation>) -> Self {
        let mut collected = HashMap::<_, Vec<_>>::new();
        for observation in heard {
            collected.entry(observation.identifier).or_default().push(observation.heard);
        }
        for intervals in collected.values_mut() {
            intervals.sort_unstable();
            intervals.dedup();
        }
        Self { heard: collected }
    }

    /// Every observation that `key` explains, in broadcast order.
    pub fn matches(&self, key: &TemporaryExposureKey) -> Vec<Match> {
        let mut matches = Vec::new();
        for (offset, identifier) in (0..).zip(key.identifiers()) {
            let broadcast = key.rolling_start().plus(offset);
            let heard = self.heard.get(&identifier).into_iter().flatten();
            let near = heard.filter(|heard| heard.number().abs_diff(broadcast.number()) <= Self::TOLERANCE);
            matches.extend(near.map(|&heard| Match { broadcast, heard }));
        }
        matches
    }
}
