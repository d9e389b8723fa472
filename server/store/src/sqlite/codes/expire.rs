//! Ending a code's life before its time.

use proto::Timestamp;
use rusqlite::{Transaction, params};

use super::{self_report, status};
use crate::codes::{CodeId, ExpireOutcome};
use crate::error::StoreError;

/// Expires an unclaimed code. The transaction began IMMEDIATE, so nobody claims it between the look and the write.
pub(super) fn run(
    transaction: &Transaction<'_>,
    authority: &str,
    uuid: [u8; 16],
    now: Timestamp,
) -> Result<ExpireOutcome, StoreError> {
    let Some((id, before)) = status::find(transaction, authority, uuid)? else { return Ok(ExpireOutcome::Unknown) };
    if before.claimed {
        return Ok(ExpireOutcome::Claimed);
    }
    end(transaction, id, now)?;
    self_report::free(transaction, id)?;
    let after = status::run(transaction, authority, uuid)?;
    after.map(ExpireOutcome::Expired).ok_or_else(|| StoreError::Corrupt("a code is gone once it expired".to_owned()))
}

fn end(transaction: &Transaction<'_>, id: CodeId, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- codes::expire
        UPDATE code_digest SET expires_at = min(expires_at, ?2), sealed = NULL WHERE code = ?1";
    transaction.prepare_cached(SQL)?.execute(params![id.0, now.unix()])?;
    Ok(())
}
