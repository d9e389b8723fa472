//! Ending a code's life before its time.

use proto::Timestamp;

use super::status;
use crate::codes::ExpireOutcome;
use crate::error::StoreError;
use crate::postgres::pool::Pool;

/// Expires an unclaimed code, and says what it is then. The code's row decides between this and a claim: both lock it before they change a
/// form, and who comes second sees what the first has done.
pub(super) async fn run(
    pool: &Pool,
    authority: &str,
    uuid: [u8; 16],
    now: Timestamp,
) -> Result<ExpireOutcome, StoreError> {
    const SQL: &str = "-- codes::expire
        WITH unclaimed AS (
            SELECT id FROM code WHERE authority = $1 AND uuid = $2 AND token_digest IS NULL FOR NO KEY UPDATE
        ), freed AS (
            DELETE FROM self_report USING unclaimed WHERE self_report.code = unclaimed.id
        )
        UPDATE code_digest SET expires_at = least(expires_at, $3), sealed = NULL
        FROM unclaimed WHERE code_digest.code = unclaimed.id RETURNING 1";
    let expired = !pool.query("codes::expire", SQL, &[&authority, &uuid.as_slice(), &now.unix()]).await?.is_empty();
    Ok(match status::run(pool, authority, uuid).await? {
        None => ExpireOutcome::Unknown,
        Some(after) if expired => ExpireOutcome::Expired(after),
        Some(_) => ExpireOutcome::Claimed,
    })
}
