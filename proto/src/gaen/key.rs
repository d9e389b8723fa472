//! Temporary exposure keys (TEK).

use crate::error::Malformed;
use crate::interval::{INTERVALS_PER_DAY, Interval};

/// A temporary exposure key: 16 random bytes that were broadcast during `rolling_period` intervals from `rolling_start` on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TemporaryExposureKey {
    data: [u8; 16],
    rolling_start: Interval,
    rolling_period: u8,
}

impl TemporaryExposureKey {
    /// Builds a key from what was received.
    ///
    /// # Errors
    /// `key` unless 16 bytes, `rollingStartNumber` unless it is an interval number (0 to 2^31 - 1), `rollingPeriod` unless 1 to 144.
    pub fn new(data: &[u8], rolling_start: i64, rolling_period: i64) -> Result<Self, Malformed> {
        let data = data.try_into().map_err(|_| Malformed::new("key", "must be 16 bytes"))?;
        let start = i32::try_from(rolling_start).ok().and_then(|n| u32::try_from(n).ok());
        let start = start.ok_or_else(|| Malformed::new("rollingStartNumber", "must be 0 to 2147483647"))?;
        if !(1..=i64::from(INTERVALS_PER_DAY)).contains(&rolling_period) {
            return Err(Malformed::new("rollingPeriod", "must be 1 to 144"));
        }
        Ok(Self { data, rolling_start: Interval::new(start), rolling_period: rolling_period as u8 })
    }

    /// The 16 key bytes: the key's identity.
    pub const fn data(&self) -> &[u8; 16] {
        &self.data
    }

    /// The first interval in which the key was broadcast.
    pub const fn rolling_start(&self) -> Interval {
        self.rolling_start
    }

    /// For how many intervals, 1 to 144.
    pub const fn rolling_period(&self) -> u8 {
        self.rolling_period
    }

    /// The first interval in which the key is no longer broadcast.
    pub const fn validity_end(&self) -> Interval {
        self.rolling_start.plus(self.rolling_period as i64)
    }
}

/// Key bytes never reach a log.
impl std::fmt::Debug for TemporaryExposureKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TemporaryExposureKey({}+{})", self.rolling_start.number(), self.rolling_period)
    }
}
