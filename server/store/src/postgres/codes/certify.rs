//! Binding a token to a commitment.

use proto::Timestamp;
use tokio_postgres::Row;

use super::row;
use crate::codes::{Certify, CertifyOutcome, Terms};
use crate::counters::Day;
use crate::error::StoreError;
use crate::postgres::column;
use crate::postgres::pool::Pool;
use crate::postgres::transaction::Params;

/// Decides in this order: unknown, expired, the same commitment again, too many others. Only a new commitment writes.
pub(super) async fn run(pool: &Pool, certify: &Certify) -> Result<CertifyOutcome, StoreError> {
    for _ in 0..row::LOOKS {
        let Some(state) = attempt(pool, certify).await? else { return Ok(CertifyOutcome::Unknown) };
        if let Some(outcome) = decide(certify, &state) {
            return Ok(outcome);
        }
    }
    Err(row::busy("codes::certify"))
}

/// The token before this wish.
struct State {
    expires_at: Timestamp,
    commitments: Vec<Vec<u8>>,
    terms: Terms,
    /// Whether this wish changed it.
    bound: bool,
}

/// None if somebody else changed the token after `state` was read.
fn decide(certify: &Certify, state: &State) -> Option<CertifyOutcome> {
    if state.expires_at <= certify.now {
        return Some(CertifyOutcome::Expired);
    }
    if state.bound || state.commitments.iter().any(|digest| *digest == certify.commitment_digest) {
        return Some(CertifyOutcome::Certified(state.terms));
    }
    (state.commitments.len() >= certify.limit).then_some(CertifyOutcome::Spent)
}

/// Binds the token if it lives and has room. Whoever has a certificate has the token: from then on a claim without a nonce is somebody
/// else's, so that none may be repeated. A token counts once, whatever else it is bound to; self-reports are no business of the authority's
/// figures.
async fn attempt(pool: &Pool, certify: &Certify) -> Result<Option<State>, StoreError> {
    const SQL: &str = "-- codes::certify
        WITH bound AS (
            UPDATE code SET commitments = array_append(commitments, $4), repeat_until = NULL
            WHERE id = $1 AND authority = $2 AND token_digest = $3 AND token_expires_at > $5
              AND $4 <> ALL (commitments) AND cardinality(commitments) < $6
            RETURNING id, report_type, cardinality(commitments) = 1 AS first
        ), counted AS (
            INSERT INTO counter (authority, day, kind, stripe, count)
            SELECT $2, $7::integer, 'certified', get_byte(id, 0) % 8, 1
            FROM bound WHERE first AND report_type <> 'user-report'
            ON CONFLICT (authority, day, kind, stripe) DO UPDATE SET count = counter.count + 1
        )
        SELECT token_expires_at, commitments, report_type, symptom_interval, test_interval, EXISTS (SELECT 1 FROM bound)
        FROM code WHERE id = $1 AND authority = $2 AND token_digest = $3";
    let values: Params<'_> = &[
        &certify.id.0.as_slice(),
        &certify.authority,
        &certify.token_digest.as_slice(),
        &certify.commitment_digest.as_slice(),
        &certify.now.unix(),
        &i32::try_from(certify.limit).unwrap_or(i32::MAX),
        &Day::containing(certify.now).number(),
    ];
    pool.query("codes::certify", SQL, values).await?.first().map(state).transpose()
}

fn state(row: &Row) -> Result<State, StoreError> {
    Ok(State {
        expires_at: column::time(row, 0)?,
        commitments: column::value(row, 1)?,
        terms: row::terms(row, 2)?,
        bound: column::value(row, 5)?,
    })
}
