//! `Life` on PostgreSQL: each method one transaction.

use async_trait::async_trait;
use proto::{Feed, Timestamp};

use super::column::{at, integer, number};
use super::feeds::FeedRow;
use super::key_store::PostgresKeyStore;
use super::transaction::{Mode, Transaction};
use super::{bundle_rows, feeds, progress, purge};
use crate::bundles::BundleRow;
use crate::clock::Clock;
use crate::error::StoreError;
use crate::life::{KEPT_FOR, LISTED_FOR, Life, Purged};
use crate::stored::Reason;

/// How far the database's clock may be from this program's, in seconds, while something is done for good.
const CLOCKS_APART: u64 = 600;

#[async_trait]
impl Life for PostgresKeyStore {
    async fn expired(&self, feed: &Feed) -> Result<Vec<u64>, StoreError> {
        let given = (feed, &self.clock);
        let find = self.pool.transact("life::expired", Mode::Read, &given, |tx, (feed, clock)| {
            Box::pin(async move { expired(tx, &feeds::find(tx, feed, clock).await?).await })
        });
        find.await
    }

    async fn delist(&self, feed: &Feed) -> Result<Vec<u64>, StoreError> {
        let given = (feed, &self.clock);
        self.pool.transact("life::delist", Mode::Write, &given, |tx, given| Box::pin(delist(tx, *given))).await
    }

    async fn deletable(&self, feed: &Feed, bucket: &str) -> Result<Vec<BundleRow>, StoreError> {
        let given = progress::Given { feed, number: 0, bucket, clock: &self.clock };
        self.pool.transact("life::deletable", Mode::Read, &given, |tx, given| Box::pin(deletable(tx, given))).await
    }

    async fn record_deleted(&self, feed: &Feed, sequence: u64, bucket: &str) -> Result<(), StoreError> {
        let given = progress::Given { feed, number: sequence, bucket, clock: &self.clock };
        let record = self
            .pool
            .transact("life::record_deleted", Mode::Write, &given, |tx, given| Box::pin(record_deleted(tx, given)));
        record.await
    }

    async fn dead(&self, feed: &Feed, buckets: &[String]) -> Result<Vec<u64>, StoreError> {
        let given = purge::Given { feed, buckets, limit: 0, clock: &self.clock };
        let find = self.pool.transact("life::dead", Mode::Read, &given, |tx, given| {
            Box::pin(
                async move { purge::dead(tx, &feeds::find(tx, given.feed, given.clock).await?, given.buckets).await },
            )
        });
        find.await
    }

    async fn purge(&self, feed: &Feed, buckets: &[String], limit: u32) -> Result<Purged, StoreError> {
        let given = purge::Given { feed, buckets, limit, clock: &self.clock };
        self.pool.transact("life::purge", Mode::Write, &given, |tx, given| Box::pin(purge::purge(tx, given))).await
    }
}

async fn expired(tx: &Transaction<'_>, feed: &FeedRow) -> Result<Vec<u64>, StoreError> {
    const SQL: &str = "-- bundle::expired
        SELECT sequence FROM bundle WHERE feed = $1 AND end_at <= $2 AND delisted_number IS NULL ORDER BY sequence";
    let rows = tx.rows(SQL, &[&feed.id, &feed.now.plus(-LISTED_FOR).unix()]).await?;
    rows.iter().map(|row| number(row, 0).map_err(at("bundle"))).collect()
}

/// What is de-listed does not come back, so two clocks must agree that its time is over.
async fn delist(tx: &Transaction<'_>, (feed, clock): (&Feed, &Clock)) -> Result<Vec<u64>, StoreError> {
    const SQL: &str = "-- bundle::delist
        UPDATE bundle SET delisted_number = $3 WHERE feed = $1 AND end_at <= $2 AND delisted_number IS NULL";
    let row = feeds::lock(tx, feed, clock).await?;
    let expired = expired(tx, &row).await?;
    if expired.is_empty() {
        return Ok(expired);
    }
    agree(row.now, clock)?;
    let number = feeds::take_number(tx, &row, Reason::Delist).await?;
    tx.execute(SQL, &[&row.id, &row.now.plus(-LISTED_FOR).unix(), &integer(number)]).await?;
    Ok(expired)
}

/// Whether the database's time, which is `now`, is near enough to this program's.
pub(super) fn agree(now: Timestamp, clock: &Clock) -> Result<(), StoreError> {
    let apart = now.unix().abs_diff(clock.now().unix());
    if apart > CLOCKS_APART {
        let what = format!("its clock and ours are {apart} seconds apart, so nothing is de-listed or forgotten");
        return Err(StoreError::Unavailable(what));
    }
    Ok(())
}

async fn deletable(tx: &Transaction<'_>, given: &progress::Given<'_>) -> Result<Vec<BundleRow>, StoreError> {
    let row = feeds::find(tx, given.feed, given.clock).await?;
    bundle_rows::deletable(tx, (given.feed, row.id), given.bucket, row.now.plus(-KEPT_FOR)).await
}

async fn record_deleted(tx: &Transaction<'_>, given: &progress::Given<'_>) -> Result<(), StoreError> {
    const SQL: &str = "-- bundle_bucket::record_deleted
        UPDATE bundle_bucket SET deleted_at = $4
        WHERE feed = $1 AND sequence = $2 AND bucket = $3 AND delisted_at IS NOT NULL AND deleted_at IS NULL";
    let row = feeds::find(tx, given.feed, given.clock).await?;
    tx.execute(SQL, &[&row.id, &integer(given.number), &given.bucket, &row.now.unix()]).await?;
    Ok(())
}
