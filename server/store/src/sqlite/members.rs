//! Reading a bundle's members, page by page.

use proto::Feed;
use rusqlite::{Transaction, params};

use super::column::integer;
use super::kind::tables;
use super::{bundle_rows, feeds};
use crate::bad_entry::EntryPlace;
use crate::bundles::{MemberCursor, Members};
use crate::error::StoreError;

/// Before the first row: no row has this value among its `revised`.
const BEFORE_ALL: i64 = -1;

/// A page of at most `limit` members (at least one).
pub(super) fn members(
    tx: &Transaction<'_>,
    feed: &Feed,
    sequence: u64,
    from: Option<&MemberCursor>,
    limit: usize,
) -> Result<Members, StoreError> {
    let id = feeds::find(tx, feed)?.id;
    if !bundle_rows::has_members(tx, id, sequence)? {
        return Err(StoreError::NotFound("bundle"));
    }
    let tables = tables(feed.kind);
    let (revised, class, identity) = match from {
        Some(cursor) => (i64::from(cursor.revised), cursor.class, cursor.identity.as_slice()),
        None => (BEFORE_ALL, 0, [].as_slice()),
    };
    let limit = limit.max(1);
    // One more than asked for tells whether another page follows.
    let read = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut statement = tx.prepare_cached(tables.members)?;
    let mut rows = statement.query(params![id, integer(sequence), revised, class, identity, read])?;
    let mut page = Members { members: Vec::new(), next: None };
    let mut last = None;
    while let Some(row) = rows.next()? {
        if page.members.len() == limit {
            page.next = last;
            break;
        }
        let stored = tables.entry(row, (feed, EntryPlace::Bundle(sequence)), None)?;
        if page.members.len() + 1 == limit {
            last = Some(stored.cursor());
        }
        page.members.push((stored.revised, stored.member));
    }
    Ok(page)
}
