//! What is remembered of networks: a fixed number of them, by a keyed digest.
//!
//! An account that owes nothing is as good as none, so its place is free for another. One that owes something is never given up: whoever has many
//! networks cannot push his own debts out by filling the table. Who finds no place is told so, and shares an account with all others of the
//! kind. The table takes 5.2 MB and never grows.

use std::hash::Hasher as _;
use std::time::Duration;

use siphasher::sip::SipHasher24;

use super::bucket::{Bucket, Budget};
use crate::caller::Prefix;

/// How many places a network may have.
const WAYS: usize = 8;
/// How many times that: 65,536 networks in all. The first bits of a network's digest say which.
const SETS: usize = 8_192;
/// For how long a network that failed is known for it, in seconds.
const KNOWN_FOR: Duration = Duration::from_secs(900);

/// What one caller may do in a minute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    pub(super) requests: Budget,
    pub(super) chaff: Budget,
    pub(super) failures: Budget,
    /// How much of its bodies may be in memory, in KiB.
    pub(super) held: u32,
}

/// What a caller has done of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    pub(super) requests: Bucket,
    pub(super) chaff: Bucket,
    pub(super) failures: Bucket,
    /// How much of its bodies is in memory, in KiB.
    pub(super) held: u32,
    /// When it last failed, if ever.
    failed_at: Option<Duration>,
}

/// A network as it is kept: whoever reads the memory of the process without the key learns no address from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u64);

/// The table.
pub(super) struct Prefixes {
    key: [u8; 16],
    places: Vec<[(Tag, Account); WAYS]>,
}

impl Prefixes {
    /// An empty table under a key that is drawn for it.
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self { key, places: vec![[(Tag(0), Account::default()); WAYS]; SETS] }
    }

    /// How a network is kept.
    pub(super) fn tag(&self, prefix: &Prefix) -> Tag {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(prefix.as_bytes());
        Tag(hasher.finish())
    }

    /// The account of a network, a new one if it has none; nothing if there is no place for it.
    pub(super) fn account(&mut self, tag: Tag, allowance: &Allowance, now: Duration) -> Option<&mut Account> {
        let set = usize::try_from(tag.0 % SETS as u64).expect("less than the number of sets");
        let set = &mut self.places[set];
        let place = set.iter().position(|(known, _)| *known == tag);
        let place = place.or_else(|| {
            let free = set.iter().position(|(_, account)| account.owes_nothing(allowance, now))?;
            set[free] = (tag, Account::default());
            Some(free)
        })?;
        Some(&mut set[place].1)
    }
}

impl Account {
    /// Remembers that it failed.
    pub(super) fn fail(&mut self, now: Duration) {
        self.failed_at = self.failed_at.max(Some(now));
    }

    /// Whether it failed within a quarter of an hour.
    pub(super) fn failed_lately(&self, now: Duration) -> bool {
        self.failed_at.is_some_and(|at| now.saturating_sub(at) < KNOWN_FOR)
    }

    fn owes_nothing(&self, allowance: &Allowance, now: Duration) -> bool {
        self.held == 0
            && self.requests.is_empty(allowance.requests, now)
            && self.chaff.is_empty(allowance.chaff, now)
            && self.failures.is_empty(allowance.failures, now)
            && !self.failed_lately(now)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const ALLOWANCE: Allowance = Allowance { requests: Budget(3), chaff: Budget(3), failures: Budget(3), held: 3 };

    fn prefix(number: u32) -> Prefix {
        Prefix::of(std::net::Ipv6Addr::from(u128::from(number) << 64).into())
    }

    #[test]
    fn a_place_has_the_size_that_the_documentation_says() {
        assert_eq!(size_of::<[(Tag, Account); WAYS]>() * SETS, 5_242_880);
    }

    #[test]
    fn a_network_is_found_again_under_its_key_alone() {
        let (one, other) = (Prefixes::new([1; 16]), Prefixes::new([2; 16]));
        assert_eq!(one.tag(&prefix(7)), one.tag(&prefix(7)));
        assert_ne!(one.tag(&prefix(7)), one.tag(&prefix(8)));
        assert_ne!(one.tag(&prefix(7)), other.tag(&prefix(7)));
    }

    #[test]
    fn who_has_many_networks_does_not_push_out_what_they_owe() {
        let mut table = Prefixes::new([1; 16]);
        let now = Duration::from_secs(1);
        let mut spent = Vec::new();
        let mut crowd = 0;
        for number in 0..100_000 {
            let tag = table.tag(&prefix(number));
            match table.account(tag, &ALLOWANCE, now) {
                Some(account) => {
                    assert_eq!(account.requests, Bucket::default(), "a new one");
                    account.fail(now);
                    (0..3).for_each(|_| account.requests.add(ALLOWANCE.requests, now));
                    spent.push(tag);
                }
                None => crowd += 1,
            }
        }
        // Sets fill unevenly, so a few thousand find no place before the table is full.
        assert!(crowd >= 100_000 - 65_536 && spent.len() > 60_000, "{crowd}");
        for &tag in &spent {
            let account = table.account(tag, &ALLOWANCE, now).expect("kept");
            assert!(account.requests.check(ALLOWANCE.requests, now).is_err() && account.failed_lately(now));
        }
        // After a quarter of an hour all of it is forgotten, and there is a place for everybody.
        let later = now + KNOWN_FOR;
        let fresh = table.tag(&prefix(1_000_000));
        assert!(table.account(fresh, &ALLOWANCE, later).is_some());
    }

    proptest! {
        /// Against a memory without bounds: nobody is served more than it would have served.
        #[test]
        fn nobody_gets_more_than_without_bounds(calls in prop::collection::vec((0_u32..200_000, 0_u64..30), 1..500)) {
            let (mut table, mut model) = (Prefixes::new([3; 16]), HashMap::<u32, Bucket>::new());
            let mut now = Duration::ZERO;
            for (number, seconds) in calls {
                let number = number % 40;
                now += Duration::from_secs(seconds);
                let tag = table.tag(&prefix(number));
                let account = table.account(tag, &ALLOWANCE, now).expect("forty fit");
                let expected = model.entry(number).or_default().take(ALLOWANCE.requests, now);
                prop_assert_eq!(account.requests.take(ALLOWANCE.requests, now), expected);
            }
        }
    }
}
