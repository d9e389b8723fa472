//! Reading a bundle's members, page by page or all at once.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use futures_util::TryStreamExt;
use proto::Feed;

use super::column::integer;
use super::kind::tables;
use super::transaction::Transaction;
use super::{bundle_rows, feeds};
use crate::bad_entry::EntryPlace;
use crate::bundles::{MemberCursor, MemberSink, Members};
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
    if !bundle_rows::has_members(tx, id, sequence).await? {
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
    let place = (feed, EntryPlace::Bundle(sequence));
    let stored = rows.iter().map(|row| tables.entry(row, place, None)).collect::<Result<Vec<_>, _>>()?;
    let next = if more { stored.last().map(Stored::cursor) } else { None };
    Ok(Members { members: stored.into_iter().map(|stored| (stored.revised, stored.member)).collect(), next })
}

/// Which bundle, and where its members go.
pub(super) struct Whole<'a> {
    /// Whose bundle.
    pub(super) feed: &'a Feed,
    /// Which bundle.
    pub(super) sequence: u64,
    /// Where they go. The lock is there because a transaction that is tried again shares what it was given; nobody ever waits for it.
    pub(super) sink: Mutex<&'a mut dyn MemberSink>,
    /// Of no matter here.
    pub(super) clock: &'a Clock,
}

/// Hands over all members, as they arrive: the connection reads no further than they are taken. Whether they are all that were sealed.
pub(super) async fn read(tx: &Transaction<'_>, whole: &Whole<'_>) -> Result<bool, StoreError> {
    let Whole { feed, sequence, .. } = *whole;
    let id = feeds::find(tx, feed, whole.clock).await?.id;
    if !bundle_rows::has_members(tx, id, sequence).await? {
        return Err(StoreError::NotFound("bundle"));
    }
    let tables = tables(feed.kind);
    let mut rows = pin!(tx.stream(tables.bundle, &[&id, &integer(sequence)]).await?);
    let sink = || whole.sink.lock().unwrap_or_else(PoisonError::into_inner);
    sink().begin();
    while let Some(row) = rows.try_next().await.map_err(|error| tx.failed(error))? {
        let stored = tables.entry(&row, (feed, EntryPlace::Bundle(sequence)), None)?;
        if sink().take(stored.revised, &stored.member).is_break() {
            break;
        }
    }
    Ok(sink().is_whole())
}
