//! What waits in a feed, and what remains of it after a seal.

use proto::{Feed, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Row, ToSql, Transaction, params_from_iter};

use super::column::{at, number, time, value};
use super::tables::{Rewrite, Tables};
use crate::bundles::Waiting;
use crate::error::StoreError;
use crate::sealing::Counted;

/// Which waiting publications a seal takes.
pub(super) struct Claim {
    /// The feed's id.
    pub(super) feed: i64,
    /// Those whose `release_at` is not later.
    pub(super) now: i64,
    /// The revised ones too.
    pub(super) revised: bool,
}

impl Claim {
    /// The parameters of every statement that speaks of claimed publications.
    pub(super) fn params(&self) -> [&dyn ToSql; 3] {
        [&self.feed, &self.now, &self.revised]
    }
}

/// Counts what waits in a feed at `now`.
pub(super) fn count(
    tx: &Transaction<'_>,
    tables: &Tables,
    (feed, id): (&Feed, i64),
    now: Timestamp,
) -> Result<Counted, StoreError> {
    let mut statement = tx.prepare_cached(tables.count)?;
    let counted = statement.query_row([id, now.unix()], |row| Ok(read(row)))?;
    counted.map_err(at(format_args!("{} of {feed}", tables.waiting_name)))
}

/// Writes a table anew with the rows that were not claimed, in byte order and on pages that hold nothing else. Deleting the claimed rows one by
/// one would leave the rest where it came to stand, and now and then a copy of a deleted row: SQLite overwrites the cell that it deletes, but
/// not what the splitting of a page left between cells.
pub(super) fn rewrite(tx: &Transaction<'_>, table: &Rewrite, claim: &Claim) -> Result<(), StoreError> {
    let kept = keep(tx, table, claim)?;
    tx.prepare_cached(table.empty)?.execute([])?;
    // A bad row stops its own feed and no other: it stands in the table, and goes back as it was, whatever constraints say.
    tx.pragma_update(None, "ignore_check_constraints", true)?;
    let written = insert(tx, table, kept);
    tx.pragma_update(None, "ignore_check_constraints", false)?;
    written
}

fn insert(tx: &Transaction<'_>, table: &Rewrite, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
    let mut insert = tx.prepare_cached(table.insert)?;
    for row in rows {
        insert.execute(params_from_iter(row))?;
    }
    Ok(())
}

/// Reads the rows to keep into memory: they are few, those that may not be released yet and those of other feeds.
fn keep(tx: &Transaction<'_>, table: &Rewrite, claim: &Claim) -> Result<Vec<Vec<Value>>, StoreError> {
    let mut statement = tx.prepare_cached(table.keep)?;
    let columns = statement.column_count();
    let mut rows = statement.query(&claim.params()[..])?;
    let mut kept = Vec::new();
    while let Some(row) = rows.next()? {
        kept.push((0..columns).map(|index| row.get(index)).collect::<Result<_, _>>()?);
    }
    Ok(kept)
}

fn read(row: &Row<'_>) -> Result<Counted, StoreError> {
    let oldest = value::<Option<i64>>(row, 3)?.map(|_| time(row, 3)).transpose()?;
    let waiting = Waiting { releasable: number(row, 0)?, revised: number(row, 1)?, unripe: number(row, 2)?, oldest };
    Ok(Counted { waiting, largest: number(row, 4)? })
}
