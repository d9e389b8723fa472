//! `Uploads` on SQLite: the table `upload_count`. This engine has one writer at a time, so that one row a day and figure is enough.

use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};

use super::column::{corrupt, integer, number, value};
use super::key_store::SqliteKeyStore;
use crate::counters::Day;
use crate::error::StoreError;
use crate::keys::Provenance;
use crate::uploads::{Cells, ONSETS, UploadDay, Uploads, counted_on};

#[async_trait]
impl Uploads for SqliteKeyStore {
    async fn upload_days(&self, authority: &str, from: Day, to: Day) -> Result<Vec<UploadDay>, StoreError> {
        let authority = authority.to_owned();
        self.pool.read("uploads::days", move |tx| list(tx, &authority, from, to)).await
    }

    async fn forget_upload_days(&self, oldest: Day, limit: u32) -> Result<u64, StoreError> {
        const SQL: &str = "-- uploads::forget
            DELETE FROM upload_count WHERE (authority, day, figure, cell) IN
            (SELECT authority, day, figure, cell FROM upload_count WHERE day < ?1 LIMIT ?2)";
        let forget =
            move |tx: &Transaction<'_>| Ok(tx.prepare_cached(SQL)?.execute(params![oldest.number(), limit])? as u64);
        self.pool.write("uploads::forget", forget).await
    }
}

/// For whom and when something is counted, if it is.
pub(super) fn tally(provenance: &Provenance) -> Option<Tally<'_>> {
    counted_on(provenance).map(|day| Tally { authority: &provenance.authority, day })
}

/// What a transaction counts for: an authority and a day.
pub(super) struct Tally<'a> {
    /// Whose uploads.
    authority: &'a str,
    /// When they were received.
    day: Day,
}

impl Tally<'_> {
    /// Counts the keys of an upload that were new, and a person if all were.
    pub(super) fn keys(&self, tx: &Transaction<'_>, new: usize, first: Option<Cells>) -> Result<(), StoreError> {
        self.add(tx, ("keys", 0), new)?;
        if let Some(cells) = first {
            self.add(tx, ("key-uploads", 0), 1)?;
            self.add(tx, ("ages", cells.age), 1)?;
            self.add(tx, ("onsets", cells.onset), 1)?;
        }
        Ok(())
    }

    /// Counts the reports of an upload that were new, and a person if all were.
    pub(super) fn reports(&self, tx: &Transaction<'_>, new: usize, first: bool) -> Result<(), StoreError> {
        self.add(tx, ("reports", 0), new)?;
        self.add(tx, ("report-uploads", 0), usize::from(first))
    }

    /// Counts a person who revised.
    pub(super) fn revision(&self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        self.add(tx, ("revisions", 0), 1)
    }

    fn add(&self, tx: &Transaction<'_>, (figure, cell): (&str, usize), more: usize) -> Result<(), StoreError> {
        const SQL: &str = "-- uploads::add
            INSERT INTO upload_count (authority, day, figure, cell, count) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (authority, day, figure, cell) DO UPDATE SET count = count + excluded.count";
        if more > 0 {
            let (cell, more) = (integer(cell as u64), integer(more as u64));
            tx.prepare_cached(SQL)?.execute(params![self.authority, self.day.number(), figure, cell, more])?;
        }
        Ok(())
    }
}

/// Reads the days from `from` to `to`.
fn list(tx: &Transaction<'_>, authority: &str, from: Day, to: Day) -> Result<Vec<UploadDay>, StoreError> {
    const SQL: &str = "-- uploads::days
        SELECT day, figure, cell, count FROM upload_count WHERE authority = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query(params![authority, from.number(), to.number()])?;
    let mut days: Vec<UploadDay> = Vec::new();
    while let Some(row) = rows.next()? {
        let day = Day::new(number(row, 0)?);
        if days.last().is_none_or(|last| last.day != day) {
            days.push(UploadDay::new(day));
        }
        if let Some(last) = days.last_mut() {
            add(last, row)?;
        }
    }
    Ok(days)
}

/// Adds one figure of a day.
fn add(day: &mut UploadDay, row: &Row<'_>) -> Result<(), StoreError> {
    let (figure, cell): (String, usize) = (value(row, 1)?, number(row, 2)?);
    let sum = match figure.as_str() {
        "key-uploads" => &mut day.key_uploads,
        "keys" => &mut day.keys,
        "revisions" => &mut day.revisions,
        "ages" => day.ages.get_mut(cell).ok_or_else(|| corrupt(row, 2, "is out of range"))?,
        "onsets" if cell == ONSETS => &mut day.onset_unknown,
        "onsets" => day.onsets.get_mut(cell).ok_or_else(|| corrupt(row, 2, "is out of range"))?,
        "report-uploads" => &mut day.report_uploads,
        "reports" => &mut day.reports,
        _ => return Err(corrupt(row, 1, "is no figure")),
    };
    *sum += number::<u64>(row, 3)?;
    Ok(())
}
