//! How many entries a feed that was held gets.

use rand::{CryptoRng, RngExt};

/// How many keys a person has at most.
pub(super) const MOST_KEYS: u64 = 16;

/// What is aimed at, and what is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    /// People come until there are so many entries,
    pub(super) target: u64,
    /// and whoever would make them more than this is passed by.
    pub(super) most: u64,
}

/// Between a minimum and `jitter` percent more. People come whole, so that what is aimed at leaves room for the last one's keys.
pub(super) fn target(minimum: u64, jitter: u8, entries_each: u64, rng: &mut impl CryptoRng) -> Target {
    let most = minimum + minimum * u64::from(jitter) / 100;
    let highest = most.saturating_sub(entries_each - 1).max(minimum);
    Target { target: rng.random_range(minimum..=highest), most }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_target_lies_between_the_minimum_and_the_jitter() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut drawn = |minimum, jitter| target(minimum, jitter, MOST_KEYS, &mut rng);
        let targets: Vec<_> = (0..2_000).map(|_| drawn(1_000, 10)).collect();
        assert!(targets.iter().all(|target| (1_000..=1_085).contains(&target.target) && target.most == 1_100));
        assert!(
            targets.iter().any(|target| target.target < 1_010) && targets.iter().any(|target| target.target > 1_075)
        );
        assert_eq!(drawn(50, 10), Target { target: 50, most: 55 });
        assert_eq!(drawn(1, 10), Target { target: 1, most: 1 });
        assert_eq!(drawn(1_000, 0), Target { target: 1_000, most: 1_000 });
    }
}
