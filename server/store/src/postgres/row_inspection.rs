//! Looking at every row of a feed.

use std::pin::pin;

use futures_util::TryStreamExt;
use proto::{Feed, Timestamp};

use super::column::{integer, time};
use super::quarantine_tables;
use super::transaction::Transaction;
use super::{bundle_rows, feeds, kind};
use crate::bad_entry::EntryPlace;
use crate::bundles::BundleRow;
use crate::clock::Clock;
use crate::error::StoreError;
use crate::quarantine::Findings;
use crate::row_inspection::Looked;

/// Looks at what waits and at what is listed.
pub(super) async fn inspect(tx: &Transaction<'_>, (feed, clock): (&Feed, &Clock)) -> Result<Findings, StoreError> {
    let row = feeds::find(tx, feed, clock).await?;
    let mut findings = Findings::default();
    let mut looked = Looked::new(feed, EntryPlace::Waiting, &mut findings);
    let tables = kind::tables(feed.kind);
    let mut rows = pin!(tx.stream(&quarantine_tables::tables(feed.kind).waiting, &[&row.id]).await?);
    while let Some(found) = rows.try_next().await.map_err(|error| tx.failed(error))? {
        let release_at = time(&found, found.len() - 1)?;
        // What was to leave too early has to wait no more once its time has come all the same.
        looked.row(tables.entry(&found, (feed, EntryPlace::Waiting), None), release_at.max(row.now))?;
    }
    for bundle in bundle_rows::listed(tx, (feed, row.id), row.number).await? {
        look(tx, &bundle, row.id, &mut findings).await?;
    }
    Ok(findings)
}

async fn look(tx: &Transaction<'_>, bundle: &BundleRow, feed: i32, findings: &mut Findings) -> Result<(), StoreError> {
    let BundleRow { sequence, .. } = *bundle;
    let (tables, end): (_, Timestamp) = (kind::tables(bundle.feed.kind), bundle.end);
    let mut looked = Looked::new(&bundle.feed, EntryPlace::Bundle(sequence), findings);
    let mut rows = pin!(tx.stream(tables.bundle, &[&feed, &integer(sequence)]).await?);
    while let Some(found) = rows.try_next().await.map_err(|error| tx.failed(error))? {
        looked.row(tables.entry(&found, (&bundle.feed, EntryPlace::Bundle(sequence)), None), end)?;
    }
    looked.compare(sequence, ([bundle.count, bundle.revised], bundle.member_digest));
    Ok(())
}
