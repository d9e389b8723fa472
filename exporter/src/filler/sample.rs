//! What is seen of people: publications, each beside the day on which its person uploaded, as far as that can be told.

use proto::{Interval, Timestamp};
use store::{Place, REPLAY_GUARD, Sampled, SampledKey};

/// Uploads lie at most so many seconds before the seal of a bundle: who is held waits no longer, whatever the bundle before says.
const WINDOW: i64 = 12 * 3_600;

/// A key, and the day of its upload.
#[derive(Debug, Clone, Copy)]
pub struct Observed {
    /// The key.
    pub key: SampledKey,
    /// The UTC day of the upload.
    pub day: Interval,
    /// Whether nothing of it is sealed, so that the hour of its receipt is known.
    pub received: Option<Timestamp>,
    /// Whether the day is certain: of the bundles of the small hours it is not, and keys of the day before stand among those of people who came since.
    pub certain: bool,
}

impl Observed {
    /// How many days before the upload the key began.
    pub(super) fn age(&self) -> i32 {
        self.day.days_since(self.key.entry.key.rolling_start())
    }

    /// How many days before the upload the onset was.
    pub(super) fn onset_age(&self) -> i32 {
        self.day.days_since(self.key.raw.onset)
    }
}

/// What a publication shows; nothing if it was sealed elsewhere before, or is a revision: it shows itself elsewhere.
pub fn observe(sampled: &Sampled<SampledKey>) -> Option<Observed> {
    let (key, moment) = (sampled.published, sampled.provenance.received);
    match sampled.place {
        Place::Waiting { fresh: true, .. } => {
            let day = Interval::containing(moment).midnight();
            Some(Observed { key, day, received: Some(moment), certain: true })
        }
        Place::Sealed { start, .. } => {
            // Nobody's keys are sealed sooner than two hours after their validity: before two o'clock, yesterday's keys are missing.
            let last = moment.plus(-REPLAY_GUARD);
            let first = last.plus(-(moment.unix() - start.unix()).clamp(0, WINDOW));
            let day = Interval::containing(last).midnight();
            let certain = Interval::containing(first).midnight() == day;
            Some(Observed { key, day, received: None, certain })
        }
        Place::Waiting { fresh: false, .. } | Place::Revising { .. } => None,
    }
}
