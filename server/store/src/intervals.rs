//! Intervals of a feed: what was sealed in each, for apps that ask by the number of an interval (CoEpi).
//!
//! What was sealed in interval N - 1 is what an app is given when it asks for N. It may ask from the first second of N on, and once N is over it
//! never asks again; so the answer must be there before N begins, and must not grow. Therefore an interval is **closed** a little before the next one
//! begins: from then on nothing is sealed until that begins ([`Grid::is_quiet`]), and a row says which bundles it holds, for every exporter the same.

use async_trait::async_trait;
use proto::{Feed, Timestamp};

use crate::error::StoreError;
use crate::grid::Grid;
use crate::life::LISTED_FOR;

/// What the rendering of an interval holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClosedInterval {
    /// The interval whose rendering it is; the bundles were sealed in the one before.
    pub number: u64,
    /// The sequence of the first bundle.
    pub from: u64,
    /// The sequence of the first bundle that is not in it any more: `from` if nothing was sealed.
    pub to: u64,
}

/// Closes intervals. Times are the store's.
#[async_trait]
pub trait Intervals: Send + Sync {
    /// Closes every interval that is over or in its quiet time, in one transaction while nobody seals, and answers with all that are closed,
    /// ascending. The first one that is ever closed is the one before the newest; those that were slept through follow, none that is older than
    /// bundles are listed.
    async fn close_intervals(&self, feed: &Feed, grid: &Grid) -> Result<Vec<ClosedInterval>, StoreError>;

    /// All closed intervals that were not forgotten, ascending.
    async fn intervals(&self, feed: &Feed) -> Result<Vec<ClosedInterval>, StoreError>;

    /// Forgets a closed interval whose renderings are gone, unless it is the newest, after which the next one begins.
    async fn forget_interval(&self, feed: &Feed, number: u64) -> Result<(), StoreError>;
}

impl Grid {
    /// The intervals to be closed at a moment, given the last one that was closed, if any.
    pub(crate) fn due(&self, now: Timestamp, last: Option<u64>) -> std::ops::RangeInclusive<u64> {
        let newest = self.newest(now);
        let kept = u64::try_from(LISTED_FOR / self.length).unwrap_or(0);
        let first = last.map_or(newest, |last| (last + 1).max(newest.saturating_sub(kept)));
        first..=newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { length: 21_600, quiet: 600 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds)
    }

    #[test]
    fn the_last_minutes_of_an_interval_are_quiet_and_belong_to_the_next_ones_rendering() {
        for (seconds, quiet, newest) in
            [(0, false, 0), (20_999, false, 0), (21_000, true, 1), (21_599, true, 1), (21_600, false, 1)]
        {
            assert_eq!((GRID.is_quiet(at(seconds)), GRID.newest(at(seconds))), (quiet, newest), "{seconds}");
        }
        assert_eq!(GRID.begin(3), at(64_800));
    }

    #[test]
    fn what_was_slept_through_is_due_unless_it_is_too_old() {
        let due = |last| GRID.due(GRID.begin(100), last).collect::<Vec<_>>();
        assert_eq!(due(None), [100]);
        assert_eq!(due(Some(97)), [98, 99, 100]);
        assert!(due(Some(100)).is_empty() && due(Some(101)).is_empty());
        assert_eq!((due(Some(3)).len(), due(Some(3))[0]), (57, 44));
    }
}
