//! `Chaff` on SQLite, in either database.

use async_trait::async_trait;
use rusqlite::{Transaction, params};

use super::codes::SqliteCodeStore;
use super::key_store::SqliteKeyStore;
use super::pool::Pool;
use crate::chaff::{Chaff, Scratch};
use crate::error::StoreError;

#[async_trait]
impl Chaff for SqliteKeyStore {
    async fn scribble(&self, scratch: &Scratch) -> Result<(), StoreError> {
        scribble(&self.pool, scratch).await
    }
}

#[async_trait]
impl Chaff for SqliteCodeStore {
    async fn scribble(&self, scratch: &Scratch) -> Result<(), StoreError> {
        scribble(&self.pool, scratch).await
    }
}

async fn scribble(pool: &Pool, scratch: &Scratch) -> Result<(), StoreError> {
    let scratch = scratch.clone();
    pool.write("chaff::scribble", move |tx| write(tx, &scratch)).await
}

fn write(tx: &Transaction<'_>, scratch: &Scratch) -> Result<(), StoreError> {
    const SQL: &str = "-- chaff::scribble
        INSERT INTO chaff (slot, content) VALUES (?1, ?2) ON CONFLICT (slot) DO UPDATE SET content = excluded.content";
    for (slot, content) in scratch.placed() {
        tx.prepare_cached(SQL)?.execute(params![slot, content])?;
    }
    Ok(())
}
