//! When something may be published: the one rule that server, database, exporter and inspection share.

use proto::gaen::TemporaryExposureKey;
use proto::{Interval, Timestamp};

use crate::bundles::Member;

/// A quarter of an hour, in seconds: the grain of `release_at`.
pub const RELEASE_GRAIN: i64 = 900;
/// How long after its validity a GAEN key is held, in seconds: until then it could be replayed, since phones match within two hours of the time
/// that they heard (GAEN v1.2).
pub const REPLAY_GUARD: i64 = 2 * 3_600;

/// When a key with this validity end, received now, may be published: the later of the receipt and validity end + 2 h, rounded up to a quarter
/// of an hour. Rounded down, it would tell that nobody can have uploaded later; rounded up, all of a quarter of an hour come out together.
pub fn release_at(validity_end: Interval, received: Timestamp) -> Timestamp {
    validity_end.start().plus(REPLAY_GUARD).max(received).ceil(RELEASE_GRAIN)
}

/// When a report that was received now may be published: at the next quarter of an hour. It reveals numbers of the past only.
pub fn report_release_at(received: Timestamp) -> Timestamp {
    received.ceil(RELEASE_GRAIN)
}

/// Whether whoever reads a key at this moment could still broadcast it and be believed.
pub fn is_replayable(key: &TemporaryExposureKey, at: Timestamp) -> bool {
    key.validity_end().start().plus(REPLAY_GUARD) > at
}

impl Member {
    /// Whether it is a key that could still be replayed at this moment, see [`is_replayable`]. No bundle that ends then may carry it.
    pub fn is_replayable(&self, at: Timestamp) -> bool {
        match self {
            Self::Gaen(entry) => is_replayable(&entry.key, at),
            Self::Tcn(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDNIGHT: Timestamp = Timestamp::from_unix(1_600_000_000 / 86_400 * 86_400);

    #[test]
    fn a_key_is_released_at_the_quarter_after_receipt_and_never_before_two_hours_after_its_validity() {
        let end = Interval::containing(MIDNIGHT);
        let release = |received: i64| release_at(end, MIDNIGHT.plus(received)).unix() - MIDNIGHT.unix();
        assert_eq!([release(-86_400), release(0), release(7_200)], [7_200; 3], "two hours after its end");
        assert_eq!([release(7_201), release(8_099), release(8_100)], [8_100; 3], "the next quarter, never the last");
        // An end in the middle of a quarter.
        let odd = release_at(end.plus(1), MIDNIGHT).unix() - MIDNIGHT.unix();
        assert_eq!(odd, 8_100, "600 + 7,200, rounded up");
    }

    #[test]
    fn a_report_is_released_at_the_quarter_after_receipt() {
        let release = |received: i64| report_release_at(MIDNIGHT.plus(received)).unix() - MIDNIGHT.unix();
        assert_eq!([release(0), release(1), release(900), release(901)], [0, 900, 900, 1_800]);
    }

    #[test]
    fn a_key_can_be_replayed_until_two_hours_after_its_last_interval() {
        let start = i64::from(Interval::containing(MIDNIGHT).number());
        let key = TemporaryExposureKey::new(&[1; 16], start, 144).expect("a key");
        let end = MIDNIGHT.plus(86_400);
        assert!(is_replayable(&key, end.plus(7_199)));
        assert!(!is_replayable(&key, end.plus(7_200)));
    }
}
