//! `Travellers` on PostgreSQL.

use async_trait::async_trait;
use proto::Feed;

use super::column::{at, parsed, value};
use super::key_store::PostgresKeyStore;
use crate::error::StoreError;
use crate::travellers::{FeedPolicy, Travellers};

#[async_trait]
impl Travellers for PostgresKeyStore {
    async fn feed_policies(&self) -> Result<Vec<FeedPolicy>, StoreError> {
        const SQL: &str = r#"-- travellers::feed_policies
            SELECT path, travellers FROM feed ORDER BY path COLLATE "C""#;
        let rows = self.pool.query("travellers::feed_policies", SQL, &[]).await?;
        let policies = rows
            .iter()
            .map(|row| Ok(FeedPolicy { feed: parsed(row, 0).map_err(at("feed"))?, travellers: value(row, 1)? }));
        policies.collect()
    }

    async fn set_travellers(&self, feed: &Feed, travellers: bool) -> Result<(), StoreError> {
        const SQL: &str = "-- travellers::set_travellers
            UPDATE feed SET travellers = $2 WHERE path = $1 RETURNING id";
        let rows = self.pool.query("travellers::set_travellers", SQL, &[&feed.to_string(), &travellers]).await?;
        if rows.is_empty() { Err(StoreError::NotFound("feed; see server feed list")) } else { Ok(()) }
    }
}
