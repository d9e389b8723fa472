//! The table `statistic`.

use tokio_postgres::Row;

use super::column;
use crate::counters::{CounterKind, Day, PerKind, Statistic};
use crate::error::StoreError;
use crate::postgres::pool::Pool;
use crate::postgres::transaction::{Mode, Param, Transaction};

/// Reads the days from `from` on.
pub(super) async fn list(pool: &Pool, authority: &str, from: Day) -> Result<Vec<Statistic>, StoreError> {
    const SQL: &str = "-- counters::statistics
        SELECT day, issued, delivered, claimed, expired, certified, user_report_issued, user_report_claimed
        FROM statistic WHERE authority = $1 AND day >= $2 ORDER BY day";
    let rows = pool.query("counters::statistics", SQL, &[&authority, &from.number()]).await?;
    rows.iter().map(read).collect()
}

/// Writes the days, unless the first of them or a later one is there. Who writes for the same authority waits meanwhile.
pub(super) async fn freeze(pool: &Pool, authority: &str, days: &[Statistic]) -> Result<bool, StoreError> {
    let given = (authority, days);
    pool.transact("counters::freeze", Mode::Write, &given, |transaction, given| Box::pin(write(transaction, given)))
        .await
}

async fn write(transaction: &Transaction<'_>, (authority, days): &(&str, &[Statistic])) -> Result<bool, StoreError> {
    const LOCK: &str = "-- counters::freeze, lock
        SELECT pg_advisory_xact_lock(hashtextextended('pratique statistics ' || $1::text, 0))";
    const TAKEN: &str = "-- counters::freeze, taken
        SELECT 1 FROM statistic WHERE authority = $1 AND day >= $2 LIMIT 1";
    const SQL: &str = "-- counters::freeze
        INSERT INTO statistic
            (authority, day, issued, delivered, claimed, expired, certified, user_report_issued, user_report_claimed)
        SELECT $1::text, shown.* FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                                       $8::bigint[], $9::bigint[]) AS shown";
    let Some(first) = days.first() else { return Ok(true) };
    transaction.row(LOCK, &[authority]).await?;
    if transaction.maybe_row(TAKEN, &[authority, &first.day.number()]).await?.is_some() {
        return Ok(false);
    }
    let numbers: Vec<i32> = days.iter().map(|statistic| statistic.day.number()).collect();
    let figures = |kind| days.iter().map(|statistic| statistic.figures[kind].map(column::integer)).collect();
    let figures: [Vec<Option<i64>>; 7] = CounterKind::ALL.map(figures);
    let values: Vec<Param<'_>> = [authority as Param<'_>, &numbers]
        .into_iter()
        .chain(figures.iter().map(|column| column as Param<'_>))
        .collect();
    transaction.execute(SQL, &values).await?;
    Ok(true)
}

/// Deletes days before `oldest`; how many.
pub(super) async fn forget(transaction: &Transaction<'_>, oldest: i32, limit: i64) -> Result<u64, StoreError> {
    const SQL: &str = "-- counters::forget, statistics
        DELETE FROM statistic WHERE ctid = ANY (ARRAY (
            SELECT ctid FROM statistic WHERE day < $1 LIMIT $2))";
    transaction.execute(SQL, &[&oldest, &limit]).await
}

fn read(row: &Row) -> Result<Statistic, StoreError> {
    let mut figures = PerKind::default();
    for (index, kind) in (1..).zip(CounterKind::ALL) {
        figures[kind] = column::maybe_number(row, index)?;
    }
    Ok(Statistic { day: Day::new(column::number(row, 0)?), figures })
}
