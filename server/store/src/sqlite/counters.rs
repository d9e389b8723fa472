//! `Counters` on SQLite.

use async_trait::async_trait;

use super::codes::SqliteCodeStore;
use super::{counter, statistic};
use crate::counters::{Counters, Day, DayCounts, Statistic};
use crate::error::StoreError;

#[async_trait]
impl Counters for SqliteCodeStore {
    async fn counts(&self, authority: &str, from: Day, to: Day) -> Result<Vec<DayCounts>, StoreError> {
        let authority = authority.to_owned();
        self.pool.read("counters::counts", move |transaction| counter::list(transaction, &authority, from, to)).await
    }

    async fn statistics(&self, authority: &str, from: Day) -> Result<Vec<Statistic>, StoreError> {
        let authority = authority.to_owned();
        self.pool.read("counters::statistics", move |transaction| statistic::list(transaction, &authority, from)).await
    }

    async fn freeze(&self, authority: &str, days: &[Statistic]) -> Result<bool, StoreError> {
        let (authority, days) = (authority.to_owned(), days.to_owned());
        self.pool.write("counters::freeze", move |transaction| statistic::freeze(transaction, &authority, &days)).await
    }

    async fn forget_counts(&self, oldest: Day, limit: u32) -> Result<u64, StoreError> {
        let forget = move |transaction: &rusqlite::Transaction<'_>| {
            Ok(counter::forget(transaction, oldest, limit)? + statistic::forget(transaction, oldest, limit)?)
        };
        self.pool.write("counters::forget", forget).await
    }
}
