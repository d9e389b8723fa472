//! Reading a bundle's members, page by page.

use proto::Feed;

use super::column::{at, integer};
use super::kind::tables;
use super::transaction::Transaction;
use super::{bundle_rows, feeds};
use crate::bundles::{MemberCursor, Members};
use crate::clock::Clock;
use crate::error::StoreError;
use crate::stored::Stored;

/// Which page.
pub(super) struct Given<'a> {
    /// Whose bundle.
    pub(super) feed: &'a Feed,
    /// Which bundle.
    pub(super) sequence: u64,
    /// After which member; none for the first page.
    pub(super) from: Option<&'a MemberCursor>,
    /// How many members, at least one.
    pub(super) limit: usize,
    /// Of no matter here.
    pub(super) clock: &'a Clock,
}

/// A page of at most `limit` members.
pub(super) async fn members(tx: &Transaction<'_>, given: &Given<'_>) -> Result<Members, StoreError> {
    let Given { feed, sequence, from, .. } = *given;
    let id = feeds::find(tx, feed, given.clock).await?.id;
    if !bundle_rows::exists(tx, id, sequence).await? {
        return Err(StoreError::NotFound("bundle"));
    }
    let tables = tables(feed.kind);
    let (revised, class, identity) = match from {
        Some(cursor) => (cursor.revised, cursor.class, cursor.identity.as_slice()),
        // No row comes before this one: none has an identity without bytes.
        None => (false, i64::MIN, [].as_slice()),
    };
    let limit = given.limit.max(1);
    // One more than asked for tells whether another page follows.
    let read = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut rows = tx.rows(tables.members, &[&id, &integer(sequence), &revised, &class, &identity, &read]).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let place = || at(format!("{} of bundle {sequence} of {feed}", tables.publication_name));
    let stored = rows.iter().map(|row| (tables.read)(row).map_err(place())).collect::<Result<Vec<_>, _>>()?;
    let next = if more { stored.last().map(Stored::cursor) } else { None };
    Ok(Members { members: stored.into_iter().map(|stored| (stored.revised, stored.member)).collect(), next })
}
