//! Time in intervals of one length.

use proto::Timestamp;

/// How time is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// The length of an interval in seconds, above 0. Interval N begins `N * length` seconds after 1970.
    pub length: i64,
    /// How long before its end nothing is sealed any more, in seconds, less than `length`.
    pub quiet: i64,
}

impl Grid {
    /// Whether a moment is so near to the end of its interval that nothing is sealed.
    pub const fn is_quiet(&self, now: Timestamp) -> bool {
        now.unix().rem_euclid(self.length) >= self.length - self.quiet
    }

    /// The newest interval whose rendering is due at a moment: the one that has begun, or in quiet time the next one.
    pub fn newest(&self, now: Timestamp) -> u64 {
        u64::try_from(now.unix().saturating_add(self.quiet).div_euclid(self.length)).unwrap_or(0)
    }

    /// When an interval begins.
    pub fn begin(&self, number: u64) -> Timestamp {
        Timestamp::from_unix(i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(self.length))
    }
}
