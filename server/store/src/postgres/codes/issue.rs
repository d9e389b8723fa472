//! Issuing a code, or finding that the same request was answered already.

use proto::{Interval, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::row::{self, current};
use crate::codes::{CodeId, IssueOutcome, NewCode, Peppered, StandingCode, StandingForm};
use crate::error::StoreError;
use crate::postgres::column;
use crate::postgres::pool::Pool;
use crate::postgres::transaction::Transaction;

/// Stores `code` unless its uuid or one of its forms is taken; only if it is not stored, the reason is looked for.
pub(super) async fn run(pool: &Pool, code: &NewCode, now: Timestamp) -> Result<IssueOutcome, StoreError> {
    if insert(pool, code).await? {
        return Ok(IssueOutcome::Issued);
    }
    // The same request is answered with the code that stands; anything else finds the uuid taken.
    Ok(match earlier(pool, code, now).await? {
        None => IssueOutcome::Collision,
        Some(before) => before.standing_for(&code.request).map_or(IssueOutcome::UuidTaken, IssueOutcome::Repeated),
    })
}

/// Stores code and forms. A text is taken if any code, live or spent, has it under any live secret: a spent one could still be claimed again
/// by its person. Two programs that know different secrets could write the same text in the same instant; a phone that finds the other's code
/// used then needs a new one, once in many centuries.
const INSERT: &str = "-- codes::issue
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

/// Whether code and forms were written.
async fn insert(pool: &Pool, code: &NewCode) -> Result<bool, StoreError> {
    let values = Values::of(code)?;
    Ok(!pool.query("codes::issue", INSERT, &values.params()).await?.is_empty())
}

/// The same as part of a larger transaction.
pub(super) async fn insert_in(transaction: &Transaction<'_>, code: &NewCode) -> Result<bool, StoreError> {
    let values = Values::of(code)?;
    Ok(!transaction.rows(INSERT, &values.params()).await?.is_empty())
}

/// What [`INSERT`] is given.
struct Values<'a> {
    code: &'a NewCode,
    id: &'a [u8],
    uuid: &'a [u8],
    request: &'a Peppered,
    request_digest: &'a [u8],
    report_type: &'static str,
    symptom: Option<i64>,
    test: Option<i64>,
    forget_at: i64,
    forms: Forms<'a>,
}

impl<'a> Values<'a> {
    fn of(code: &'a NewCode) -> Result<Self, StoreError> {
        let request = current(&code.request)?;
        let number = |interval: Interval| i64::from(interval.number());
        Ok(Self {
            code,
            id: &code.id.0,
            uuid: &code.uuid,
            request,
            request_digest: &request.digest,
            report_type: code.terms.report_type.as_str(),
            symptom: code.terms.symptom.map(number),
            test: code.terms.test.map(number),
            forget_at: code.forget_at.unix(),
            forms: Forms::of(code)?,
        })
    }

    fn params(&self) -> [&(dyn ToSql + Sync); 14] {
        [
            &self.id,
            &self.code.authority,
            &self.uuid,
            &self.request.pepper,
            &self.request_digest,
            &self.report_type,
            &self.symptom,
            &self.test,
            &self.forget_at,
            &self.forms.taken,
            &self.forms.digests,
            &self.forms.names,
            &self.forms.expiries,
            &self.forms.sealed,
        ]
    }
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

/// What an earlier request left.
pub(super) struct Earlier {
    standing: StandingCode,
    /// None once the code was claimed.
    request: Option<[u8; 32]>,
}

async fn earlier(pool: &Pool, code: &NewCode, now: Timestamp) -> Result<Option<Earlier>, StoreError> {
    const SQL: &str = "-- codes::earlier
        SELECT code.id, code.uuid, code.pepper, code.request_digest, code_digest.form, code_digest.expires_at,
               code_digest.sealed
        FROM code LEFT JOIN code_digest
            ON code_digest.code = code.id AND code_digest.sealed IS NOT NULL AND code_digest.expires_at > $3
        WHERE code.authority = $1 AND code.uuid = $2 ORDER BY code_digest.form DESC";
    let rows = pool.query("codes::earlier", SQL, &[&code.authority, &code.uuid.as_slice(), &now.unix()]).await?;
    Earlier::read(&rows)
}

impl Earlier {
    /// Reads the columns `id, uuid, pepper, request_digest, form, expires_at, sealed` of a code, a row for each form that stands or one if
    /// none does; none if there is no code.
    pub(super) fn read(rows: &[Row]) -> Result<Option<Self>, StoreError> {
        let Some(first) = rows.first() else { return Ok(None) };
        let forms = rows.iter().filter_map(|row| standing_form(row).transpose()).collect::<Result<_, _>>()?;
        Ok(Some(Self {
            standing: StandingCode {
                id: CodeId(column::array(first, 0)?),
                uuid: column::array(first, 1)?,
                pepper: column::value(first, 2)?,
                forms,
            },
            request: column::maybe_array(first, 3)?,
        }))
    }

    /// The code that still stands, if it answered this request.
    pub(super) fn standing_for(self, request: &[Peppered]) -> Option<StandingCode> {
        let Self { standing, request: answered } = self;
        let same = |one: &Peppered| one.pepper == standing.pepper && Some(one.digest) == answered;
        (request.iter().any(same) && !standing.forms.is_empty()).then_some(standing)
    }
}

/// None if no form stands.
fn standing_form(row: &Row) -> Result<Option<StandingForm>, StoreError> {
    let Some(sealed) = column::value(row, 6)? else { return Ok(None) };
    Ok(Some(StandingForm { form: row::form(row, 4)?, sealed, expires_at: column::time(row, 5)? }))
}
