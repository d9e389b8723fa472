//! `Intervals` on PostgreSQL: each method one transaction.

use async_trait::async_trait;
use proto::{Feed, Timestamp};
use tokio_postgres::Row;

use super::column::{at, integer, number};
use super::feeds;
use super::feeds::FeedRow;
use super::key_store::PostgresKeyStore;
use super::transaction::{Mode, Transaction};
use crate::clock::Clock;
use crate::error::StoreError;
use crate::grid::Grid;
use crate::intervals::{ClosedInterval, Intervals};

#[async_trait]
impl Intervals for PostgresKeyStore {
    async fn close_intervals(&self, feed: &Feed, grid: &Grid) -> Result<Vec<ClosedInterval>, StoreError> {
        let given = (feed, grid, &self.clock);
        self.pool.transact("intervals::close", Mode::Frozen, &given, |tx, given| Box::pin(close(tx, *given))).await
    }

    async fn intervals(&self, feed: &Feed) -> Result<Vec<ClosedInterval>, StoreError> {
        let given = (feed, &self.clock);
        let list = self.pool.transact("intervals::list", Mode::Read, &given, |tx, (feed, clock)| {
            Box::pin(async move { list(tx, feed, feeds::find(tx, feed, clock).await?.id).await })
        });
        list.await
    }

    async fn forget_interval(&self, feed: &Feed, number: u64) -> Result<(), StoreError> {
        const SQL: &str = "-- intervals::forget
            DELETE FROM coepi_interval AS old USING feed
            WHERE feed.path = $1 AND old.feed = feed.id AND old.number = $2
                AND old.number < (SELECT max(number) FROM coepi_interval WHERE coepi_interval.feed = feed.id)";
        self.pool.query("intervals::forget", SQL, &[&feed.to_string(), &integer(number)]).await?;
        Ok(())
    }
}

/// Takes the lock that every seal takes, so that it sees each of them or runs before it; the snapshot is that after the lock.
async fn close(
    tx: &Transaction<'_>,
    (feed, grid, clock): (&Feed, &Grid, &Clock),
) -> Result<Vec<ClosedInterval>, StoreError> {
    const LOCK: &str = "-- intervals::close (lock)
        LOCK TABLE seal_lock IN EXCLUSIVE MODE";
    const SQL: &str = "-- intervals::close
        INSERT INTO coepi_interval (feed, number, from_sequence, to_sequence) VALUES ($1, $2, $3, $4)";
    tx.command(LOCK).await?;
    let row = feeds::find(tx, feed, clock).await?;
    let mut closed = list(tx, feed, row.id).await?;
    for due in grid.due(row.now, closed.last().map(|last| last.number)) {
        let from = match closed.last() {
            Some(last) => last.to,
            None => sealed_before(tx, &row, grid.begin(due.saturating_sub(1))).await?,
        };
        let to = sealed_before(tx, &row, grid.begin(due)).await?.max(from);
        tx.execute(SQL, &[&row.id, &integer(due), &integer(from), &integer(to)]).await?;
        closed.push(ClosedInterval { number: due, from, to });
    }
    Ok(closed)
}

/// The sequence of the first bundle that ends at a moment or later, be it one that is yet to be sealed. Ends ascend.
async fn sealed_before(tx: &Transaction<'_>, feed: &FeedRow, moment: Timestamp) -> Result<u64, StoreError> {
    const SQL: &str = "-- intervals::sealed_before
        SELECT coalesce(min(sequence), $3) FROM bundle WHERE feed = $1 AND end_at >= $2";
    number(&tx.row(SQL, &[&feed.id, &moment.unix(), &integer(feed.next_sequence)]).await?, 0)
}

async fn list(tx: &Transaction<'_>, feed: &Feed, id: i32) -> Result<Vec<ClosedInterval>, StoreError> {
    const SQL: &str = "-- intervals::list
        SELECT number, from_sequence, to_sequence FROM coepi_interval WHERE feed = $1 ORDER BY number";
    let rows = tx.rows(SQL, &[&id]).await?;
    rows.iter().map(read).collect::<Result<_, _>>().map_err(at(format_args!("coepi_interval of {feed}")))
}

fn read(row: &Row) -> Result<ClosedInterval, StoreError> {
    Ok(ClosedInterval { number: number(row, 0)?, from: number(row, 1)?, to: number(row, 2)? })
}
