//! `Intervals` on SQLite: each method one transaction.

use async_trait::async_trait;
use proto::{Feed, Timestamp};
use rusqlite::{Row, Transaction, params};

use super::column::{at, integer, number};
use super::feeds;
use super::feeds::FeedRow;
use super::key_store::SqliteKeyStore;
use crate::error::StoreError;
use crate::grid::Grid;
use crate::intervals::{ClosedInterval, Intervals};

#[async_trait]
impl Intervals for SqliteKeyStore {
    async fn close_intervals(&self, feed: &Feed, grid: &Grid) -> Result<Vec<ClosedInterval>, StoreError> {
        let (feed, grid, clock) = (feed.clone(), *grid, self.clock.clone());
        // The time is read after the lock, as a seal does.
        self.pool.write("intervals::close", move |tx| close(tx, &feed, &grid, clock.now())).await
    }

    async fn intervals(&self, feed: &Feed) -> Result<Vec<ClosedInterval>, StoreError> {
        let feed = feed.clone();
        self.pool.read("intervals::list", move |tx| list(tx, &feed, feeds::find(tx, &feed)?.id)).await
    }

    async fn forget_interval(&self, feed: &Feed, number: u64) -> Result<(), StoreError> {
        const SQL: &str = "-- intervals::forget
            DELETE FROM coepi_interval
            WHERE feed = ?1 AND number = ?2 AND number < (SELECT max(number) FROM coepi_interval WHERE feed = ?1)";
        let feed = feed.clone();
        let forget = move |tx: &Transaction<'_>| {
            tx.prepare_cached(SQL)?.execute([feeds::find(tx, &feed)?.id, integer(number)])?;
            Ok(())
        };
        self.pool.write("intervals::forget", forget).await
    }
}

fn close(tx: &Transaction<'_>, feed: &Feed, grid: &Grid, now: Timestamp) -> Result<Vec<ClosedInterval>, StoreError> {
    const SQL: &str = "-- intervals::close
        INSERT INTO coepi_interval (feed, number, from_sequence, to_sequence) VALUES (?1, ?2, ?3, ?4)";
    let row = feeds::find(tx, feed)?;
    let mut closed = list(tx, feed, row.id)?;
    for due in grid.due(now, closed.last().map(|last| last.number)) {
        let from = match closed.last() {
            Some(last) => last.to,
            None => sealed_before(tx, &row, grid.begin(due.saturating_sub(1)))?,
        };
        let to = sealed_before(tx, &row, grid.begin(due))?.max(from);
        let values = params![row.id, integer(due), integer(from), integer(to)];
        tx.prepare_cached(SQL)?.execute(values)?;
        closed.push(ClosedInterval { number: due, from, to });
    }
    Ok(closed)
}

/// The sequence of the first bundle that ends at a moment or later, be it one that is yet to be sealed. Ends ascend.
fn sealed_before(tx: &Transaction<'_>, feed: &FeedRow, moment: Timestamp) -> Result<u64, StoreError> {
    const SQL: &str = "-- intervals::sealed_before
        SELECT coalesce(min(sequence), ?3) FROM bundle WHERE feed = ?1 AND end_at >= ?2";
    let mut statement = tx.prepare_cached(SQL)?;
    statement.query_row(params![feed.id, moment.unix(), integer(feed.next_sequence)], |row| Ok(number(row, 0)))?
}

fn list(tx: &Transaction<'_>, feed: &Feed, id: i64) -> Result<Vec<ClosedInterval>, StoreError> {
    const SQL: &str = "-- intervals::list
        SELECT number, from_sequence, to_sequence FROM coepi_interval WHERE feed = ?1 ORDER BY number";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([id])?;
    let mut closed = Vec::new();
    while let Some(row) = rows.next()? {
        closed.push(read(row).map_err(at(format_args!("coepi_interval of {feed}")))?);
    }
    Ok(closed)
}

fn read(row: &Row<'_>) -> Result<ClosedInterval, StoreError> {
    Ok(ClosedInterval { number: number(row, 0)?, from: number(row, 1)?, to: number(row, 2)? })
}
