//! The table `authority`.

use proto::Timestamp;
use rusqlite::{Row, Transaction, params};

use crate::code_style::CodeStyle;
use crate::error::StoreError;
use crate::issuers::{Issuer, RegisteredIssuer};

/// How many columns [`read`] takes.
pub(super) const COLUMNS: usize = 9;

/// Inserts an authority, unless it is there already.
pub(super) fn create(transaction: &Transaction<'_>, issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::create
        INSERT INTO authority (id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life, user_reports,
            created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";
    let codes = &issuer.codes;
    let written = transaction.prepare_cached(SQL)?.execute(params![
        issuer.id,
        issuer.issuer,
        issuer.audience,
        issuer.date_required,
        codes.spelling.as_str(),
        codes.length,
        codes.life,
        codes.long_life,
        issuer.user_reports,
        now.unix(),
    ])?;
    if written == 1 {
        return Ok(());
    }
    let same = list(transaction)?.iter().any(|registered| registered.issuer == *issuer);
    if same { Ok(()) } else { Err(StoreError::Exists("an authority with this id or issuer")) }
}

/// Writes everything about an authority but its id.
pub(super) fn update(transaction: &Transaction<'_>, issuer: &Issuer) -> Result<(), StoreError> {
    // An issuer that another authority has leaves the row as it is.
    const SQL: &str = "-- issuers::update
        UPDATE OR IGNORE authority SET issuer = ?2, audience = ?3, date_required = ?4, code_form = ?5, code_length = ?6,
            code_life = ?7, long_code_life = ?8, user_reports = ?9
        WHERE id = ?1";
    if !exists(transaction, &issuer.id)? {
        return Err(StoreError::NotFound("authority"));
    }
    let codes = &issuer.codes;
    let written = transaction.prepare_cached(SQL)?.execute(params![
        issuer.id,
        issuer.issuer,
        issuer.audience,
        issuer.date_required,
        codes.spelling.as_str(),
        codes.length,
        codes.life,
        codes.long_life,
        issuer.user_reports,
    ])?;
    if written == 1 { Ok(()) } else { Err(StoreError::Exists("an authority with this issuer")) }
}

/// Reads one that takes part.
pub(super) fn get(transaction: &Transaction<'_>, id: &str, now: Timestamp) -> Result<Option<Issuer>, StoreError> {
    const SQL: &str = "-- issuers::get
        SELECT id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life, user_reports
        FROM authority WHERE id = ?1 AND (disabled_at IS NULL OR disabled_at > ?2)";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![id, now.unix()])?;
    rows.next()?.map(read).transpose()
}

/// Reads all of them, by id.
pub(super) fn list(transaction: &Transaction<'_>) -> Result<Vec<RegisteredIssuer>, StoreError> {
    const SQL: &str = "-- issuers::list
        SELECT id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life, user_reports,
            created_at, disabled_at
        FROM authority ORDER BY id";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query([])?;
    let mut issuers = Vec::new();
    while let Some(row) = rows.next()? {
        issuers.push(RegisteredIssuer {
            issuer: read(row)?,
            created_at: Timestamp::from_unix(row.get(COLUMNS)?),
            disabled_at: row.get::<_, Option<i64>>(COLUMNS + 1)?.map(Timestamp::from_unix),
        });
    }
    Ok(issuers)
}

/// Writes when an authority ceases to take part, or that it does.
pub(super) fn disable(
    transaction: &Transaction<'_>,
    authority: &str,
    disabled_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::disable
        UPDATE authority SET disabled_at = ?2 WHERE id = ?1";
    let values = params![authority, disabled_at.map(Timestamp::unix)];
    let written = transaction.prepare_cached(SQL)?.execute(values)?;
    if written == 1 { Ok(()) } else { Err(StoreError::NotFound("authority")) }
}

/// Whether there is such an authority, disabled or not.
pub(super) fn exists(transaction: &Transaction<'_>, authority: &str) -> Result<bool, StoreError> {
    const SQL: &str = "-- issuers::exists
        SELECT 1 FROM authority WHERE id = ?1";
    Ok(transaction.prepare_cached(SQL)?.exists([authority])?)
}

/// Reads the columns of an authority, which come first.
pub(super) fn read(row: &Row<'_>) -> Result<Issuer, StoreError> {
    let spelling: String = row.get(4)?;
    let spelling = spelling.parse().map_err(|_| StoreError::Corrupt("authority.code_form is none".to_owned()))?;
    let codes = CodeStyle { spelling, length: row.get(5)?, life: row.get(6)?, long_life: row.get(7)? };
    Ok(Issuer {
        id: row.get(0)?,
        issuer: row.get(1)?,
        audience: row.get(2)?,
        date_required: row.get(3)?,
        codes,
        user_reports: row.get(8)?,
    })
}
