//! Ending a code's life before its time.

use proto::Timestamp;
use rusqlite::{Transaction, params};

use super::{self_report, status};
use crate::codes::{CodeId, ExpireOutcome};
use crate::counters::{CounterKind, Day};
use crate::error::StoreError;
use crate::sqlite::counter;

/// Expires an unclaimed code. The transaction began IMMEDIATE, so nobody claims it between the look and the write.
pub(in crate::sqlite) fn run(
    transaction: &Transaction<'_>,
    authority: &str,
    uuid: [u8; 16],
    now: Timestamp,
) -> Result<ExpireOutcome, StoreError> {
    let Some((id, before)) = status::find(transaction, authority, uuid)? else { return Ok(ExpireOutcome::Unknown) };
    if before.claimed {
        return Ok(ExpireOutcome::Claimed);
    }
    expire(transaction, authority, id, now)?;
    let after = status::run(transaction, authority, uuid)?;
    after.map(ExpireOutcome::Expired).ok_or_else(|| StoreError::Corrupt("a code is gone once it expired".to_owned()))
}

/// Expires at most `limit` codes that nobody has claimed; answers how many there were. A form that can be claimed has its text, and the index that
/// finds it holds no other.
pub(in crate::sqlite) fn run_unclaimed(
    transaction: &Transaction<'_>,
    authority: Option<&str>,
    now: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    const SQL: &str = "-- codes::expire_unclaimed
        SELECT DISTINCT code.id, code.authority FROM code_digest JOIN code ON code.id = code_digest.code
        WHERE code_digest.sealed IS NOT NULL AND code_digest.expires_at > ?1 AND code.token_digest IS NULL
          AND (?2 IS NULL OR code.authority = ?2) LIMIT ?3";
    let mut statement = transaction.prepare_cached(SQL)?;
    let found =
        statement.query_map(params![now.unix(), authority, limit], |row| Ok((CodeId(row.get(0)?), row.get(1)?)))?;
    let found = found.collect::<Result<Vec<(CodeId, String)>, _>>()?;
    for (id, authority) in &found {
        expire(transaction, authority, *id, now)?;
    }
    Ok(found.len() as u64)
}

/// Counts its end, unless that was counted before, ends every form, and forgets which telephone waited for it.
fn expire(transaction: &Transaction<'_>, authority: &str, id: CodeId, now: Timestamp) -> Result<(), StoreError> {
    if lives(transaction, id)? {
        counter::add(transaction, authority, CounterKind::Expired, Day::containing(now))?;
    }
    end(transaction, id, now)?;
    self_report::free(transaction, id)
}

/// Whether its end is still to be counted: the last form to expire has its text, which whoever counts deletes. Self-reports are not counted.
fn lives(transaction: &Transaction<'_>, id: CodeId) -> Result<bool, StoreError> {
    const SQL: &str = "-- codes::expire, lives
        SELECT code_digest.sealed IS NOT NULL AND code.report_type <> 'user-report'
        FROM code_digest JOIN code ON code.id = code_digest.code WHERE code.id = ?1
        ORDER BY code_digest.expires_at DESC, code_digest.form DESC LIMIT 1";
    Ok(transaction.prepare_cached(SQL)?.query_row([id.0], |row| row.get(0))?)
}

fn end(transaction: &Transaction<'_>, id: CodeId, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- codes::expire
        UPDATE code_digest SET expires_at = min(expires_at, ?2), sealed = NULL WHERE code = ?1";
    transaction.prepare_cached(SQL)?.execute(params![id.0, now.unix()])?;
    Ok(())
}
