//! `Uploads` on PostgreSQL: the table `upload_count`, which the operations that are counted write themselves, last of all, so that of two that
//! share keys and a row neither waits for the other in a circle.

use async_trait::async_trait;
use tokio_postgres::Row;

use super::column::{corrupt, number, value};
use super::key_store::PostgresKeyStore;
use super::transaction::Transaction;
use crate::counters::Day;
use crate::error::StoreError;
use crate::keys::Provenance;
use crate::uploads::{ONSETS, UploadDay, Uploads, counted_on};

#[async_trait]
impl Uploads for PostgresKeyStore {
    async fn upload_days(&self, authority: &str, from: Day, to: Day) -> Result<Vec<UploadDay>, StoreError> {
        const SQL: &str = "-- uploads::days
            SELECT day, key_uploads, keys, revisions, report_uploads, reports, ages, onsets FROM upload_count
            WHERE authority = $1 AND day BETWEEN $2 AND $3 ORDER BY day";
        let mut days: Vec<UploadDay> = Vec::new();
        for row in self.pool.query("uploads::days", SQL, &[&authority, &from.number(), &to.number()]).await? {
            let day = Day::new(number(&row, 0)?);
            if days.last().is_none_or(|last| last.day != day) {
                days.push(UploadDay::new(day));
            }
            if let Some(last) = days.last_mut() {
                add(last, &row)?;
            }
        }
        Ok(days)
    }

    async fn forget_upload_days(&self, oldest: Day, limit: u32) -> Result<u64, StoreError> {
        const SQL: &str = "-- uploads::forget
            WITH gone AS (
                DELETE FROM upload_count WHERE ctid = ANY (ARRAY (
                    SELECT ctid FROM upload_count WHERE day < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
                RETURNING day
            )
            SELECT count(*) FROM gone";
        let rows = self.pool.query("uploads::forget", SQL, &[&oldest.number(), &i64::from(limit)]).await?;
        rows.first().map_or(Ok(0), |row| number(row, 0))
    }
}

/// Counts a person who revised. Revisions have stripes of their own, above those of uploads: a revision keeps seals waiting until it has ended, and
/// must not wait itself for an upload that has counted and does not commit.
pub(super) async fn count_revision(tx: &Transaction<'_>, provenance: &Provenance) -> Result<(), StoreError> {
    const SQL: &str = "-- uploads::count_revision
        INSERT INTO upload_count AS standing
            (authority, day, stripe, key_uploads, keys, revisions, ages, onsets, report_uploads, reports)
        VALUES ($1, $2, 16 + pg_backend_pid() % 16, 0, 0, 1, array_fill(0, ARRAY[16]), array_fill(0, ARRAY[31]), 0, 0)
        ON CONFLICT (authority, day, stripe) DO UPDATE SET revisions = standing.revisions + 1";
    if let Some(day) = counted_on(provenance) {
        tx.execute(SQL, &[&provenance.authority, &day.number()]).await?;
    }
    Ok(())
}

/// Adds one stripe of a day.
fn add(day: &mut UploadDay, row: &Row) -> Result<(), StoreError> {
    day.key_uploads += number::<u64>(row, 1)?;
    day.keys += number::<u64>(row, 2)?;
    day.revisions += number::<u64>(row, 3)?;
    day.report_uploads += number::<u64>(row, 4)?;
    day.reports += number::<u64>(row, 5)?;
    add_cells(&mut day.ages, &cells(row, 6)?);
    let onsets = cells(row, 7)?;
    add_cells(&mut day.onsets, &onsets);
    day.onset_unknown += onsets.get(ONSETS).copied().unwrap_or(0);
    Ok(())
}

fn add_cells(sums: &mut [u64], cells: &[u64]) {
    sums.iter_mut().zip(cells).for_each(|(sum, cell)| *sum += cell);
}

fn cells(row: &Row, index: usize) -> Result<Vec<u64>, StoreError> {
    let cells: Vec<i32> = value(row, index)?;
    cells.into_iter().map(|cell| u64::try_from(cell).map_err(|_| corrupt(row, index, "is out of range"))).collect()
}
