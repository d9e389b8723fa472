//! When a pass is run, and what it may do then.

use proto::Timestamp;

use crate::ahead::Asked;
use crate::clocks::Clocks;
use crate::pass::NamedBucket;
use crate::policy::Policy;
use crate::report::Report;

/// When feeds are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// Now.
    Now,
    /// Each once in its period.
    Due,
    /// Not at all, and nothing is put either: what is too old goes.
    Never,
}

/// A pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion<'a> {
    /// When feeds are sealed.
    pub(crate) timing: Timing,
    /// What the clocks said when it began.
    pub(crate) clocks: &'a Clocks,
}

/// What a pass came to.
#[derive(Debug)]
pub(crate) struct Round {
    /// What it did.
    pub(crate) report: Report,
    /// What the clocks said when it began.
    pub(crate) clocks: Clocks,
    /// The next boundary of any feed's period, by the database's time; none without feeds.
    pub(crate) next: Option<Timestamp>,
}

impl Occasion<'_> {
    /// What the buckets said, but of each whose clock is off that it is: nothing is put or listed there.
    pub(crate) fn without_off<'b>(&self, asked: Asked<'b>) -> Asked<'b> {
        let judge = |(named, stand): (&'b NamedBucket, _)| (named, self.clocks.ensure_bucket(&named.name).and(stand));
        asked.into_iter().map(judge).collect()
    }

    /// The beginning of the feed's period, if it is sealed once in each. It follows from the database's time, so that programs whose clocks differ
    /// mean the same period.
    pub(crate) fn due(&self, policy: &Policy) -> Option<Timestamp> {
        (self.timing == Timing::Due).then(|| policy.boundary(self.clocks.database))
    }
}
