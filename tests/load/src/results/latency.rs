//! How long something took.

use serde::{Deserialize, Serialize};

/// Durations of one kind over the whole run, from an HdrHistogram with three significant digits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// The shortest, in milliseconds.
    pub min_ms: f64,
    /// The mean, in milliseconds.
    pub mean_ms: f64,
    /// Half of them took no longer.
    pub p50_ms: f64,
    /// 90 % took no longer.
    pub p90_ms: f64,
    /// 99 % took no longer.
    pub p99_ms: f64,
    /// 99.9 % took no longer.
    pub p999_ms: f64,
    /// The longest, in milliseconds.
    pub max_ms: f64,
    /// The whole distribution: percentiles that approach 100 by halves.
    pub percentiles: Vec<Percentile>,
}

/// One point of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentile {
    /// So many percent ...
    pub percentile: f64,
    /// ... took no longer than this, in milliseconds.
    pub ms: f64,
}

impl Latency {
    /// The time within which so many percent ended, in milliseconds: that of the next percentile that is known.
    pub fn at_percentile_ms(&self, percentile: f64) -> f64 {
        let named = [(50.0, self.p50_ms), (90.0, self.p90_ms), (99.0, self.p99_ms), (99.9, self.p999_ms)];
        let exact = named.iter().find(|(known, _)| *known == percentile).map(|(_, ms)| *ms);
        let next = || self.percentiles.iter().find(|point| point.percentile >= percentile).map(|point| point.ms);
        exact.or_else(next).unwrap_or(self.max_ms)
    }
}
