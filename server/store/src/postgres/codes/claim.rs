//! Turning a code into a token, once.

use proto::Timestamp;
use tokio_postgres::Row;

use super::row;
use crate::codes::{Claim, ClaimOutcome, CodeId, FoundCode, Peppered, Terms};
use crate::error::StoreError;
use crate::postgres::column;
use crate::postgres::pool::Pool;
use crate::postgres::transaction::Params;

/// Times of spent codes are kept to the hour, in seconds: finer ones could be laid beside the times of uploads.
const GRAIN: i64 = 3_600;

/// Finds the code of one of `digests`.
pub(super) async fn find(pool: &Pool, authority: &str, digests: &[Peppered]) -> Result<Option<FoundCode>, StoreError> {
    const SQL: &str = "-- codes::find
        SELECT code.id, wanted.place
        FROM unnest($1::bytea[], $2::text[]) WITH ORDINALITY AS wanted (digest, pepper, place)
        JOIN code_digest ON code_digest.digest = wanted.digest
        JOIN code ON code.id = code_digest.code AND code.pepper = wanted.pepper
        WHERE code.authority = $3 ORDER BY wanted.place LIMIT 1";
    let wanted: Vec<&[u8]> = digests.iter().map(|one| one.digest.as_slice()).collect();
    let peppers: Vec<&str> = digests.iter().map(|one| one.pepper.as_str()).collect();
    let rows = pool.query("codes::find", SQL, &[&wanted, &peppers, &authority]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    // Places are counted from one.
    let place = usize::try_from(column::value::<i64>(row, 1)? - 1).ok();
    let digest = place.and_then(|place| digests.get(place)).cloned();
    let digest = digest.ok_or_else(|| StoreError::Corrupt("codes::find found what was not asked for".to_owned()))?;
    Ok(Some(FoundCode { id: CodeId(column::array(row, 0)?), digest }))
}

/// Decides in the order that the contract gives; only a first claim writes.
pub(super) async fn run(pool: &Pool, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
    for _ in 0..row::LOOKS {
        let Some(state) = attempt(pool, claim).await? else { return Ok(ClaimOutcome::Unknown) };
        if let Some(outcome) = decide(claim, &state) {
            return Ok(outcome);
        }
    }
    Err(row::busy("codes::claim"))
}

/// The code before this claim.
struct State {
    token: Option<Token>,
    repeat_until: Option<Timestamp>,
    expires_at: Timestamp,
    terms: Terms,
    /// Whether this claim changed it.
    claimed: bool,
}

struct Token {
    digest: [u8; 32],
    expires_at: Timestamp,
}

impl Token {
    /// Whether `claim` is the one that made this token, and may still be answered.
    fn repeats(&self, claim: &Claim, repeat_until: Option<Timestamp>) -> bool {
        let bound = claim.repeat_until.is_none();
        self.digest == claim.token_digest
            && claim.now < self.expires_at
            && (bound || repeat_until.is_some_and(|until| claim.now < until))
    }
}

/// None if somebody else changed the code after `state` was read.
fn decide(claim: &Claim, state: &State) -> Option<ClaimOutcome> {
    if state.claimed {
        return Some(ClaimOutcome::Claimed(state.terms));
    }
    let accepted = claim.accept.contains(&state.terms.report_type);
    match &state.token {
        Some(token) if !token.repeats(claim, state.repeat_until) => Some(ClaimOutcome::Used),
        None if state.expires_at <= claim.now => Some(ClaimOutcome::Expired),
        _ if !accepted => Some(ClaimOutcome::Unsupported),
        Some(_) => Some(ClaimOutcome::Claimed(state.terms)),
        None => None,
    }
}

/// Claims the code if nobody has and everything else allows it. The text is forgotten with it: the token can be derived again without; and so
/// is the telephone that waited for it, if one did. The look locks the rows, so that nobody expires the code between it and the change.
async fn attempt(pool: &Pool, claim: &Claim) -> Result<Option<State>, StoreError> {
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
            RETURNING id
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
    ];
    pool.query("codes::claim", SQL, values).await?.first().map(state).transpose()
}

fn state(row: &Row) -> Result<State, StoreError> {
    let token = column::maybe_array(row, 0)?.zip(row::maybe_time(row, 1)?);
    Ok(State {
        token: token.map(|(digest, expires_at)| Token { digest, expires_at }),
        repeat_until: row::maybe_time(row, 2)?,
        expires_at: column::time(row, 3)?,
        terms: row::terms(row, 4)?,
        claimed: column::value(row, 7)?,
    })
}
