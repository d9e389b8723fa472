//! Ending a code's life before its time.

use proto::Timestamp;

use super::status;
use crate::codes::ExpireOutcome;
use crate::counters::Day;
use crate::error::StoreError;
use crate::postgres::column;
use crate::postgres::pool::Pool;
use crate::postgres::transaction::Params;

/// Expires an unclaimed code, and says what it is then.
pub(super) async fn run(
    pool: &Pool,
    authority: &str,
    uuid: [u8; 16],
    now: Timestamp,
) -> Result<ExpireOutcome, StoreError> {
    let expired = end(pool, authority, uuid, now, false).await?;
    Ok(match status::run(pool, authority, uuid).await? {
        None => ExpireOutcome::Unknown,
        Some(after) if expired => ExpireOutcome::Expired(after),
        Some(_) => ExpireOutcome::Claimed,
    })
}

/// Expires a code that was neither claimed nor delivered; answers whether there is one.
pub(in crate::postgres) async fn expire_undelivered(
    pool: &Pool,
    authority: &str,
    uuid: [u8; 16],
    now: Timestamp,
) -> Result<bool, StoreError> {
    end(pool, authority, uuid, now, true).await
}

/// Ends every form of an unclaimed code; `spares_delivered` leaves one that is known to be delivered. The code's row decides between this and a claim: both lock it before they change a
/// form, and who comes second sees what the first has done. Its end is to be counted as long as the last form to expire has its text, which
/// whoever counts deletes; self-reports are not counted.
async fn end(
    pool: &Pool,
    authority: &str,
    uuid: [u8; 16],
    now: Timestamp,
    spares_delivered: bool,
) -> Result<bool, StoreError> {
    const SQL: &str = "-- codes::expire
        WITH unclaimed AS (
            SELECT id, report_type FROM code
            WHERE authority = $1 AND uuid = $2 AND token_digest IS NULL
              AND (NOT $5::boolean OR delivery IS DISTINCT FROM 'delivered') FOR NO KEY UPDATE
        ), form AS (
            SELECT code_digest.digest, code_digest.form, code_digest.expires_at, code_digest.sealed IS NOT NULL AS lives
            FROM unclaimed JOIN code_digest ON code_digest.code = unclaimed.id FOR NO KEY UPDATE OF code_digest
        ), freed AS (
            DELETE FROM self_report USING unclaimed WHERE self_report.code = unclaimed.id
        ), counted AS (
            INSERT INTO counter (authority, day, kind, stripe, count)
            SELECT $1, $4::integer, 'expired', get_byte(id, 0) % 8, 1 FROM unclaimed
            WHERE report_type <> 'user-report' AND (SELECT lives FROM form ORDER BY expires_at DESC, form DESC LIMIT 1)
            ON CONFLICT (authority, day, kind, stripe) DO UPDATE SET count = counter.count + 1
        )
        UPDATE code_digest SET expires_at = least(code_digest.expires_at, $3), sealed = NULL
        FROM form WHERE code_digest.digest = form.digest RETURNING 1";
    let day = Day::containing(now).number();
    let values: Params<'_> = &[&authority, &uuid.as_slice(), &now.unix(), &day, &spares_delivered];
    Ok(!pool.query("codes::expire", SQL, values).await?.is_empty())
}

/// Expires at most `limit` codes that nobody has claimed; answers how many there were, 0 only if there was none left. Rows are locked in the order of
/// their ids, so that two who do this at once wait for each other in turn; whoever comes second sees in the forms what the first has done, and
/// looks again.
pub(super) async fn run_unclaimed(
    pool: &Pool,
    authority: Option<&str>,
    now: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let (day, limit) = (Day::containing(now).number(), i64::from(limit));
    loop {
        let values: Params<'_> = &[&authority, &now.unix(), &day, &limit];
        let rows = pool.query("codes::expire_unclaimed", UNCLAIMED, values).await?;
        let row = rows.first().ok_or_else(|| StoreError::Corrupt("nothing was counted".to_owned()))?;
        let (found, expired): (u64, u64) = (column::number(row, 0)?, column::number(row, 1)?);
        if expired > 0 || found == 0 {
            return Ok(expired);
        }
    }
}

/// A form that can be claimed has its text, so the end of a code with such a form is still to be counted.
const UNCLAIMED: &str = "-- codes::expire_unclaimed
    WITH unclaimed AS (
        SELECT id, authority, report_type FROM code
        WHERE token_digest IS NULL AND ($1::text IS NULL OR authority = $1)
          AND EXISTS (SELECT FROM code_digest WHERE code_digest.code = code.id AND sealed IS NOT NULL AND expires_at > $2)
        ORDER BY id LIMIT $4 FOR NO KEY UPDATE
    ), form AS (
        SELECT code_digest.digest, code_digest.code, code_digest.sealed IS NOT NULL AND code_digest.expires_at > $2 AS lives
        FROM unclaimed JOIN code_digest ON code_digest.code = unclaimed.id FOR NO KEY UPDATE OF code_digest
    ), living AS (
        SELECT id, authority, report_type FROM unclaimed WHERE id IN (SELECT code FROM form WHERE lives)
    ), freed AS (
        DELETE FROM self_report USING living WHERE self_report.code = living.id
    ), counted AS (
        INSERT INTO counter (authority, day, kind, stripe, count)
        SELECT authority, $3::integer, 'expired', get_byte(id, 0) % 8, count(*) FROM living
        WHERE report_type <> 'user-report' GROUP BY 1, 4 ORDER BY 1, 4
        ON CONFLICT (authority, day, kind, stripe) DO UPDATE SET count = counter.count + excluded.count
    ), ended AS (
        UPDATE code_digest SET expires_at = least(code_digest.expires_at, $2), sealed = NULL
        FROM form JOIN living ON living.id = form.code WHERE code_digest.digest = form.digest
    )
    SELECT (SELECT count(*) FROM unclaimed), (SELECT count(*) FROM living)";
