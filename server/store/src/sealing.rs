//! What a seal does with what it finds: whether, how much, and what its bundles say.

use proto::{Feed, Timestamp};

use crate::bundles::{BundleRow, SealOutcome, SealPolicy, Waiting};
use crate::cut::{Portion, cut};

/// What waits, and an upper bound on the bytes of any one of them in a bundle.
pub(crate) struct Counted {
    /// What waits.
    pub(crate) waiting: Waiting,
    /// The bytes of the largest.
    pub(crate) largest: usize,
}

/// What a seal does.
pub(crate) enum Decision {
    /// It leaves everything as it is, and says so.
    Leave(SealOutcome),
    /// It takes what may be released, revised publications too or not, and makes these bundles.
    Take {
        /// Whether revised ones are taken.
        revised: bool,
        /// How they are cut.
        portions: Vec<Portion>,
    },
}

impl SealPolicy {
    /// Whether a feed may be sealed now whose last bundle ended then.
    pub(crate) fn is_due(&self, last_end: Timestamp, now: Timestamp) -> bool {
        self.due.is_none_or(|due| last_end < due)
            && self.until.is_none_or(|until| now < until)
            && !self.quiet.is_some_and(|grid| grid.is_quiet(now))
    }
}

impl Counted {
    /// What a policy says of it.
    pub(crate) fn decide(&self, policy: &SealPolicy) -> Decision {
        let ready = &self.waiting;
        if ready.releasable == 0 && ready.revised == 0 {
            return Decision::Leave(SealOutcome::Nothing);
        }
        if ready.releasable < u64::from(policy.minimum.max(1)) {
            return Decision::Leave(SealOutcome::Held(*ready));
        }
        let revised = ready.revised >= u64::from(policy.revised_minimum);
        let by_bytes = policy.max_bytes / self.largest.max(1);
        let maximum = u64::try_from(policy.max_entries.min(by_bytes).max(1)).unwrap_or(u64::MAX);
        let portions = cut(ready.releasable, if revised { ready.revised } else { 0 }, maximum);
        Decision::Take { revised, portions }
    }
}

/// The next bundles of a feed, one after the other.
pub(crate) struct Chain<'a> {
    /// Whose bundles.
    pub(crate) feed: &'a Feed,
    /// How they are sealed.
    pub(crate) policy: &'a SealPolicy,
    /// When they are sealed.
    pub(crate) now: Timestamp,
    /// The sequence of the next one.
    pub(crate) sequence: u64,
    /// Its start.
    pub(crate) start: Timestamp,
}

impl Chain<'_> {
    /// Freezes the next bundle.
    pub(crate) fn next(&mut self, portion: &Portion, member_digest: [u8; 32]) -> BundleRow {
        let bundle = BundleRow {
            feed: self.feed.clone(),
            sequence: self.sequence,
            from_sequence: self.sequence,
            start: self.start,
            // Ends rise strictly whatever the clock does: a phone that keeps the newest end must miss nothing.
            end: self.now.max(self.start.plus(1)),
            count: portion.ordinary,
            revised: portion.revised,
            member_digest,
            signing: self.policy.signing.clone(),
            format: self.policy.format,
            derived: None,
        };
        (self.sequence, self.start) = (self.sequence + 1, bundle.end);
        bundle
    }
}
