//! Issuing a code, or finding that the same request was answered already.

use proto::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::row;
use crate::codes::{CodeId, IssueOutcome, NewCode, NewForm, Peppered, StandingCode, StandingForm, Stored};
use crate::counters::{CounterKind, Day};
use crate::error::StoreError;
use crate::sqlite::counter;

/// Stores `code` unless its uuid or one of its forms is taken or the quota is used up. The same request is answered with the code that stands;
/// anything else finds the uuid taken.
pub(super) fn run(transaction: &Transaction<'_>, code: &NewCode, now: Timestamp) -> Result<IssueOutcome, StoreError> {
    if let Some(before) = earlier(transaction, code)? {
        let standing = before.standing_for(transaction, &code.request, now)?;
        return Ok(standing.map_or(IssueOutcome::UuidTaken, IssueOutcome::Repeated));
    }
    Ok(match store(transaction, code, now)? {
        Stored::Written => IssueOutcome::Issued,
        Stored::Taken => IssueOutcome::Collision,
        Stored::TooMany => IssueOutcome::QuotaExceeded,
    })
}

/// Stores `code` and its forms, and counts it, unless one of these is taken or the quota is used up.
pub(super) fn store(transaction: &Transaction<'_>, code: &NewCode, now: Timestamp) -> Result<Stored, StoreError> {
    for form in &code.forms {
        if taken(transaction, form)? {
            return Ok(Stored::Taken);
        }
    }
    let (kind, day) = (CounterKind::issued(code.terms.report_type), Day::containing(now));
    if let Some(quota) = code.quota
        && counter::read(transaction, &code.authority, kind, day)? >= u64::from(quota)
    {
        return Ok(Stored::TooMany);
    }
    insert(transaction, code)?;
    for form in &code.forms {
        insert_form(transaction, code.id, form)?;
    }
    counter::add(transaction, &code.authority, kind, day)?;
    Ok(Stored::Written)
}

/// What an earlier request left.
pub(super) struct Earlier {
    id: CodeId,
    uuid: [u8; 16],
    pepper: String,
    /// None once the code was claimed.
    request: Option<[u8; 32]>,
}

fn earlier(transaction: &Transaction<'_>, code: &NewCode) -> Result<Option<Earlier>, StoreError> {
    const SQL: &str = "-- codes::issue, earlier
        SELECT id, uuid, pepper, request_digest FROM code WHERE authority = ?1 AND uuid = ?2";
    let mut statement = transaction.prepare_cached(SQL)?;
    let found = statement.query_row(params![code.authority, code.uuid], Earlier::read).optional()?;
    Ok(found)
}

impl Earlier {
    /// Reads the columns `id, uuid, pepper, request_digest` of a code.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: CodeId(row.get(0)?), uuid: row.get(1)?, pepper: row.get(2)?, request: row.get(3)? })
    }

    /// The code that still stands, if it answered this request.
    pub(super) fn standing_for(
        self,
        transaction: &Transaction<'_>,
        request: &[Peppered],
        now: Timestamp,
    ) -> Result<Option<StandingCode>, StoreError> {
        let same = |one: &Peppered| one.pepper == self.pepper && Some(one.digest) == self.request;
        if !request.iter().any(same) {
            return Ok(None);
        }
        let forms = standing_forms(transaction, self.id, now)?;
        let standing = StandingCode { id: self.id, uuid: self.uuid, pepper: self.pepper, forms };
        Ok((!standing.forms.is_empty()).then_some(standing))
    }
}

fn standing_forms(transaction: &Transaction<'_>, id: CodeId, now: Timestamp) -> Result<Vec<StandingForm>, StoreError> {
    const SQL: &str = "-- codes::issue, standing
        SELECT form, sealed, expires_at FROM code_digest
        WHERE code = ?1 AND sealed IS NOT NULL AND expires_at > ?2 ORDER BY form DESC";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![id.0, now.unix()])?;
    let mut forms = Vec::new();
    while let Some(row) = rows.next()? {
        let form: String = row.get(0)?;
        let expires_at = Timestamp::from_unix(row.get(2)?);
        forms.push(StandingForm { form: row::form(&form)?, sealed: row.get(1)?, expires_at });
    }
    Ok(forms)
}

/// Whether any code, live or spent, has this form under any live secret: a spent one could still be claimed again by its person.
fn taken(transaction: &Transaction<'_>, form: &NewForm) -> Result<bool, StoreError> {
    const SQL: &str = "-- codes::issue, taken
        SELECT 1 FROM code_digest WHERE digest = ?1";
    let mut statement = transaction.prepare_cached(SQL)?;
    for Peppered { digest, .. } in &form.digests {
        if statement.exists([digest])? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn insert(transaction: &Transaction<'_>, code: &NewCode) -> Result<(), StoreError> {
    const SQL: &str = "-- codes::issue, code
        INSERT INTO code (id, authority, uuid, pepper, request_digest, report_type, symptom_interval, test_interval, forget_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let request = current(&code.request)?;
    let written = transaction.prepare_cached(SQL)?.execute(params![
        code.id.0,
        code.authority,
        code.uuid,
        request.pepper,
        request.digest,
        code.terms.report_type.as_str(),
        code.terms.symptom.map(|interval| interval.number()),
        code.terms.test.map(|interval| interval.number()),
        code.forget_at.unix(),
    ])?;
    row::exactly_one(written, "codes::issue")
}

fn insert_form(transaction: &Transaction<'_>, id: CodeId, form: &NewForm) -> Result<(), StoreError> {
    const SQL: &str = "-- codes::issue, form
        INSERT INTO code_digest (digest, code, form, expires_at, sealed) VALUES (?1, ?2, ?3, ?4, ?5)";
    let digest = current(&form.digests)?.digest;
    let written = transaction.prepare_cached(SQL)?.execute(params![
        digest,
        id.0,
        form.form.as_str(),
        form.expires_at.unix(),
        form.sealed,
    ])?;
    row::exactly_one(written, "codes::issue")
}

/// The digest under the current secret.
pub(super) fn current(digests: &[Peppered]) -> Result<&Peppered, StoreError> {
    digests.first().ok_or_else(|| StoreError::Corrupt("a new code without a digest".to_owned()))
}
