//! Taking a self-report: the table `self_report`, and the code that belongs to its row.

use async_trait::async_trait;
use proto::Timestamp;

use super::row::current;
use super::{PostgresCodeStore, issue};
use crate::codes::{Peppered, Stored};
use crate::error::StoreError;
use crate::postgres::transaction::{Mode, Params, Transaction};
use crate::self_reports::{NewSelfReport, SelfReportOutcome, SelfReportStanding, SelfReports};

#[async_trait]
impl SelfReports for PostgresCodeStore {
    async fn self_report(&self, report: &NewSelfReport, now: Timestamp) -> Result<SelfReportOutcome, StoreError> {
        let given = (report, now);
        let run = self.pool.transact("self_reports::take", Mode::Write, &given, |transaction, (report, now)| {
            Box::pin(take(transaction, report, *now))
        });
        run.await
    }

    async fn self_report_standing(
        &self,
        phone: &[Peppered],
        request: &[Peppered],
        now: Timestamp,
    ) -> Result<SelfReportStanding, StoreError> {
        let rows = self.pool.query("self_reports::live", LIVE, &[&digests(phone), &now.unix()]).await?;
        let Some(before) = issue::Earlier::read(&rows)? else { return Ok(SelfReportStanding::Free) };
        let standing = before.standing_for(request);
        Ok(standing.map_or(SelfReportStanding::Busy, |standing| SelfReportStanding::Repeated(standing.uuid)))
    }
}

/// The code that a telephone waits for, in the columns that a repeated request is read from.
const LIVE: &str = "-- self_reports::live
        SELECT code.id, code.uuid, code.pepper, code.request_digest, code_digest.form, code_digest.expires_at,
               code_digest.sealed
        FROM self_report JOIN code ON code.id = self_report.code
        LEFT JOIN code_digest
            ON code_digest.code = code.id AND code_digest.sealed IS NOT NULL AND code_digest.expires_at > $2
        WHERE self_report.phone_digest = ANY ($1::bytea[]) AND self_report.forget_at > $2 ORDER BY code_digest.form DESC";

/// Looks whether the telephone is busy, and stores the code if it is not. The lock lets nobody else look in between.
async fn take(
    transaction: &Transaction<'_>,
    report: &NewSelfReport,
    now: Timestamp,
) -> Result<SelfReportOutcome, StoreError> {
    lock(transaction, report).await?;
    let live = transaction.rows(LIVE, &[&digests(&report.phone), &now.unix()]).await?;
    if let Some(before) = issue::Earlier::read(&live)? {
        let standing = before.standing_for(&report.code.request);
        return Ok(standing.map_or(SelfReportOutcome::Busy, SelfReportOutcome::Repeated));
    }
    match issue::store_in(transaction, &report.code, now).await? {
        Stored::Written => {}
        Stored::Taken => return Ok(SelfReportOutcome::Collision),
        Stored::TooMany => return Ok(SelfReportOutcome::QuotaExceeded),
    }
    insert(transaction, report).await?;
    Ok(SelfReportOutcome::Issued)
}

/// Waits until nobody else takes a self-report of this telephone. While secrets rotate, programs need not know the same ones, but they have
/// some in common, and with these a digest; locking in order, they never wait for each other in a circle.
async fn lock(transaction: &Transaction<'_>, report: &NewSelfReport) -> Result<(), StoreError> {
    const SQL: &str = "-- self_reports::lock
        SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key";
    let keys = report.phone.iter().filter_map(|phone| phone.digest.first_chunk().copied().map(i64::from_be_bytes));
    let mut keys: Vec<i64> = keys.collect();
    keys.sort_unstable();
    transaction.rows(SQL, &[&keys]).await.map(drop)
}

/// Puts the telephone in the place of what the purge has not come to yet.
async fn insert(transaction: &Transaction<'_>, report: &NewSelfReport) -> Result<(), StoreError> {
    const FORGET: &str = "-- self_reports::forget
        DELETE FROM self_report WHERE phone_digest = ANY ($1::bytea[])";
    const SQL: &str = "-- self_reports::insert
        INSERT INTO self_report (phone_digest, code, forget_at) VALUES ($1, $2, $3)";
    transaction.execute(FORGET, &[&digests(&report.phone)]).await?;
    let phone = current(&report.phone)?;
    let values: Params<'_> = &[&phone.digest.as_slice(), &report.code.id.0.as_slice(), &report.forget_at().unix()];
    transaction.execute(SQL, values).await.map(drop)
}

fn digests(phone: &[Peppered]) -> Vec<&[u8]> {
    phone.iter().map(|one| one.digest.as_slice()).collect()
}
