//! A budget that fills up again as time passes.

use std::time::Duration;

/// One request, in the unit in which buckets count: what flows back in a nanosecond at one request a minute. So rates of whole requests a minute
/// lose nothing by rounding.
const ONE: u64 = 60_000_000_000;
/// The largest budget: as many requests still fit into the type in that unit.
pub(super) const MOST: i64 = 100_000_000;

/// So many a minute, and no more than that at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget(pub(super) u32);

/// What is spent of a budget. A new one is empty, and so is one that nobody has drawn on for a minute: forgetting either loses nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    spent: u64,
    /// When that was true, in nanoseconds since the start.
    at: u64,
}

impl Bucket {
    /// Takes one, or says how long to wait for it.
    pub(super) fn take(&mut self, budget: Budget, now: Duration) -> Result<(), Duration> {
        self.check(budget, now)?;
        self.add(budget, now);
        Ok(())
    }

    /// Whether one could be taken; if not, how long to wait for it.
    pub(super) fn check(&self, budget: Budget, now: Duration) -> Result<(), Duration> {
        let missing = self.settled(budget, now).spent.saturating_add(ONE).saturating_sub(budget.whole());
        if missing == 0 { Ok(()) } else { Err(Duration::from_nanos(missing.div_ceil(budget.rate()))) }
    }

    /// Takes one whether or not it is there, but never more than the whole budget: nobody waits longer than a minute for something that happened
    /// before.
    pub(super) fn add(&mut self, budget: Budget, now: Duration) {
        *self = self.settled(budget, now);
        self.spent = self.spent.saturating_add(ONE).min(budget.whole());
    }

    /// Puts one back.
    pub(super) fn put_back(&mut self) {
        self.spent = self.spent.saturating_sub(ONE);
    }

    /// How many could be taken.
    pub(super) fn left(&self, budget: Budget, now: Duration) -> u32 {
        let left = budget.whole().saturating_sub(self.settled(budget, now).spent) / ONE;
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// Whether everything has flowed back.
    pub(super) fn is_empty(&self, budget: Budget, now: Duration) -> bool {
        self.settled(budget, now).spent == 0
    }

    /// The same by now. A clock that stands still, or comes in another order from several threads, gives nothing back.
    fn settled(&self, budget: Budget, now: Duration) -> Self {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let back = now.saturating_sub(self.at).saturating_mul(budget.rate());
        Self { spent: self.spent.saturating_sub(back), at: self.at.max(now) }
    }
}

impl Budget {
    /// What flows back in a nanosecond. A budget of nothing would never be refilled, which settings do not allow.
    fn rate(self) -> u64 {
        u64::from(self.0.max(1))
    }

    fn whole(self) -> u64 {
        u64::from(self.0).saturating_mul(ONE)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60_000_000_000;

    fn at(nanoseconds: u64) -> Duration {
        Duration::from_nanos(nanoseconds)
    }

    #[test]
    fn a_minutes_worth_may_come_at_once_and_then_as_it_flows_back() {
        let (mut bucket, budget) = (Bucket::default(), Budget(3));
        for left in [2, 1, 0] {
            assert_eq!(bucket.take(budget, at(0)), Ok(()));
            assert_eq!(bucket.left(budget, at(0)), left);
        }
        assert_eq!([MINUTE / 3 - 1, MINUTE / 3, MINUTE].map(|then| bucket.left(budget, at(then))), [0, 1, 3]);
        assert_eq!(bucket.take(budget, at(0)), Err(at(MINUTE / 3)));
        assert_eq!(bucket.take(budget, at(MINUTE / 3 - 1)), Err(at(1)));
        assert_eq!(bucket.take(budget, at(MINUTE / 3)), Ok(()));
        assert!(!bucket.is_empty(budget, at(MINUTE)) && bucket.is_empty(budget, at(MINUTE / 3 + MINUTE)));
        bucket.put_back();
        assert_eq!(bucket.take(budget, at(MINUTE / 3)), Ok(()));
        assert!(bucket.take(budget, at(0)).is_err(), "time that runs backwards gives nothing");
    }

    proptest! {
        /// The promise in full: in no stretch of time, wherever it begins, more than the burst and what flows back in it.
        #[test]
        fn no_stretch_of_time_sees_more_than_a_burst_and_its_share(
            per_minute in 1_u32..50,
            steps in prop::collection::vec(0..MINUTE / 5, 1..150),
        ) {
            let (mut bucket, budget, mut now, mut taken) = (Bucket::default(), Budget(per_minute), 0, Vec::new());
            for step in steps {
                now += step;
                if bucket.take(budget, at(now)).is_ok() {
                    taken.push(now);
                }
            }
            for (first, begin) in taken.iter().enumerate() {
                for (last, end) in taken.iter().enumerate().skip(first) {
                    let allowed = u64::from(per_minute) * MINUTE + (end - begin) * u64::from(per_minute);
                    prop_assert!((last - first + 1) as u64 * MINUTE <= allowed);
                }
            }
        }

        #[test]
        fn who_waits_as_long_as_was_said_is_served_and_a_moment_earlier_is_not(
            per_minute in 1_u32..5_000,
            step in 0..MINUTE,
        ) {
            let (mut bucket, budget) = (Bucket::default(), Budget(per_minute));
            let mut now = at(step);
            let wait = (0..=5_000).find_map(|_| bucket.take(budget, now).err()).expect("it is spent some time");
            let mut early = bucket;
            prop_assert!(early.take(budget, now + wait - at(1)).is_err());
            now += wait;
            prop_assert_eq!(bucket.take(budget, now), Ok(()));
        }
    }
}
