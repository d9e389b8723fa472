//! `DatabaseClock` on SQLite, which has no clock but that of the program.

use async_trait::async_trait;
use proto::Timestamp;

use super::key_store::SqliteKeyStore;
use crate::database_clock::DatabaseClock;
use crate::error::StoreError;

#[async_trait]
impl DatabaseClock for SqliteKeyStore {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.clock.now())
    }
}
