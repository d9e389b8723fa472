//! `Deliveries` on SQLite.

use async_trait::async_trait;
use proto::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::codes::{SqliteCodeStore, end};
use super::{column, counter};
use crate::counters::{CounterKind, Day};
use crate::deliveries::{CountOutcome, Deliveries, MessageState, Tally};
use crate::error::StoreError;

#[async_trait]
impl Deliveries for SqliteCodeStore {
    async fn count_message(&self, tallies: &[Tally], now: Timestamp) -> Result<CountOutcome, StoreError> {
        let tallies = tallies.to_owned();
        self.pool.write("deliveries::count", move |transaction| count(transaction, &tallies, now)).await
    }

    async fn uncount_message(&self, tallies: &[Tally], now: Timestamp) -> Result<(), StoreError> {
        let tallies = tallies.to_owned();
        self.pool.write("deliveries::uncount", move |transaction| uncount(transaction, &tallies, now)).await
    }

    async fn is_delivered(&self, authority: &str, uuid: [u8; 16]) -> Result<bool, StoreError> {
        let authority = authority.to_owned();
        self.pool.read("deliveries::delivered", move |transaction| is_delivered(transaction, &authority, uuid)).await
    }

    async fn record_delivery(
        &self,
        authority: &str,
        uuid: [u8; 16],
        state: MessageState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let authority = authority.to_owned();
        self.pool
            .write("deliveries::record", move |transaction| record(transaction, &authority, uuid, state, now))
            .await
    }

    async fn expire_undelivered(&self, authority: &str, uuid: [u8; 16], now: Timestamp) -> Result<bool, StoreError> {
        let authority = authority.to_owned();
        self.pool
            .write("deliveries::expire", move |transaction| {
                let is_delivered = is_delivered(transaction, &authority, uuid)?;
                if !is_delivered {
                    end(transaction, &authority, uuid, now)?;
                }
                Ok(!is_delivered)
            })
            .await
    }
}

/// The transaction began IMMEDIATE, so nobody counts between the look and the write.
fn count(transaction: &Transaction<'_>, tallies: &[Tally], now: Timestamp) -> Result<CountOutcome, StoreError> {
    let mut full: Option<Timestamp> = None;
    for tally in tallies {
        if sent(transaction, tally, now)? >= u64::from(tally.limit) {
            full = full.max(Some(tally.ends_at));
        }
    }
    if let Some(until) = full {
        return Ok(CountOutcome::Full { until });
    }
    for tally in tallies {
        add(transaction, tally, now)?;
    }
    Ok(CountOutcome::Counted)
}

/// How many there were under any live secret.
fn sent(transaction: &Transaction<'_>, tally: &Tally, now: Timestamp) -> Result<u64, StoreError> {
    const SQL: &str = "-- deliveries::count, sent
        SELECT sent FROM message_tally WHERE digest = ?1 AND ends_at > ?2";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut total = 0;
    for digest in &tally.digests {
        let mut rows = statement.query(params![digest, now.unix()])?;
        if let Some(row) = rows.next()? {
            total += column::number::<u64>(row, 0)?;
        }
    }
    Ok(total)
}

fn add(transaction: &Transaction<'_>, tally: &Tally, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- deliveries::count, add
        INSERT INTO message_tally (digest, sent, ends_at) VALUES (?1, 1, ?2)
        ON CONFLICT (digest) DO UPDATE SET sent = iif(ends_at <= ?3, 1, sent + 1),
            ends_at = max(ends_at, excluded.ends_at)";
    let current = tally.current()?;
    transaction.prepare_cached(SQL)?.execute(params![current, tally.ends_at.unix(), now.unix()])?;
    Ok(())
}

fn uncount(transaction: &Transaction<'_>, tallies: &[Tally], now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- deliveries::uncount
        UPDATE message_tally SET sent = sent - 1 WHERE digest = ?1 AND ends_at > ?2 AND sent > 0";
    let mut statement = transaction.prepare_cached(SQL)?;
    for tally in tallies {
        statement.execute(params![tally.current()?, now.unix()])?;
    }
    Ok(())
}

fn is_delivered(transaction: &Transaction<'_>, authority: &str, uuid: [u8; 16]) -> Result<bool, StoreError> {
    const SQL: &str = "-- deliveries::delivered
        SELECT 1 FROM code WHERE authority = ?1 AND uuid = ?2 AND delivery = 'delivered'";
    Ok(transaction.prepare_cached(SQL)?.query_row(params![authority, uuid], |_| Ok(())).optional()?.is_some())
}

fn record(
    transaction: &Transaction<'_>,
    authority: &str,
    uuid: [u8; 16],
    state: MessageState,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- deliveries::record
        UPDATE code SET delivery = ?3 WHERE authority = ?1 AND uuid = ?2 AND delivery IS NOT 'delivered'
        RETURNING delivery = 'delivered' AND report_type <> 'user-report'";
    let mut statement = transaction.prepare_cached(SQL)?;
    let counts = statement.query_row(params![authority, uuid, state.as_str()], |row| row.get(0)).optional()?;
    if counts == Some(true) {
        counter::add(transaction, authority, CounterKind::Delivered, Day::containing(now))?;
    }
    Ok(())
}
