//! Issuing a code, or finding that the same request was answered already.

use proto::Timestamp;
use tokio_postgres::Row;

use super::row::{self, current};
use crate::codes::{CodeId, IssueOutcome, NewCode, Peppered, StandingCode, StandingForm};
use crate::error::StoreError;
use crate::postgres::column;
use crate::postgres::pool::Pool;
use crate::postgres::transaction::Params;

/// Stores `code` unless its uuid or one of its forms is taken; only if it is not stored, the reason is looked for.
pub(super) async fn run(pool: &Pool, code: &NewCode, now: Timestamp) -> Result<IssueOutcome, StoreError> {
    if insert(pool, code).await? {
        return Ok(IssueOutcome::Issued);
    }
    let before = earlier(pool, code, now).await?;
    before.map_or(Ok(IssueOutcome::Collision), |before| Ok(repeat(code, before)))
}

/// Whether code and forms were written. A text is taken if any code, live or spent, has it under any live secret: a spent one could still be
/// claimed again by its person. Two programs that know different secrets could write the same text in the same instant; a phone that finds
/// the other's code used then needs a new one, once in many centuries.
async fn insert(pool: &Pool, code: &NewCode) -> Result<bool, StoreError> {
    const SQL: &str = "-- codes::issue
        WITH issued AS (
            INSERT INTO code (id, authority, uuid, pepper, request_digest, report_type, symptom_interval, test_interval, forget_at)
            SELECT $1::bytea, $2::text, $3::bytea, $4::text, $5::bytea, $6::text, $7::bigint, $8::bigint, $9::bigint
            WHERE NOT EXISTS (SELECT 1 FROM code_digest WHERE digest = ANY ($10::bytea[]))
            ON CONFLICT (authority, uuid) DO NOTHING
            RETURNING id)
        INSERT INTO code_digest (digest, code, form, expires_at, sealed)
        SELECT form.digest, issued.id, form.form, form.expires_at, form.sealed
        FROM issued, unnest($11::bytea[], $12::text[], $13::bigint[], $14::bytea[]) AS form (digest, form, expires_at, sealed)
        RETURNING 1";
    let request = current(&code.request)?;
    let forms = Forms::of(code)?;
    let values: Params<'_> = &[
        &code.id.0.as_slice(),
        &code.authority,
        &code.uuid.as_slice(),
        &request.pepper,
        &request.digest.as_slice(),
        &code.terms.report_type.as_str(),
        &code.terms.symptom.map(|interval| i64::from(interval.number())),
        &code.terms.test.map(|interval| i64::from(interval.number())),
        &code.forget_at.unix(),
        &forms.taken,
        &forms.digests,
        &forms.names,
        &forms.expiries,
        &forms.sealed,
    ];
    Ok(!pool.query("codes::issue", SQL, values).await?.is_empty())
}

/// The forms of a code, column by column.
struct Forms<'a> {
    /// What none of them may be, under any live secret.
    taken: Vec<&'a [u8]>,
    digests: Vec<&'a [u8]>,
    names: Vec<&'static str>,
    expiries: Vec<i64>,
    sealed: Vec<&'a [u8]>,
}

impl<'a> Forms<'a> {
    fn of(code: &'a NewCode) -> Result<Self, StoreError> {
        let digests = code.forms.iter().map(|form| Ok(current(&form.digests)?.digest.as_slice()));
        Ok(Self {
            taken: code.forms.iter().flat_map(|form| &form.digests).map(|one| one.digest.as_slice()).collect(),
            digests: digests.collect::<Result<_, StoreError>>()?,
            names: code.forms.iter().map(|form| form.form.as_str()).collect(),
            expiries: code.forms.iter().map(|form| form.expires_at.unix()).collect(),
            sealed: code.forms.iter().map(|form| form.sealed.as_slice()).collect(),
        })
    }
}

/// What an earlier request with the same uuid left.
struct Earlier {
    standing: StandingCode,
    /// None once the code was claimed.
    request: Option<[u8; 32]>,
}

async fn earlier(pool: &Pool, code: &NewCode, now: Timestamp) -> Result<Option<Earlier>, StoreError> {
    const SQL: &str = "-- codes::earlier
        SELECT code.id, code.pepper, code.request_digest, code_digest.form, code_digest.expires_at, code_digest.sealed
        FROM code LEFT JOIN code_digest
            ON code_digest.code = code.id AND code_digest.sealed IS NOT NULL AND code_digest.expires_at > $3
        WHERE code.authority = $1 AND code.uuid = $2 ORDER BY code_digest.form DESC";
    let rows = pool.query("codes::earlier", SQL, &[&code.authority, &code.uuid.as_slice(), &now.unix()]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let forms = rows.iter().filter_map(|row| standing_form(row).transpose()).collect::<Result<_, _>>()?;
    Ok(Some(Earlier {
        standing: StandingCode { id: CodeId(column::array(first, 0)?), pepper: column::value(first, 1)?, forms },
        request: column::maybe_array(first, 2)?,
    }))
}

/// None if no form stands.
fn standing_form(row: &Row) -> Result<Option<StandingForm>, StoreError> {
    let Some(sealed) = column::value(row, 5)? else { return Ok(None) };
    Ok(Some(StandingForm { form: row::form(row, 3)?, sealed, expires_at: column::time(row, 4)? }))
}

/// The same request is answered with the code that stands; anything else finds the uuid taken.
fn repeat(code: &NewCode, Earlier { standing, request }: Earlier) -> IssueOutcome {
    let same = |one: &Peppered| one.pepper == standing.pepper && Some(one.digest) == request;
    if code.request.iter().any(same) && !standing.forms.is_empty() {
        IssueOutcome::Repeated(standing)
    } else {
        IssueOutcome::UuidTaken
    }
}
