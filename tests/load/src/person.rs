//! What a person who was tested uploads.

use proto::gaen::TemporaryExposureKey;
use proto::interval::INTERVALS_PER_DAY;
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};
use proto::{Interval, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};
use sha2::{Digest as _, Sha256};

use crate::ledger::Mark;

/// How many days a phone keeps keys.
const DAYS: i64 = 14;
/// The newest key is of the day before yesterday: it may be published at the next quarter of an hour whatever the time of day is. A key of yesterday
/// would wait until two in the morning, a key of today until two tomorrow.
const NEWEST: i64 = 2;
/// How many numbers a report covers: six hours at a quarter of an hour.
const NUMBERS: u16 = 24;

/// Two weeks of keys, each with its transmission risk.
pub(crate) fn keys(now: Timestamp, rng: &mut StdRng) -> Vec<(TemporaryExposureKey, u8)> {
    let today = Interval::containing(now).midnight();
    let risk = rng.random_range(1..=7);
    let of_day = |days_ago: i64| {
        let start = today.plus(-days_ago * i64::from(INTERVALS_PER_DAY));
        let data: [u8; 16] = rng.random();
        TemporaryExposureKey::new(&data, i64::from(start.number()), i64::from(INTERVALS_PER_DAY))
    };
    let keys = (NEWEST..NEWEST + DAYS).map(of_day).map(|key| key.expect("16 bytes, a day, in range"));
    keys.map(|key| (key, risk)).collect()
}

/// A report of six hours without a memo.
pub(crate) fn report(rng: &mut StdRng) -> SignedReport {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let memo = Memo::new(MemoType::CoEpiV1, &[]).expect("no bytes are at most 255");
    let key = ReportAuthorizationKey::from_seed(seed);
    SignedReport::create(&key, &memo, 1, NUMBERS).expect("24 numbers are at least 1 and at most 1,345")
}

/// What a key is recognised by: its bytes, and the first byte of the SHA-256 of its start and period.
pub(crate) fn mark_of_key(key: &TemporaryExposureKey) -> Mark {
    let start = key.rolling_start().number().to_be_bytes();
    let digest = Sha256::new().chain_update(start).chain_update([key.rolling_period()]).finalize();
    (*key.data(), digest[0])
}

/// What a report is recognised by: the first half of the SHA-256 of all of it, which is also what a withdrawal names. There is nothing beside it.
pub(crate) fn mark_of_report(report: &SignedReport) -> Mark {
    mark_of_digest(&Sha256::digest(report.as_bytes()).into())
}

/// The same, if the SHA-256 is known alone.
pub(crate) fn mark_of_digest(sha256: &[u8; 32]) -> Mark {
    (*sha256.first_chunk().expect("32 bytes are at least 16"), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::chance;

    #[test]
    fn every_key_may_be_published_at_once_and_is_young_enough_to_be_taken() {
        for second in [0, 1, 43_200, 86_399] {
            let now = Timestamp::from_unix(20_779 * 86_400 + second);
            for (key, risk) in keys(now, &mut chance()) {
                let ended = key.validity_end().start();
                assert!(ended.plus(2 * 3_600) <= now && now <= ended.plus(15 * 86_400), "{second}");
                assert!((1..=7).contains(&risk));
            }
        }
        assert_eq!(keys(Timestamp::from_unix(1_800_000_000), &mut chance()).len(), 14);
    }

    #[test]
    fn reports_are_valid_and_have_names_of_their_own() {
        let (one, other) = (report(&mut chance()), report(&mut chance()));
        assert_eq!(one.verify(), Ok(()));
        assert_ne!(mark_of_report(&one), mark_of_report(&other));
    }
}
