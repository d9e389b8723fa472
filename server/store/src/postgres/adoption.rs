//! `Adoptions` on PostgreSQL.

use async_trait::async_trait;
use proto::Feed;

use super::feeds;
use super::key_store::PostgresKeyStore;
use super::transaction::{Mode, Transaction};
use crate::adoption::{Adoptions, FeedStanding};
use crate::clock::Clock;
use crate::error::StoreError;

#[async_trait]
impl Adoptions for PostgresKeyStore {
    async fn standing(&self, feed: &Feed) -> Result<FeedStanding, StoreError> {
        let given = (feed, &self.clock);
        self.pool.transact("adoption::standing", Mode::Read, &given, |tx, given| Box::pin(standing(tx, *given))).await
    }
}

async fn standing(tx: &Transaction<'_>, (feed, clock): (&Feed, &Clock)) -> Result<FeedStanding, StoreError> {
    Ok(feeds::find(tx, feed, clock).await?.standing())
}
