//! What the two kinds of content differ in: the statements over their tables, and how a row becomes a member.

use proto::{Feed, Timestamp};
use tokio_postgres::Row;

use crate::bad_entry::EntryPlace;
use crate::error::StoreError;
use crate::stored::{Stored, of_entry};

/// The statements of one kind.
///
/// Those that yield members begin with the same columns: whether it is revised, its class, its identity, its published values.
pub(super) struct Tables {
    /// The table of waiting publications, to name a corrupt row's place.
    pub(super) waiting_name: &'static str,
    /// Counts what waits in a feed (`$1`) at a time (`$2`): ordinary, revised, unripe, the oldest `release_at`, and an upper bound on the size of
    /// any one in a bundle.
    pub(super) count: &'static str,
    /// Copies what is claimed of the waiting publications, in bundle order: those of a feed (`$1`) at a time (`$2`), the revised ones if `$3`, else the
    /// ordinary ones; each with what is said of its key or report, if that is fresh. All of it gets the sequence `$4`. Both kinds at once would be
    /// sorted by that first, which tells hardly any two rows apart: sorting then takes three times as long.
    pub(super) publish: &'static str,
    /// The same for several bundles, which get the sequences from `$4` on; `$5` holds the place of each one's first member, counted from 1.
    pub(super) publish_cut: &'static str,
    /// Deletes what was claimed: of a feed (`$1`) at a time (`$2`), revised ones too if `$3`. Copying and deleting apart takes a fifth less time than
    /// moving at once.
    pub(super) release: &'static str,
    /// Deletes the fresh rows that went along: `$1` to `$3` of the copy.
    pub(super) settled: &'static str,
    /// One row if anything waits in another feed than this (`$1`), or as a revision: if not, there is nothing to write anew.
    pub(super) others: &'static str,
    /// Writes anew, in byte order, what waits in other feeds of what a feed (`$1`) sealed from a sequence (`$2`) on: where these rows stand, and
    /// which transaction wrote them, still tells who uploaded together.
    pub(super) shuffle: &'static str,
    /// All members of a bundle in bundle order: feed, sequence.
    pub(super) bundle: &'static str,
    /// A page of a bundle: feed, sequence; after revised, class and identity; how many.
    pub(super) members: &'static str,
    /// Of a bundle (feed, sequence), a dying publication: the one that so many (third parameter) come before, if there are that many. Its place in
    /// bundle order: revised, class, identity.
    pub(super) last_dying: &'static str,
    /// Keeps what is said of keys or reports by a bundle's publications up to such a place: if `$6` all of it, else what another bundle or something
    /// that waits needs. Yields how much.
    pub(super) keep: &'static str,
    /// Forgets what was kept of the keys or reports of these publications, unless something needs them.
    pub(super) forget: &'static str,
    /// Deletes these publications; how many, and how many of them carried what was said of their key or report.
    pub(super) unpublish: &'static str,
    /// Reads a member.
    pub(super) read: fn(&Row) -> Result<Stored, StoreError>,
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
        row: &Row,
        (feed, place): (&Feed, EntryPlace),
        sealed: Option<Timestamp>,
    ) -> Result<Stored, StoreError> {
        let read = || {
            let stored = (self.read)(row)?;
            sealed.map_or(Ok(()), |now| stored.ensure_released(now))?;
            Ok(stored)
        };
        let identity = row.try_get::<_, &[u8]>(IDENTITY).unwrap_or_default();
        read().map_err(of_entry(feed, place, identity))
    }
}
