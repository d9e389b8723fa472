//! Issuing a code, or finding that the same request was answered already.

use proto::{Interval, Timestamp};
use tokio_postgres::Row;

use super::row::{self, current};
use crate::codes::{CodeId, IssueOutcome, NewCode, Peppered, StandingCode, StandingForm, Stored};
use crate::counters::{CounterKind, Day};
use crate::error::StoreError;
use crate::postgres::column;
use crate::postgres::pool::Pool;
use crate::postgres::transaction::{Mode, Param, Transaction};

/// Stores `code` unless its uuid or one of its forms is taken or the quota is used up; only if it is not stored, the reason is looked for.
pub(super) async fn run(pool: &Pool, code: &NewCode, now: Timestamp) -> Result<IssueOutcome, StoreError> {
    if insert(pool, code, now).await? {
        return Ok(IssueOutcome::Issued);
    }
    // The same request is answered with the code that stands; anything else finds the uuid taken.
    if let Some(before) = earlier(pool, code, now).await? {
        return Ok(before.standing_for(&code.request).map_or(IssueOutcome::UuidTaken, IssueOutcome::Repeated));
    }
    // Without a quota, nothing else can have been in the way.
    let taken = code.quota.is_none()
        || !pool.query("codes::taken", TAKEN, &Values::of(code, now, 0)?.identity()).await?.is_empty();
    Ok(if taken { IssueOutcome::Collision } else { IssueOutcome::QuotaExceeded })
}

/// Stores code and forms and counts the code, if the day has room for so many more. A text is taken if any code, live or spent, has it under
/// any live secret: a spent one could still be claimed again by its person. Two programs that know different secrets could write the same text
/// in the same instant; a phone that finds the other's code used then needs a new one, once in many centuries.
const INSERT: &str = "-- codes::issue
        WITH issued AS (
            INSERT INTO code (id, authority, uuid, pepper, request_digest, report_type, symptom_interval, test_interval, forget_at)
            SELECT $1::bytea, $2::text, $3::bytea, $4::text, $5::bytea, $6::text, $7::bigint, $8::bigint, $9::bigint
            WHERE NOT EXISTS (SELECT 1 FROM code_digest WHERE digest = ANY ($10::bytea[]))
              AND ($17::bigint IS NULL OR $17 >= $18::bigint + (
                SELECT coalesce(sum(count), 0) FROM counter WHERE authority = $2 AND day = $15 AND kind = $16))
            ON CONFLICT (authority, uuid) DO NOTHING
            RETURNING id
        ), counted AS (
            INSERT INTO counter (authority, day, kind, stripe, count)
            SELECT $2, $15::integer, $16::text, get_byte(id, 0) % 8, 1 FROM issued
            ON CONFLICT (authority, day, kind, stripe) DO UPDATE SET count = counter.count + 1
        )
        INSERT INTO code_digest (digest, code, form, expires_at, sealed)
        SELECT form.digest, issued.id, form.form, form.expires_at, form.sealed
        FROM issued, unnest($11::bytea[], $12::text[], $13::bigint[], $14::bytea[]) AS form (digest, form, expires_at, sealed)
        RETURNING 1";

/// Whether the uuid or one of the forms is another code's.
const TAKEN: &str = "-- codes::taken
        SELECT 1 FROM code_digest WHERE digest = ANY ($1::bytea[])
        UNION ALL SELECT 1 FROM code WHERE authority = $2 AND uuid = $3";

/// Takes a lock that others share, and answers how much room is needed: as many as there may be connections may have looked at the same count.
const TOGETHER: &str = "-- codes::issue, together
        SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0)), current_setting('max_connections')::bigint";

/// Takes the same lock for itself, once nobody else has it; one place is room enough.
const ALONE: &str = "-- codes::issue, alone
        SELECT pg_advisory_xact_lock(hashtextextended($1, 0)), 1::bigint";

/// Whether code and forms were written. Most of a quota is used up by many at once, the rest one by one; the lock is taken before the statement
/// that looks at the count.
async fn insert(pool: &Pool, code: &NewCode, now: Timestamp) -> Result<bool, StoreError> {
    if code.quota.is_none() {
        let values = Values::of(code, now, 0)?;
        return Ok(!pool.query("codes::issue", INSERT, &values.params()).await?.is_empty());
    }
    for lock in [TOGETHER, ALONE] {
        let given = (code, now, lock);
        let inserted = pool.transact("codes::issue", Mode::Write, &given, |transaction, &(code, now, lock)| {
            Box::pin(insert_under(transaction, code, now, lock))
        });
        if inserted.await? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn insert_under(
    transaction: &Transaction<'_>,
    code: &NewCode,
    now: Timestamp,
    lock: &'static str,
) -> Result<bool, StoreError> {
    let name = format!("pratique quota {} {}", kind(code).as_str(), code.authority);
    let room = column::value(&transaction.row(lock, &[&name]).await?, 1)?;
    let values = Values::of(code, now, room)?;
    Ok(!transaction.rows(INSERT, &values.params()).await?.is_empty())
}

/// Stores a code as part of a larger transaction.
pub(super) async fn store_in(
    transaction: &Transaction<'_>,
    code: &NewCode,
    now: Timestamp,
) -> Result<Stored, StoreError> {
    let written = if code.quota.is_none() {
        let values = Values::of(code, now, 0)?;
        !transaction.rows(INSERT, &values.params()).await?.is_empty()
    } else {
        insert_under(transaction, code, now, ALONE).await?
    };
    if written {
        return Ok(Stored::Written);
    }
    let taken =
        code.quota.is_none() || !transaction.rows(TAKEN, &Values::of(code, now, 0)?.identity()).await?.is_empty();
    Ok(if taken { Stored::Taken } else { Stored::TooMany })
}

/// What the code is counted as.
fn kind(code: &NewCode) -> CounterKind {
    CounterKind::issued(code.terms.report_type)
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
    day: i32,
    kind: &'static str,
    quota: Option<i64>,
    room: i64,
}

impl<'a> Values<'a> {
    fn of(code: &'a NewCode, now: Timestamp, room: i64) -> Result<Self, StoreError> {
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
            day: Day::containing(now).number(),
            kind: kind(code).as_str(),
            quota: code.quota.map(i64::from),
            room,
        })
    }

    /// What [`TAKEN`] is given.
    fn identity(&self) -> [Param<'_>; 3] {
        [&self.forms.taken, &self.code.authority, &self.uuid]
    }

    fn params(&self) -> [Param<'_>; 18] {
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
            &self.day,
            &self.kind,
            &self.quota,
            &self.room,
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
