//! Whose uploads those of filler are like: of those who wait now, under the keys and policies that hold now.

use proto::{Feed, Interval, Timestamp};
use rand::{CryptoRng, RngExt};
use store::{Place, Provenance, RELEASE_GRAIN, Sampled, release_at};

/// Whose uploads those of filler are like.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) provenance: &'a Provenance,
    /// Where they go.
    pub(super) feeds: &'a [Feed],
    /// When they may be released, if that follows from when they came.
    pub(super) release_at: Option<Timestamp>,
}

/// A moment at which somebody came whose upload may be released then.
pub(super) fn received_before(release_at: Timestamp, rng: &mut impl CryptoRng) -> Timestamp {
    release_at.plus(-rng.random_range(1..RELEASE_GRAIN))
}

/// Those who wait; filler counts only where nobody else waits. Of a key, `validity_end` tells whether it waits for that or since it came.
pub(super) fn sources<T>(
    sampled: &[Sampled<T>],
    is_filler: impl Fn(&Sampled<T>) -> bool,
    validity_end: impl Fn(&T) -> Option<Interval>,
) -> Vec<Source<'_>> {
    let all = |wanted: &dyn Fn(&&Sampled<T>) -> bool| {
        let these = sampled.iter().filter(wanted);
        these.map(|one| Source::of(one, validity_end(&one.published))).collect::<Vec<_>>()
    };
    let waits = |one: &&Sampled<T>| matches!(one.place, Place::Waiting { .. });
    let people = all(&|one| waits(one) && !is_filler(one));
    let anybody = if people.is_empty() { all(&waits) } else { people };
    if anybody.is_empty() { all(&|one| matches!(one.place, Place::Revising { .. })) } else { anybody }
}

impl<'a> Source<'a> {
    /// Until when a key waits says nothing of when somebody came if it had to wait for its end anyway.
    fn of<T>(one: &'a Sampled<T>, validity_end: Option<Interval>) -> Self {
        let earliest = validity_end.map(release_at_earliest);
        let release_at = match one.place {
            Place::Waiting { release_at, .. } => Some(release_at),
            Place::Revising { .. } | Place::Sealed { .. } => None,
        };
        let release_at = release_at.filter(|release_at| earliest.is_none_or(|earliest| *release_at > earliest));
        Self { provenance: &one.provenance, feeds: &one.feeds, release_at }
    }
}

/// When a key may be released that somebody uploads long before its end.
fn release_at_earliest(validity_end: Interval) -> Timestamp {
    release_at(validity_end, Timestamp::from_unix(0))
}
