//! `Audit` on SQLite.

use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};

use super::column::{at, number, time, value};
use super::key_store::SqliteKeyStore;
use crate::audit::{Act, Audit, RecordedAct};
use crate::error::StoreError;

#[async_trait]
impl Audit for SqliteKeyStore {
    async fn record(&self, act: &Act) -> Result<(), StoreError> {
        let act = act.clone();
        self.pool.write("audit::record", move |tx| insert(tx, &act)).await
    }

    async fn acts(&self, limit: u32) -> Result<Vec<RecordedAct>, StoreError> {
        self.pool.read("audit::acts", move |tx| acts(tx, limit)).await
    }
}

/// Writes an act down, beside whatever else this transaction does.
pub(super) fn insert(tx: &Transaction<'_>, act: &Act) -> Result<(), StoreError> {
    const SQL: &str = "-- audit::record
        INSERT INTO audit (at, act, subject, outcome, reason, os_user) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![act.at.unix(), act.act, act.subject, act.outcome, act.reason, act.os_user];
    tx.prepare_cached(SQL)?.execute(values)?;
    Ok(())
}

fn acts(tx: &Transaction<'_>, limit: u32) -> Result<Vec<RecordedAct>, StoreError> {
    const SQL: &str = "-- audit::acts
        SELECT number, at, act, subject, outcome, reason, os_user, database_user
        FROM (SELECT number, at, act, subject, outcome, reason, os_user, database_user
              FROM audit ORDER BY number DESC LIMIT ?1) ORDER BY number";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([limit])?;
    let mut acts = Vec::new();
    while let Some(row) = rows.next()? {
        acts.push(read(row).map_err(at("audit"))?);
    }
    Ok(acts)
}

fn read(row: &Row<'_>) -> Result<RecordedAct, StoreError> {
    let act = Act {
        at: time(row, 1)?,
        act: value(row, 2)?,
        subject: value(row, 3)?,
        outcome: value(row, 4)?,
        reason: value(row, 5)?,
        os_user: value(row, 6)?,
    };
    Ok(RecordedAct { number: number(row, 0)?, act, database_user: value(row, 7)? })
}
