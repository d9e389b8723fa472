//! `Deliveries` on PostgreSQL.

use async_trait::async_trait;
use proto::Timestamp;

use super::codes::{PostgresCodeStore, expire_undelivered};
use super::column;
use super::transaction::{Mode, Params, Transaction};
use crate::counters::Day;
use crate::deliveries::{CountOutcome, Deliveries, MessageState, Tally};
use crate::error::StoreError;

#[async_trait]
impl Deliveries for PostgresCodeStore {
    async fn count_message(&self, tallies: &[Tally], now: Timestamp) -> Result<CountOutcome, StoreError> {
        let given = (tallies, now);
        let count = self.pool.transact("deliveries::count", Mode::Write, &given, |transaction, (tallies, now)| {
            Box::pin(count(transaction, tallies, *now))
        });
        count.await
    }

    async fn uncount_message(&self, tallies: &[Tally], now: Timestamp) -> Result<(), StoreError> {
        // One after the other, in the order in which they are counted: who waits for whom never goes in a circle.
        const SQL: &str = "-- deliveries::uncount
            UPDATE message_tally SET sent = sent - 1 WHERE digest = $1 AND ends_at > $2 AND sent > 0";
        for tally in tallies {
            self.pool.query("deliveries::uncount", SQL, &[&tally.current()?.as_slice(), &now.unix()]).await?;
        }
        Ok(())
    }

    async fn is_delivered(&self, authority: &str, uuid: [u8; 16]) -> Result<bool, StoreError> {
        const SQL: &str = "-- deliveries::delivered
            SELECT 1 FROM code WHERE authority = $1 AND uuid = $2 AND delivery = 'delivered'";
        Ok(!self.pool.query("deliveries::delivered", SQL, &[&authority, &uuid.as_slice()]).await?.is_empty())
    }

    async fn record_delivery(
        &self,
        authority: &str,
        uuid: [u8; 16],
        state: MessageState,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "-- deliveries::record
            WITH recorded AS (
                UPDATE code SET delivery = $3
                WHERE authority = $1 AND uuid = $2 AND delivery IS DISTINCT FROM 'delivered'
                RETURNING id, report_type, delivery)
            INSERT INTO counter (authority, day, kind, stripe, count)
            SELECT $1, $4::integer, 'delivered', get_byte(id, 0) % 8, 1
            FROM recorded WHERE delivery = 'delivered' AND report_type <> 'user-report'
            ON CONFLICT (authority, day, kind, stripe) DO UPDATE SET count = counter.count + 1";
        let (state, day) = (state.as_str(), Day::containing(now).number());
        let values: Params<'_> = &[&authority, &uuid.as_slice(), &state, &day];
        self.pool.query("deliveries::record", SQL, values).await.map(drop)
    }

    async fn expire_undelivered(&self, authority: &str, uuid: [u8; 16], now: Timestamp) -> Result<bool, StoreError> {
        // A code that was claimed has nothing left to end; whether it was delivered is to be known of it all the same.
        Ok(expire_undelivered(&self.pool, authority, uuid, now).await? || !self.is_delivered(authority, uuid).await?)
    }
}

/// Locks every tally, then looks, then counts: who comes second sees what the first has counted.
async fn count(transaction: &Transaction<'_>, tallies: &[Tally], now: Timestamp) -> Result<CountOutcome, StoreError> {
    const ADD: &str = "-- deliveries::count, add
        UPDATE message_tally SET sent = sent + 1 WHERE digest = ANY ($1)";
    let current: Vec<&[u8]> =
        tallies.iter().map(|tally| Ok(tally.current()?.as_slice())).collect::<Result<_, StoreError>>()?;
    let mut full: Option<Timestamp> = None;
    for (tally, sent) in tallies.iter().zip(lock(transaction, tallies, &current, now).await?) {
        if sent + sent_under_others(transaction, tally, now).await? >= u64::from(tally.limit) {
            full = full.max(Some(tally.ends_at));
        }
    }
    if let Some(until) = full {
        return Ok(CountOutcome::Full { until });
    }
    transaction.execute(ADD, &[&current]).await?;
    Ok(CountOutcome::Counted)
}

/// Makes the tallies that are not there, empties those that have ended, and answers how many each has, in their order.
async fn lock(
    transaction: &Transaction<'_>,
    tallies: &[Tally],
    current: &[&[u8]],
    now: Timestamp,
) -> Result<Vec<u64>, StoreError> {
    const SQL: &str = "-- deliveries::count, lock
        INSERT INTO message_tally AS tally (digest, sent, ends_at)
        SELECT digest, 0, ends_at FROM unnest($1::bytea[], $2::bigint[]) AS asked (digest, ends_at)
        ON CONFLICT (digest) DO UPDATE
        SET sent = CASE WHEN tally.ends_at <= $3 THEN 0 ELSE tally.sent END,
            ends_at = greatest(tally.ends_at, excluded.ends_at)
        RETURNING digest, sent";
    let ends: Vec<i64> = tallies.iter().map(|tally| tally.ends_at.unix()).collect();
    let rows = transaction.rows(SQL, &[&current, &ends, &now.unix()]).await?;
    let mut counts = Vec::with_capacity(current.len());
    for digest in current {
        let row = rows.iter().find(|row| column::value::<&[u8]>(row, 0).is_ok_and(|found| found == *digest));
        let row = row.ok_or_else(|| StoreError::Corrupt("a tally is gone while it is locked".to_owned()))?;
        counts.push(column::number(row, 1)?);
    }
    Ok(counts)
}

/// What was counted under secrets that are no longer the current one.
async fn sent_under_others(transaction: &Transaction<'_>, tally: &Tally, now: Timestamp) -> Result<u64, StoreError> {
    const SQL: &str = "-- deliveries::count, others
        SELECT coalesce(sum(sent), 0)::bigint FROM message_tally WHERE digest = ANY ($1) AND ends_at > $2";
    let others: Vec<&[u8]> = tally.digests.iter().skip(1).map(<[u8; 32]>::as_slice).collect();
    if others.is_empty() {
        return Ok(0);
    }
    column::number(&transaction.row(SQL, &[&others, &now.unix()]).await?, 0)
}
