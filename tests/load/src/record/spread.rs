//! A small histogram for one slot of the timeline.

use std::time::Duration;

/// Each doubling of the time is cut into so many steps (32) as powers of two: 2^5.
const STEP_BITS: u32 = 5;

/// Durations in logarithmic steps, of which only those that occur are kept: most slots need a few dozen of 8 bytes.
/// A percentile is at most 3.2 % too high and never too low; the longest is exact.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    /// Step and how many lie in it, in the order of the steps.
    steps: Vec<(u16, u32)>,
    longest_us: u64,
}

impl Spread {
    pub(super) fn add(&mut self, duration: Duration) {
        let micros = micros(duration);
        self.longest_us = self.longest_us.max(micros);
        self.add_many(step(micros), 1);
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        self.longest_us = self.longest_us.max(other.longest_us);
        for &(step, count) in &other.steps {
            self.add_many(step, count);
        }
    }

    /// The time within which `percentile` percent ended, in milliseconds. None if there are none.
    pub(super) fn percentile_ms(&self, percentile: f64) -> Option<f64> {
        let rank = (percentile / 100.0 * self.count() as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.steps.iter().find(|&&(_, count)| {
            seen += u64::from(count);
            seen >= rank
        })?;
        Some(milliseconds(highest(found.0).min(self.longest_us)))
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.steps.iter().map(|&(_, count)| u64::from(count)).sum()
    }

    /// The longest time in milliseconds. None if there are none.
    pub(super) fn longest_ms(&self) -> Option<f64> {
        (!self.steps.is_empty()).then(|| milliseconds(self.longest_us))
    }

    /// The bytes that it occupies beside itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.steps.capacity() * size_of::<(u16, u32)>()
    }

    fn add_many(&mut self, step: u16, more: u32) {
        match self.steps.binary_search_by_key(&step, |&(known, _)| known) {
            Ok(at) => self.steps[at].1 = self.steps[at].1.saturating_add(more),
            Err(at) => self.steps.insert(at, (step, more)),
        }
    }
}

/// Whole microseconds, which is fine enough for anything that crosses a network.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds as milliseconds.
pub(super) fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}

/// Six decimals: more would only look exact, and would not come back from JSON as they went.
pub(super) fn round(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

/// The step of a number: its highest six bits and how many bits are below them.
fn step(micros: u64) -> u16 {
    let below = (u64::BITS - micros.leading_zeros()).saturating_sub(STEP_BITS + 1);
    ((below << STEP_BITS) as u16) + (micros >> below) as u16
}

/// The highest number of a step.
fn highest(step: u16) -> u64 {
    let below = u32::from(step >> STEP_BITS).saturating_sub(1);
    let lowest = u64::from(step) - (u64::from(below) << STEP_BITS);
    (lowest << below) + ((1 << below) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_lies_in_a_step_that_is_narrow() {
        let mut last = 0;
        for bits in 0..63 {
            for micros in [1_u64 << bits, (1 << bits) + (1 << bits) / 3, (1 << bits) * 2 - 1] {
                let top = highest(step(micros));
                assert!(top >= micros, "{micros} above {top}");
                assert!((top - micros) as f64 <= 0.032 * micros as f64, "{micros} far below {top}");
                assert!(step(micros) >= last, "steps go up");
                last = step(micros);
            }
        }
        assert_eq!((step(0), highest(0)), (0, 0));
    }

    #[test]
    fn merged_spreads_are_the_spread_of_all() {
        let (mut left, mut right, mut both) = (Spread::default(), Spread::default(), Spread::default());
        for micros in (0..2_000_u64).map(|number| number * number) {
            let one = Duration::from_micros(micros);
            if micros % 3 == 0 {
                left.add(one)
            } else {
                right.add(one)
            }
            both.add(one);
        }
        left.absorb(&right);
        assert_eq!(left.steps, both.steps);
        assert_eq!(left.longest_ms(), Some(1_999.0 * 1_999.0 / 1_000.0));
        assert_eq!(left.percentile_ms(100.0), left.longest_ms());
        assert_eq!(Spread::default().percentile_ms(50.0), None);
    }
}
