//! Taking a self-report: the table `self_report`, and the code that belongs to its row.

use async_trait::async_trait;
use proto::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{SqliteCodeStore, issue, row};
use crate::codes::{CodeId, Peppered, Stored};
use crate::error::StoreError;
use crate::self_reports::{NewSelfReport, SelfReportOutcome, SelfReportStanding, SelfReports};

#[async_trait]
impl SelfReports for SqliteCodeStore {
    async fn self_report(&self, report: &NewSelfReport, now: Timestamp) -> Result<SelfReportOutcome, StoreError> {
        let report = report.clone();
        self.pool.write("self_reports::take", move |transaction| run(transaction, &report, now)).await
    }

    async fn self_report_standing(
        &self,
        phone: &[Peppered],
        request: &[Peppered],
        now: Timestamp,
    ) -> Result<SelfReportStanding, StoreError> {
        let (phone, request) = (phone.to_owned(), request.to_owned());
        let look = move |transaction: &Transaction<'_>| standing(transaction, &phone, &request, now);
        self.pool.read("self_reports::standing", look).await
    }
}

/// Looks whether the telephone is busy, and stores the code if it is not. The transaction began IMMEDIATE, so nobody else does in between.
fn run(transaction: &Transaction<'_>, report: &NewSelfReport, now: Timestamp) -> Result<SelfReportOutcome, StoreError> {
    if let Some(before) = live(transaction, &report.phone, now)? {
        let standing = before.standing_for(transaction, &report.code.request, now)?;
        return Ok(standing.map_or(SelfReportOutcome::Busy, SelfReportOutcome::Repeated));
    }
    match issue::store(transaction, &report.code, now)? {
        Stored::Written => {}
        Stored::Taken => return Ok(SelfReportOutcome::Collision),
        Stored::TooMany => return Ok(SelfReportOutcome::QuotaExceeded),
    }
    forget(transaction, report)?;
    insert(transaction, report)?;
    Ok(SelfReportOutcome::Issued)
}

fn standing(
    transaction: &Transaction<'_>,
    phone: &[Peppered],
    request: &[Peppered],
    now: Timestamp,
) -> Result<SelfReportStanding, StoreError> {
    let Some(before) = live(transaction, phone, now)? else { return Ok(SelfReportStanding::Free) };
    let standing = before.standing_for(transaction, request, now)?;
    Ok(standing.map_or(SelfReportStanding::Busy, |standing| SelfReportStanding::Repeated(standing.uuid)))
}

/// The code that the telephone waits for.
fn live(
    transaction: &Transaction<'_>,
    phone: &[Peppered],
    now: Timestamp,
) -> Result<Option<issue::Earlier>, StoreError> {
    const SQL: &str = "-- self_reports::live
        SELECT code.id, code.uuid, code.pepper, code.request_digest
        FROM self_report JOIN code ON code.id = self_report.code
        WHERE self_report.phone_digest = ?1 AND self_report.forget_at > ?2";
    let mut statement = transaction.prepare_cached(SQL)?;
    for phone in phone {
        let found = statement.query_row(params![phone.digest, now.unix()], issue::Earlier::read).optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Deletes what the purge has not come to yet.
fn forget(transaction: &Transaction<'_>, report: &NewSelfReport) -> Result<(), StoreError> {
    const SQL: &str = "-- self_reports::forget
        DELETE FROM self_report WHERE phone_digest = ?1";
    let mut statement = transaction.prepare_cached(SQL)?;
    for phone in &report.phone {
        statement.execute([phone.digest])?;
    }
    Ok(())
}

fn insert(transaction: &Transaction<'_>, report: &NewSelfReport) -> Result<(), StoreError> {
    const SQL: &str = "-- self_reports::insert
        INSERT INTO self_report (phone_digest, code, forget_at) VALUES (?1, ?2, ?3)";
    let phone = issue::current(&report.phone)?;
    let values = params![phone.digest, report.code.id.0, report.forget_at().unix()];
    row::exactly_one(transaction.prepare_cached(SQL)?.execute(values)?, "self_reports::insert")
}

/// Forgets which telephone waited for a code that was claimed or has expired.
pub(super) fn free(transaction: &Transaction<'_>, code: CodeId) -> Result<(), StoreError> {
    const SQL: &str = "-- self_reports::free
        DELETE FROM self_report WHERE code = ?1";
    transaction.prepare_cached(SQL)?.execute([code.0])?;
    Ok(())
}
