//! Time as the protocols see it: UTC seconds, ten-minute intervals, days. The only file that knows what 600 s are.

use serde::{Deserialize, Serialize};

/// Seconds of an interval (GAEN cryptography v1.2, "ENIntervalNumber").
const SECONDS: i64 = 600;
/// Intervals of a UTC day, and the longest rolling period of a key.
pub const INTERVALS_PER_DAY: u32 = 144;

/// A moment, in whole UTC seconds since 1970. Always an argument: this crate never reads the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `seconds` after 1970-01-01T00:00:00Z.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// This moment moved by `seconds`, which may be negative.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// The last multiple of `step` seconds that is not after this moment: times at rest are coarse.
    #[must_use]
    pub const fn floor(self, step: i64) -> Self {
        Self(self.0.div_euclid(step).saturating_mul(step))
    }

    /// The first multiple of `step` seconds that is not before this moment.
    #[must_use]
    pub const fn ceil(self, step: i64) -> Self {
        Self(self.0.saturating_add(step - 1).div_euclid(step).saturating_mul(step))
    }
}

/// A ten-minute interval number, `floor(unix / 600)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Interval(u32);

impl Interval {
    /// The interval with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The interval that contains `now`; moments before 1970 belong to interval 0.
    pub fn containing(now: Timestamp) -> Self {
        Self(u32::try_from(now.unix().div_euclid(SECONDS).max(0)).unwrap_or(u32::MAX))
    }

    /// The interval number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The moment at which the interval begins.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0 as i64 * SECONDS)
    }

    /// This interval moved by `intervals`, held inside the range of the type.
    #[must_use]
    pub const fn plus(self, intervals: i64) -> Self {
        let moved = (self.0 as i64).saturating_add(intervals);
        if moved < 0 {
            Self(0)
        } else if moved > u32::MAX as i64 {
            Self(u32::MAX)
        } else {
            Self(moved as u32)
        }
    }

    /// The interval at which this interval's UTC day begins.
    #[must_use]
    pub const fn midnight(self) -> Self {
        Self(self.0 / INTERVALS_PER_DAY * INTERVALS_PER_DAY)
    }

    /// Whole UTC days from `earlier` to this interval, negative if it is later: both are taken at midnight.
    pub const fn days_since(self, earlier: Self) -> i32 {
        (self.0 / INTERVALS_PER_DAY) as i32 - (earlier.0 / INTERVALS_PER_DAY) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_contains_its_start_and_not_its_end() {
        let interval = Interval::new(2_642_976);
        assert_eq!(Interval::containing(interval.start()), interval);
        assert_eq!(Interval::containing(interval.start().plus(599)), interval);
        assert_eq!(Interval::containing(interval.start().plus(600)), interval.plus(1));
        assert_eq!(Interval::containing(Timestamp::from_unix(-5)), Interval::new(0));
    }

    #[test]
    fn rounding_goes_to_multiples_of_the_step() {
        let moment = Timestamp::from_unix(1_000);
        assert_eq!(moment.floor(900).unix(), 900);
        assert_eq!(moment.ceil(900).unix(), 1_800);
        assert_eq!(Timestamp::from_unix(900).ceil(900).unix(), 900);
        assert_eq!(Timestamp::from_unix(-1).floor(900).unix(), -900);
    }

    #[test]
    fn the_ends_of_time_do_not_wrap() {
        for end in [Timestamp::from_unix(i64::MIN), Timestamp::from_unix(i64::MAX)] {
            assert!(end.floor(900) <= end.ceil(900));
            assert!(Interval::containing(end.plus(1)) <= Interval::new(u32::MAX));
            assert_eq!(end.plus(end.unix()), end);
        }
        assert_eq!(Interval::new(u32::MAX).plus(i64::MAX), Interval::new(u32::MAX));
        assert_eq!(Interval::new(7).plus(i64::MIN), Interval::new(0));
        assert_eq!(Interval::containing(Timestamp::from_unix(i64::MAX)), Interval::new(u32::MAX));
    }

    #[test]
    fn days_are_counted_from_midnight_to_midnight() {
        let onset = Interval::new(144 * 100 + 143);
        assert_eq!(Interval::new(144 * 101).days_since(onset), 1);
        assert_eq!(Interval::new(144 * 99).days_since(onset), -1);
        assert_eq!(onset.midnight(), Interval::new(144 * 100));
    }
}
