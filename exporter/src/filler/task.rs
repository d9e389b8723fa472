//! One draw: for which feed, with what waiting, known by what.

use proto::{Feed, Timestamp};
use rand::{CryptoRng, RngExt};
use store::{HoldRules, Holds, Needs, RELEASE_GRAIN};

use super::secret::{FillerSecret, FillerSeed};

/// One draw.
pub(super) struct Task<'a> {
    /// From what everything follows.
    pub(super) secret: &'a FillerSecret,
    /// What everybody is known by who is drawn.
    pub(super) seed: FillerSeed,
    /// When anything is needed.
    pub(super) rules: HoldRules,
    /// By how many percent it may be more than that.
    pub(super) jitter: u8,
    /// What waits.
    pub(super) holds: Holds,
    /// What is needed.
    pub(super) needs: Needs,
    /// Where.
    pub(super) feed: &'a Feed,
}

impl Task<'_> {
    /// A moment at which somebody may have come, since the oldest that waits did: what comes then may be released now.
    pub(super) fn lately(&self, rng: &mut impl CryptoRng) -> Timestamp {
        let last = self.holds.now.floor(RELEASE_GRAIN);
        let first = self.holds.oldest.unwrap_or(last.plus(-self.rules.max_hold)).plus(1 - RELEASE_GRAIN);
        Timestamp::from_unix(rng.random_range(first.min(last).unix()..=last.unix()))
    }
}
