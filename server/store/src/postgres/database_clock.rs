//! `DatabaseClock` on PostgreSQL.

use async_trait::async_trait;
use proto::Timestamp;

use super::column::{at, time};
use super::key_store::PostgresKeyStore;
use super::transaction::{Mode, Transaction};
use crate::clock::Clock;
use crate::database_clock::DatabaseClock;
use crate::error::StoreError;

#[async_trait]
impl DatabaseClock for PostgresKeyStore {
    async fn now(&self) -> Result<Timestamp, StoreError> {
        self.pool.transact("database_clock::now", Mode::Read, &self.clock, |tx, clock| Box::pin(now(tx, clock))).await
    }
}

async fn now(tx: &Transaction<'_>, clock: &Clock) -> Result<Timestamp, StoreError> {
    const SQL: &str = "-- database_clock::now
        SELECT floor(extract(epoch FROM clock_timestamp()))::bigint + $1";
    time(&tx.row(SQL, &[&clock.offset()]).await?, 0).map_err(at("the time"))
}
