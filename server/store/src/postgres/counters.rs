//! `Counters` on PostgreSQL: the table `counter`, which the operations that are counted write themselves.

use async_trait::async_trait;

use super::codes::PostgresCodeStore;
use super::{column, statistic};
use crate::counters::{Counters, Day, DayCounts, PerKind, Statistic};
use crate::error::StoreError;
use crate::postgres::pool::Pool;
use crate::postgres::transaction::{Mode, Transaction};

#[async_trait]
impl Counters for PostgresCodeStore {
    async fn counts(&self, authority: &str, from: Day, to: Day) -> Result<Vec<DayCounts>, StoreError> {
        counts(&self.pool, authority, from, to).await
    }

    async fn statistics(&self, authority: &str, from: Day) -> Result<Vec<Statistic>, StoreError> {
        statistic::list(&self.pool, authority, from).await
    }

    async fn freeze(&self, authority: &str, days: &[Statistic]) -> Result<bool, StoreError> {
        statistic::freeze(&self.pool, authority, days).await
    }

    async fn forget_counts(&self, oldest: Day, limit: u32) -> Result<u64, StoreError> {
        let given = (oldest.number(), i64::from(limit));
        self.pool
            .transact("counters::forget", Mode::Write, &given, |transaction, given| {
                Box::pin(forget(transaction, given))
            })
            .await
    }
}

/// Reads the days from `from` to `to`.
async fn counts(pool: &Pool, authority: &str, from: Day, to: Day) -> Result<Vec<DayCounts>, StoreError> {
    const SQL: &str = "-- counters::counts
        SELECT day, kind, sum(count)::bigint FROM counter
        WHERE authority = $1 AND day BETWEEN $2 AND $3 GROUP BY day, kind ORDER BY day";
    let mut days: Vec<DayCounts> = Vec::new();
    for row in pool.query("counters::counts", SQL, &[&authority, &from.number(), &to.number()]).await? {
        let day = Day::new(column::number(&row, 0)?);
        if days.last().is_none_or(|last| last.day != day) {
            days.push(DayCounts { day, counts: PerKind::default() });
        }
        if let Some(last) = days.last_mut() {
            last.counts[column::parsed(&row, 1)?] = column::number(&row, 2)?;
        }
    }
    Ok(days)
}

/// Deletes counts of days that are frozen or too old, and what is shown of the latter; how many rows. Two that do so at once skip what the other
/// has in hand.
async fn forget(transaction: &Transaction<'_>, (oldest, limit): &(i32, i64)) -> Result<u64, StoreError> {
    const COUNTS: &str = "-- counters::forget
        DELETE FROM counter WHERE ctid = ANY (ARRAY (
            SELECT ctid FROM counter WHERE day < $1 OR EXISTS (
                SELECT 1 FROM statistic WHERE statistic.authority = counter.authority AND statistic.day = counter.day)
            LIMIT $2 FOR UPDATE SKIP LOCKED))";
    let counts = transaction.execute(COUNTS, &[oldest, limit]).await?;
    Ok(counts + statistic::forget(transaction, *oldest, *limit).await?)
}
