//! `Adoptions` on SQLite.

use async_trait::async_trait;
use proto::Feed;
use rusqlite::Transaction;

use super::feeds;
use super::key_store::SqliteKeyStore;
use crate::adoption::{Adoptions, FeedStanding};
use crate::error::StoreError;

#[async_trait]
impl Adoptions for SqliteKeyStore {
    async fn standing(&self, feed: &Feed) -> Result<FeedStanding, StoreError> {
        let feed = feed.clone();
        self.pool.read("adoption::standing", move |tx: &Transaction<'_>| Ok(feeds::find(tx, &feed)?.standing())).await
    }
}
