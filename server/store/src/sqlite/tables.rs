//! What the two kinds of content differ in: the statements over their tables, and how a row becomes a member.

use proto::{Feed, Timestamp};
use rusqlite::Row;

use crate::bad_entry::EntryPlace;
use crate::error::StoreError;
use crate::stored::{Stored, of_entry};

/// The statements of one kind.
///
/// Those that speak of claimed publications take the same three parameters: the feed, the time, and whether revised ones are claimed too. Those
/// that yield members begin with the same columns: whether it is revised, its class, its identity, its published values.
pub(super) struct Tables {
    /// The table of waiting publications, to name a corrupt row's place.
    pub(super) waiting_name: &'static str,
    /// Counts what waits in a feed (first parameter) at a time (second): ordinary, revised, unripe, the oldest `release_at`, and an upper bound
    /// on the size of any one in a bundle.
    pub(super) count: &'static str,
    /// The claimed publications in bundle order.
    pub(super) claim: &'static str,
    /// Inserts a sealed publication: feed, sequence, then the columns of `claim`.
    pub(super) publish: &'static str,
    /// Moves the claimed fresh rows to their sealed table in byte order.
    pub(super) settle: &'static str,
    /// What remains fresh.
    pub(super) fresh: Rewrite,
    /// What remains waiting.
    pub(super) waiting: Rewrite,
    /// A page of a bundle: feed, sequence; after revised, class and identity; how many.
    pub(super) members: &'static str,
    /// Of a bundle (feed, sequence), a dying publication: the one that so many (third parameter) come before, if there are that many. Its place in
    /// bundle order: revised, class, identity.
    pub(super) last_dying: &'static str,
    /// Deletes the keys or reports of a bundle's publications up to such a place, unless another bundle or something that waits needs them.
    pub(super) forget: &'static str,
    /// Deletes these publications: the same five parameters.
    pub(super) unpublish: &'static str,
    /// Reads a member.
    pub(super) read: fn(&Row<'_>) -> Result<Stored, StoreError>,
}

/// Where a row that yields a member has its identity.
const IDENTITY: usize = 2;

impl Tables {
    /// Reads a member that stands in a feed's row. What is given to a bundle that is sealed now must be released.
    ///
    /// # Errors
    /// [`StoreError::BadEntry`] if it breaks an invariant.
    pub(super) fn entry(
        &self,
        row: &Row<'_>,
        (feed, place): (&Feed, EntryPlace),
        sealed: Option<Timestamp>,
    ) -> Result<Stored, StoreError> {
        let read = || {
            let stored = (self.read)(row)?;
            sealed.map_or(Ok(()), |now| stored.ensure_released(now))?;
            Ok(stored)
        };
        let identity = row.get_ref(IDENTITY).ok().and_then(|value| value.as_blob().ok()).unwrap_or_default();
        read().map_err(of_entry(feed, place, identity))
    }
}

/// How a small table is written anew.
pub(super) struct Rewrite {
    /// The rows to keep, in byte order: all that are not claimed.
    pub(super) keep: &'static str,
    /// Empties the table in one stroke.
    pub(super) empty: &'static str,
    /// Inserts a row that was kept.
    pub(super) insert: &'static str,
}
