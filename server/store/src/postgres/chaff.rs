//! `Chaff` on PostgreSQL, in either database: one statement, one round trip, as an upload is.

use async_trait::async_trait;

use super::codes::PostgresCodeStore;
use super::key_store::PostgresKeyStore;
use super::pool::Pool;
use crate::chaff::{Chaff, Scratch};
use crate::error::StoreError;

#[async_trait]
impl Chaff for PostgresKeyStore {
    async fn scribble(&self, scratch: &Scratch) -> Result<(), StoreError> {
        scribble(&self.pool, scratch).await
    }
}

#[async_trait]
impl Chaff for PostgresCodeStore {
    async fn scribble(&self, scratch: &Scratch) -> Result<(), StoreError> {
        scribble(&self.pool, scratch).await
    }
}

async fn scribble(pool: &Pool, scratch: &Scratch) -> Result<(), StoreError> {
    const SQL: &str = "-- chaff::scribble
        INSERT INTO chaff (slot, content) SELECT slot, content FROM unnest($1::int4[], $2::bytea[]) AS scratch (slot, content)
        ON CONFLICT (slot) DO UPDATE SET content = excluded.content";
    let (slots, contents): (Vec<i32>, Vec<&[u8]>) = scratch.placed().unzip();
    pool.query("chaff::scribble", SQL, &[&slots, &contents]).await?;
    Ok(())
}
