//! The table `statistic`.

use rusqlite::{Row, Transaction, params};

use super::column;
use crate::counters::{CounterKind, Day, PerKind, Statistic};
use crate::error::StoreError;

/// Reads the days from `from` on.
pub(super) fn list(transaction: &Transaction<'_>, authority: &str, from: Day) -> Result<Vec<Statistic>, StoreError> {
    const SQL: &str = "-- counters::statistics
        SELECT day, issued, delivered, claimed, expired, certified, user_report_issued, user_report_claimed
        FROM statistic WHERE authority = ?1 AND day >= ?2 ORDER BY day";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![authority, from.number()])?;
    let mut days = Vec::new();
    while let Some(row) = rows.next()? {
        days.push(read(row)?);
    }
    Ok(days)
}

/// Writes the days, unless the first of them or a later one is there. The transaction began IMMEDIATE, so nobody writes between the look and
/// the write.
pub(super) fn freeze(transaction: &Transaction<'_>, authority: &str, days: &[Statistic]) -> Result<bool, StoreError> {
    const TAKEN: &str = "-- counters::freeze, taken
        SELECT 1 FROM statistic WHERE authority = ?1 AND day >= ?2";
    const SQL: &str = "-- counters::freeze
        INSERT INTO statistic
            (authority, day, issued, delivered, claimed, expired, certified, user_report_issued, user_report_claimed)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let Some(first) = days.first() else { return Ok(true) };
    if transaction.prepare_cached(TAKEN)?.exists(params![authority, first.day.number()])? {
        return Ok(false);
    }
    let mut statement = transaction.prepare_cached(SQL)?;
    for Statistic { day, figures } in days {
        let [issued, delivered, claimed, expired, certified, asked, got] =
            CounterKind::ALL.map(|kind| figures[kind].map(column::integer));
        statement.execute(params![
            authority,
            day.number(),
            issued,
            delivered,
            claimed,
            expired,
            certified,
            asked,
            got
        ])?;
    }
    Ok(true)
}

/// Deletes days before `oldest`; how many.
pub(super) fn forget(transaction: &Transaction<'_>, oldest: Day, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "-- counters::forget, statistics
        DELETE FROM statistic WHERE (authority, day) IN (SELECT authority, day FROM statistic WHERE day < ?1 LIMIT ?2)";
    Ok(transaction.prepare_cached(SQL)?.execute(params![oldest.number(), limit])? as u64)
}

fn read(row: &Row<'_>) -> Result<Statistic, StoreError> {
    let mut figures = PerKind::default();
    for (index, kind) in (1..).zip(CounterKind::ALL) {
        figures[kind] = column::value::<Option<i64>>(row, index)?
            .map(|figure| u64::try_from(figure).map_err(|_| column::corrupt(row, index, "is out of range")))
            .transpose()?;
    }
    Ok(Statistic { day: Day::new(column::number(row, 0)?), figures })
}
