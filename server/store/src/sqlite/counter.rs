//! The table `counter`. This engine has one writer at a time, so that one row a day and kind is enough.

use rusqlite::{Row, Transaction, params};

use super::column;
use crate::counters::{CounterKind, Day, DayCounts, PerKind};
use crate::error::StoreError;

/// Counts one more.
pub(super) fn add(
    transaction: &Transaction<'_>,
    authority: &str,
    kind: CounterKind,
    day: Day,
) -> Result<(), StoreError> {
    const SQL: &str = "-- counters::add
        INSERT INTO counter (authority, day, kind, count) VALUES (?1, ?2, ?3, 1)
        ON CONFLICT (authority, day, kind) DO UPDATE SET count = count + 1";
    transaction.prepare_cached(SQL)?.execute(params![authority, day.number(), kind.as_str()])?;
    Ok(())
}

/// How many there are.
pub(super) fn read(
    transaction: &Transaction<'_>,
    authority: &str,
    kind: CounterKind,
    day: Day,
) -> Result<u64, StoreError> {
    const SQL: &str = "-- counters::read
        SELECT count FROM counter WHERE authority = ?1 AND day = ?2 AND kind = ?3";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![authority, day.number(), kind.as_str()])?;
    rows.next()?.map_or(Ok(0), |row| column::number(row, 0))
}

/// Reads the days from `from` to `to`.
pub(super) fn list(
    transaction: &Transaction<'_>,
    authority: &str,
    from: Day,
    to: Day,
) -> Result<Vec<DayCounts>, StoreError> {
    const SQL: &str = "-- counters::counts
        SELECT day, kind, count FROM counter WHERE authority = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![authority, from.number(), to.number()])?;
    let mut days: Vec<DayCounts> = Vec::new();
    while let Some(row) = rows.next()? {
        let (day, kind, count) = entry(row)?;
        if days.last().is_none_or(|last| last.day != day) {
            days.push(DayCounts { day, counts: PerKind::default() });
        }
        if let Some(last) = days.last_mut() {
            last.counts[kind] += count;
        }
    }
    Ok(days)
}

/// Deletes counts of days that are frozen or began before `oldest`; how many rows.
pub(super) fn forget(transaction: &Transaction<'_>, oldest: Day, limit: u32) -> Result<u64, StoreError> {
    const SQL: &str = "-- counters::forget
        DELETE FROM counter WHERE (authority, day, kind) IN
        (SELECT authority, day, kind FROM counter WHERE day < ?1
         OR EXISTS (SELECT 1 FROM statistic WHERE statistic.authority = counter.authority AND statistic.day = counter.day)
         LIMIT ?2)";
    Ok(transaction.prepare_cached(SQL)?.execute(params![oldest.number(), limit])? as u64)
}

fn entry(row: &Row<'_>) -> Result<(Day, CounterKind, u64), StoreError> {
    Ok((Day::new(column::number(row, 0)?), column::parsed(row, 1)?, column::number(row, 2)?))
}
