//! Looking at every row of a feed.

use proto::{Feed, Timestamp};
use rusqlite::{Transaction, params};

use super::column::{integer, time};
use super::quarantine_tables;
use super::{bundle_rows, feeds, kind};
use crate::bad_entry::EntryPlace;
use crate::bundles::BundleRow;
use crate::error::StoreError;
use crate::quarantine::Findings;
use crate::row_inspection::Looked;

/// Before the first row: no row has this value among its `revised`.
const BEFORE_ALL: i64 = -1;

/// Looks at what waits and at what is listed.
pub(super) fn inspect(tx: &Transaction<'_>, feed: &Feed, now: Timestamp) -> Result<Findings, StoreError> {
    let row = feeds::find(tx, feed)?;
    let mut findings = Findings::default();
    let mut looked = Looked::new(feed, EntryPlace::Waiting, &mut findings);
    let mut statement = tx.prepare_cached(&quarantine_tables::tables(feed.kind).waiting)?;
    let last = statement.column_count() - 1;
    let mut rows = statement.query([row.id])?;
    while let Some(found) = rows.next()? {
        let release_at = time(found, last)?;
        // What was to leave too early has to wait no more once its time has come all the same.
        looked.row(kind::tables(feed.kind).entry(found, (feed, EntryPlace::Waiting), None), release_at.max(now))?;
    }
    for bundle in bundle_rows::listed(tx, (feed, row.id), row.number)? {
        look(tx, &bundle, row.id, &mut findings)?;
    }
    Ok(findings)
}

fn look(tx: &Transaction<'_>, bundle: &BundleRow, feed: i64, findings: &mut Findings) -> Result<(), StoreError> {
    let (sequence, tables) = (bundle.sequence, kind::tables(bundle.feed.kind));
    let mut looked = Looked::new(&bundle.feed, EntryPlace::Bundle(sequence), findings);
    let mut statement = tx.prepare_cached(tables.members)?;
    let nothing: &[u8] = &[];
    let mut rows = statement.query(params![feed, integer(sequence), BEFORE_ALL, 0, nothing, i64::MAX])?;
    while let Some(found) = rows.next()? {
        looked.row(tables.entry(found, (&bundle.feed, EntryPlace::Bundle(sequence)), None), bundle.end)?;
    }
    looked.compare(sequence, ([bundle.count, bundle.revised], bundle.member_digest));
    Ok(())
}
