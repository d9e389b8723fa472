//! `Life` on SQLite: each method one transaction.

use async_trait::async_trait;
use proto::{Feed, Timestamp};
use rusqlite::{Transaction, params};

use super::column::{at, integer, number};
use super::feeds::FeedRow;
use super::key_store::SqliteKeyStore;
use super::{bundle_rows, feeds, purge};
use crate::bundles::BundleRow;
use crate::error::StoreError;
use crate::life::{KEPT_FOR, LISTED_FOR, Life, Purged};
use crate::stored::Reason;

#[async_trait]
impl Life for SqliteKeyStore {
    async fn expired(&self, feed: &Feed) -> Result<Vec<u64>, StoreError> {
        let (feed, clock) = (feed.clone(), self.clock.clone());
        let find = move |tx: &Transaction<'_>| expired(tx, &feeds::find(tx, &feed)?, clock.now());
        self.pool.read("life::expired", find).await
    }

    async fn delist(&self, feed: &Feed) -> Result<Vec<u64>, StoreError> {
        let (feed, clock) = (feed.clone(), self.clock.clone());
        self.pool.write("life::delist", move |tx| delist(tx, &feed, clock.now())).await
    }

    async fn deletable(&self, feed: &Feed, bucket: &str) -> Result<Vec<BundleRow>, StoreError> {
        let (feed, bucket, clock) = (feed.clone(), bucket.to_owned(), self.clock.clone());
        let find = move |tx: &Transaction<'_>| {
            let id = feeds::find(tx, &feed)?.id;
            bundle_rows::deletable(tx, (&feed, id), &bucket, clock.now().plus(-KEPT_FOR))
        };
        self.pool.read("life::deletable", find).await
    }

    async fn record_deleted(&self, feed: &Feed, sequence: u64, bucket: &str) -> Result<(), StoreError> {
        let (feed, bucket, clock) = (feed.clone(), bucket.to_owned(), self.clock.clone());
        let record = move |tx: &Transaction<'_>| record_deleted(tx, &feed, sequence, &bucket, clock.now());
        self.pool.write("life::record_deleted", record).await
    }

    async fn dead(&self, feed: &Feed, buckets: &[String]) -> Result<Vec<u64>, StoreError> {
        let (feed, buckets, clock) = (feed.clone(), buckets.to_vec(), self.clock.clone());
        let find = move |tx: &Transaction<'_>| purge::dead(tx, feeds::find(tx, &feed)?.id, &buckets, clock.now());
        self.pool.read("life::dead", find).await
    }

    async fn purge(&self, feed: &Feed, buckets: &[String], limit: u32) -> Result<Purged, StoreError> {
        let (feed, buckets, clock) = (feed.clone(), buckets.to_vec(), self.clock.clone());
        let purge = move |tx: &Transaction<'_>| purge::purge(tx, &feed, &buckets, limit, clock.now());
        let purged = self.pool.write("life::purge", purge).await?;
        // The log keeps what was deleted.
        if !purged.is_nothing() {
            self.empty_log().await;
        }
        Ok(purged)
    }
}

fn expired(tx: &Transaction<'_>, feed: &FeedRow, now: Timestamp) -> Result<Vec<u64>, StoreError> {
    const SQL: &str = "-- bundle::expired
        SELECT sequence FROM bundle WHERE feed = ?1 AND end_at <= ?2 AND delisted_number IS NULL ORDER BY sequence";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([feed.id, now.plus(-LISTED_FOR).unix()])?;
    let mut sequences = Vec::new();
    while let Some(row) = rows.next()? {
        sequences.push(number(row, 0).map_err(at("bundle"))?);
    }
    Ok(sequences)
}

fn delist(tx: &Transaction<'_>, feed: &Feed, now: Timestamp) -> Result<Vec<u64>, StoreError> {
    const SQL: &str = "-- bundle::delist
        UPDATE bundle SET delisted_number = ?3 WHERE feed = ?1 AND end_at <= ?2 AND delisted_number IS NULL";
    let row = feeds::find(tx, feed)?;
    let expired = expired(tx, &row, now)?;
    if !expired.is_empty() {
        let number = feeds::take_number(tx, &row, now, Reason::Delist)?;
        tx.prepare_cached(SQL)?.execute([row.id, now.plus(-LISTED_FOR).unix(), integer(number)])?;
    }
    Ok(expired)
}

fn record_deleted(
    tx: &Transaction<'_>,
    feed: &Feed,
    sequence: u64,
    bucket: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- bundle_bucket::record_deleted
        UPDATE bundle_bucket SET deleted_at = ?4
        WHERE feed = ?1 AND sequence = ?2 AND bucket = ?3 AND delisted_at IS NOT NULL AND deleted_at IS NULL";
    let feed = feeds::find(tx, feed)?.id;
    tx.prepare_cached(SQL)?.execute(params![feed, integer(sequence), bucket, now.unix()])?;
    Ok(())
}
