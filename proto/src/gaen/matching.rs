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

#[cfg(test)]
mod tests {
    use super::*;

    const START: u32 = 2_642_976;

    fn key(seed: u8) -> TemporaryExposureKey {
        TemporaryExposureKey::new(&[seed; 16], START.into(), 144).expect("valid")
    }

    fn heard(seed: u8, offset: usize, later: i64) -> Observation {
        let identifier = key(seed).identifiers().nth(offset).expect("a day has 144 identifiers");
        Observation { identifier, heard: Interval::new(START).plus(offset as i64 + later) }
    }

    #[test]
    fn clocks_may_differ_by_12_intervals_and_no_more() {
        for (later, matched) in [(-13, false), (-12, true), (0, true), (12, true), (13, false)] {
            // At either end of the day the listener's clock may even show another day.
            for offset in [0, 70, 143] {
                let observation = heard(1, offset, later);
                let expected = Match { broadcast: Interval::new(START + offset as u32), heard: observation.heard };
                let found = Observations::new([observation]).matches(&key(1));
                assert_eq!(found, if matched { vec![expected] } else { vec![] }, "{offset} {later}");
            }
        }
    }

    #[test]
    fn matches_stand_in_broadcast_order_and_each_once() {
        let heard =
            [heard(1, 90, 0), heard(1, 3, 1), heard(1, 3, 0), heard(2, 50, 0), heard(1, 90, 0), heard(1, 4, -2)];
        let found = Observations::new(heard).matches(&key(1));
        let pair = |broadcast, heard| Match { broadcast: Interval::new(broadcast), heard: Interval::new(heard) };
        let expected = [
            pair(START + 3, START + 3),
            pair(START + 3, START + 4),
            pair(START + 4, START + 2),
            pair(START + 90, START + 90),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_stranger_has_no_match() {
        let observations = Observations::new((0..144).map(|offset| heard(1, offset, 0)));
        assert_eq!(observations.matches(&key(1)).len(), 144);
        assert_eq!(observations.matches(&key(2)), []);
        assert_eq!(Observations::default().matches(&key(1)), []);
    }

    #[test]
    fn an_identifier_after_the_end_of_the_period_is_not_derived() {
        let short = TemporaryExposureKey::new(&[1; 16], START.into(), 100).expect("valid");
        let observations = Observations::new([heard(1, 99, 0), heard(1, 100, 0)]);
        assert_eq!(observations.matches(&short).len(), 1);
    }
}
