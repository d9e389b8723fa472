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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_refused_by_the_name_of_its_field() {
        let field =
            |length, start, period| TemporaryExposureKey::new(&vec![0; length], start, period).err().map(|e| e.field);
        assert_eq!(field(16, 0, 1), None);
        assert_eq!(field(16, i64::from(i32::MAX), 144), None);
        for length in [0, 15, 17, 32] {
            assert_eq!(field(length, 0, 1), Some("key"));
        }
        for start in [-1, i64::from(i32::MAX) + 1, i64::MIN, i64::MAX] {
            assert_eq!(field(16, start, 1), Some("rollingStartNumber"));
        }
        for period in [0, 145, -1, 256 + 144, i64::MIN, i64::MAX] {
            assert_eq!(field(16, 0, period), Some("rollingPeriod"));
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let key = TemporaryExposureKey::new(&[0xab; 16], 5, 144).expect("valid");
        assert_eq!(format!("{key:?}"), "TemporaryExposureKey(5+144)");
        assert_eq!(key.validity_end(), Interval::new(149));
    }
}
