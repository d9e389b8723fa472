//! Turning a code into a token, once.

use proto::Timestamp;
use tokio_postgres::Row;

use super::row;
use crate::claim_state::{ClaimState, GRAIN, StoredToken};
use crate::codes::{Claim, ClaimOutcome};
use crate::counters::Day;
use crate::error::StoreError;
use crate::postgres::column;
use crate::postgres::pool::Pool;
use crate::postgres::transaction::Params;

/// Only a first claim writes. Where neither it wrote nor anything stood in its way, somebody else changed the code after it was looked at.
pub(super) async fn run(pool: &Pool, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
    for _ in 0..row::LOOKS {
        let Some(found) = attempt(pool, claim).await? else { return Ok(ClaimOutcome::Unknown) };
        if found.claimed {
            return Ok(ClaimOutcome::Claimed(found.before.terms));
        }
        if let Some(outcome) = found.before.decide(claim) {
            return Ok(outcome);
        }
    }
    Err(row::busy("codes::claim"))
}

/// What an attempt found.
struct Found {
    before: ClaimState,
    /// Whether this claim changed it.
    claimed: bool,
}

/// Claims the code if nobody has and everything else allows it. The text is forgotten with it: the token can be derived again without; and so
/// is the telephone that waited for it, if one did. The look locks the rows, so that nobody expires the code between it and the change.
async fn attempt(pool: &Pool, claim: &Claim) -> Result<Option<Found>, StoreError> {
    const SQL: &str = "-- codes::claim
        WITH before AS (
            SELECT code.token_digest, code.token_expires_at, code.repeat_until, code_digest.expires_at,
                   code.report_type, code.symptom_interval, code.test_interval
            FROM code_digest JOIN code ON code.id = code_digest.code
            WHERE code_digest.digest = $1 AND code.id = $2
            FOR NO KEY UPDATE
        ), claimed AS (
            UPDATE code SET token_digest = $3, token_expires_at = $4, repeat_until = $5, forget_at = $6, request_digest = NULL
            WHERE id = $2 AND token_digest IS NULL AND report_type = ANY ($7)
              AND EXISTS (SELECT 1 FROM before WHERE before.expires_at > $8)
            RETURNING id, authority, report_type
        ), counted AS (
            INSERT INTO counter (authority, day, kind, stripe, count)
            SELECT authority, $10::integer,
                   CASE report_type WHEN 'user-report' THEN 'user-report-claimed' ELSE 'claimed' END,
                   get_byte(id, 0) % 8, 1 FROM claimed
            ON CONFLICT (authority, day, kind, stripe) DO UPDATE SET count = counter.count + 1
        ), forgotten AS (
            UPDATE code_digest SET sealed = NULL, expires_at = (code_digest.expires_at + $9::bigint - 1) / $9 * $9
            FROM claimed WHERE code_digest.code = claimed.id
        ), freed AS (
            DELETE FROM self_report USING claimed WHERE self_report.code = claimed.id
        )
        SELECT token_digest, token_expires_at, repeat_until, expires_at, report_type, symptom_interval, test_interval,
               EXISTS (SELECT 1 FROM claimed)
        FROM before";
    let accept: Vec<&str> = claim.accept.iter().map(|report_type| report_type.as_str()).collect();
    let values: Params<'_> = &[
        &claim.code.digest.digest.as_slice(),
        &claim.code.id.0.as_slice(),
        &claim.token_digest.as_slice(),
        &claim.token_expires_at.ceil(GRAIN).unix(),
        &claim.repeat_until.map(Timestamp::unix),
        &claim.forget_at.ceil(GRAIN).unix(),
        &accept,
        &claim.now.unix(),
        &GRAIN,
        &Day::containing(claim.now).number(),
    ];
    pool.query("codes::claim", SQL, values).await?.first().map(found).transpose()
}

fn found(row: &Row) -> Result<Found, StoreError> {
    let token = column::maybe_array(row, 0)?.zip(row::maybe_time(row, 1)?);
    let before = ClaimState {
        token: token.map(|(digest, expires_at)| StoredToken { digest, expires_at }),
        repeat_until: row::maybe_time(row, 2)?,
        expires_at: column::time(row, 3)?,
        terms: row::terms(row, 4)?,
    };
    Ok(Found { before, claimed: column::value(row, 7)? })
}
