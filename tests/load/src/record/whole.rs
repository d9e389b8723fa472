//! All durations of one kind over the whole run.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::spread::{micros, milliseconds, round};
use crate::results::{Latency, Percentile};

/// Three significant digits: 812 ms and 813 ms are told apart.
const DIGITS: u8 = 3;

/// A longer time counts as a day, which bounds the histogram to 220 KB.
const LONGEST: Duration = Duration::from_secs(86_400);

/// An HdrHistogram of microseconds, which grows with the longest of them.
#[derive(Clone)]
pub(super) struct Whole {
    micros: Histogram<u64>,
}

impl Default for Whole {
    fn default() -> Self {
        Self { micros: Histogram::new(DIGITS).expect("three digits are among those that it can keep") }
    }
}

impl Whole {
    pub(super) fn add(&mut self, duration: Duration) {
        let grown = self.micros.record(micros(duration.min(LONGEST)));
        grown.expect("a histogram that reaches to a day is small enough to be addressed");
    }

    /// The bytes that it occupies beside itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.micros.distinct_values() * size_of::<u64>()
    }

    /// None if there are none.
    pub(super) fn figures(&self) -> Option<Latency> {
        if self.micros.is_empty() {
            return None;
        }
        Some(Latency {
            count: self.micros.len(),
            min_ms: milliseconds(self.micros.min()),
            mean_ms: round(self.micros.mean() / 1_000.0),
            p50_ms: self.percentile_ms(50.0),
            p90_ms: self.percentile_ms(90.0),
            p99_ms: self.percentile_ms(99.0),
            p999_ms: self.percentile_ms(99.9),
            max_ms: milliseconds(self.micros.max()),
            percentiles: self.ladder(),
        })
    }

    fn percentile_ms(&self, percentile: f64) -> f64 {
        // The longest in the same step may be longer than any that there was.
        milliseconds(self.micros.value_at_percentile(percentile).min(self.micros.max()))
    }

    /// Percentiles that come closer to 100 by halves, five to each half, until the distance holds no request any more.
    fn ladder(&self) -> Vec<Percentile> {
        const STEPS: u32 = 5;
        let (mut ladder, mut above, count) = (Vec::new(), 1.0_f64, self.micros.len() as f64);
        while above * count >= 1.0 {
            for step in 0..STEPS {
                let percentile = 100.0 * (1.0 - above * (1.0 - f64::from(step) / f64::from(2 * STEPS)));
                ladder.push(Percentile { percentile: round(percentile), ms: self.percentile_ms(percentile) });
            }
            above /= 2.0;
        }
        ladder.push(Percentile { percentile: 100.0, ms: milliseconds(self.micros.max()) });
        ladder
    }
}
