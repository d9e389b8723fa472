//! Turning a code into a token, once.

use proto::Timestamp;
use rusqlite::{Transaction, params};

use super::{row, self_report};
use crate::claim_state::{ClaimState, GRAIN, StoredToken};
use crate::codes::{Claim, ClaimOutcome, CodeId};
use crate::counters::{CounterKind, Day};
use crate::error::StoreError;
use crate::sqlite::counter;

/// Only a first claim writes. The transaction began IMMEDIATE, so nobody claims between the look and the write.
pub(super) fn run(transaction: &Transaction<'_>, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
    let Some(state) = state(transaction, claim)? else { return Ok(ClaimOutcome::Unknown) };
    if let Some(outcome) = state.decide(claim) {
        return Ok(outcome);
    }
    let authority = record(transaction, claim)?;
    forget_text(transaction, claim.code.id)?;
    self_report::free(transaction, claim.code.id)?;
    let kind = CounterKind::claimed(state.terms.report_type);
    counter::add(transaction, &authority, kind, Day::containing(claim.now))?;
    Ok(ClaimOutcome::Claimed(state.terms))
}

fn state(transaction: &Transaction<'_>, claim: &Claim) -> Result<Option<ClaimState>, StoreError> {
    const SQL: &str = "-- codes::claim, state
        SELECT code.token_digest, code.token_expires_at, code.repeat_until, code_digest.expires_at,
               code.report_type, code.symptom_interval, code.test_interval
        FROM code_digest JOIN code ON code.id = code_digest.code
        WHERE code_digest.digest = ?1 AND code.id = ?2";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![claim.code.digest.digest, claim.code.id.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let digest: Option<[u8; 32]> = row.get(0)?;
    let token_expires_at: Option<i64> = row.get(1)?;
    let repeat_until: Option<i64> = row.get(2)?;
    let token =
        digest.zip(token_expires_at).map(|(digest, at)| StoredToken { digest, expires_at: Timestamp::from_unix(at) });
    Ok(Some(ClaimState {
        token,
        repeat_until: repeat_until.map(Timestamp::from_unix),
        expires_at: Timestamp::from_unix(row.get(3)?),
        terms: row::terms(row, 4)?,
    }))
}

/// Answers whose code it is.
fn record(transaction: &Transaction<'_>, claim: &Claim) -> Result<String, StoreError> {
    const SQL: &str = "-- codes::claim
        UPDATE code SET token_digest = ?2, token_expires_at = ?3, repeat_until = ?4, forget_at = ?5, request_digest = NULL
        WHERE id = ?1 AND token_digest IS NULL RETURNING authority";
    let values = params![
        claim.code.id.0,
        claim.token_digest,
        claim.token_expires_at.ceil(GRAIN).unix(),
        claim.repeat_until.map(Timestamp::unix),
        claim.forget_at.ceil(GRAIN).unix(),
    ];
    Ok(transaction.prepare_cached(SQL)?.query_row(values, |row| row.get(0))?)
}

/// The token can be derived again without the code's text, so nothing needs it from now on.
fn forget_text(transaction: &Transaction<'_>, id: CodeId) -> Result<(), StoreError> {
    const SQL: &str = "-- codes::claim, forget text
        UPDATE code_digest SET sealed = NULL, expires_at = (expires_at + ?2 - 1) / ?2 * ?2 WHERE code = ?1";
    transaction.prepare_cached(SQL)?.execute(params![id.0, GRAIN])?;
    Ok(())
}
