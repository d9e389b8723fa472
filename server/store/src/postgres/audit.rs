//! `Audit` on PostgreSQL.

use async_trait::async_trait;
use tokio_postgres::Row;

use super::column::{at, number, time, value};
use super::key_store::PostgresKeyStore;
use super::transaction::{Mode, Transaction};
use crate::audit::{Act, Audit, RecordedAct};
use crate::error::StoreError;

#[async_trait]
impl Audit for PostgresKeyStore {
    async fn record(&self, act: &Act) -> Result<(), StoreError> {
        self.pool.transact("audit::record", Mode::Write, act, |tx, act| Box::pin(insert(tx, act))).await
    }

    async fn acts(&self, limit: u32) -> Result<Vec<RecordedAct>, StoreError> {
        const SQL: &str = "-- audit::acts
            SELECT number, at, act, subject, outcome, reason, os_user, database_user
            FROM (SELECT number, at, act, subject, outcome, reason, os_user, database_user
                  FROM audit ORDER BY number DESC LIMIT $1) AS last
            ORDER BY number";
        let rows = self.pool.query("audit::acts", SQL, &[&i64::from(limit)]).await?;
        rows.iter().map(|row| read(row).map_err(at("audit"))).collect()
    }
}

/// Writes an act down, beside whatever else this transaction does. Who the database's user is, the table finds out by itself.
pub(super) async fn insert(tx: &Transaction<'_>, act: &Act) -> Result<(), StoreError> {
    const SQL: &str = "-- audit::record
        INSERT INTO audit (at, act, subject, outcome, reason, os_user) VALUES ($1, $2, $3, $4, $5, $6)";
    tx.execute(SQL, &[&act.at.unix(), &act.act, &act.subject, &act.outcome, &act.reason, &act.os_user]).await?;
    Ok(())
}

fn read(row: &Row) -> Result<RecordedAct, StoreError> {
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
