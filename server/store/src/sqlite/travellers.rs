//! `Travellers` on SQLite.

use async_trait::async_trait;
use proto::Feed;
use rusqlite::params;

use super::column::{at, parsed, value};
use super::key_store::SqliteKeyStore;
use crate::error::StoreError;
use crate::travellers::{FeedPolicy, Travellers};

#[async_trait]
impl Travellers for SqliteKeyStore {
    async fn feed_policies(&self) -> Result<Vec<FeedPolicy>, StoreError> {
        const SQL: &str = "-- travellers::feed_policies
            SELECT path, travellers FROM feed ORDER BY path";
        let read = |tx: &rusqlite::Transaction<'_>| {
            let mut statement = tx.prepare_cached(SQL)?;
            let mut rows = statement.query([])?;
            let mut policies = Vec::new();
            while let Some(row) = rows.next()? {
                policies.push(FeedPolicy { feed: parsed(row, 0).map_err(at("feed"))?, travellers: value(row, 1)? });
            }
            Ok(policies)
        };
        self.pool.read("travellers::feed_policies", read).await
    }

    async fn set_travellers(&self, feed: &Feed, travellers: bool) -> Result<(), StoreError> {
        const SQL: &str = "-- travellers::set_travellers
            UPDATE feed SET travellers = ?2 WHERE path = ?1";
        let path = feed.to_string();
        let set =
            move |tx: &rusqlite::Transaction<'_>| Ok(tx.prepare_cached(SQL)?.execute(params![path, travellers])?);
        match self.pool.write("travellers::set_travellers", set).await? {
            0 => Err(StoreError::NotFound("feed; see server feed list")),
            _ => Ok(()),
        }
    }
}
