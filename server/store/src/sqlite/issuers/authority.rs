//! The table `authority`.

use proto::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Row, Transaction, params, params_from_iter};

use crate::code_style::CodeStyle;
use crate::error::StoreError;
use crate::issuers::{Issuer, RegisteredIssuer};

/// How many columns [`read`] takes.
pub(super) const COLUMNS: usize = 10;

/// Inserts an authority, unless it is there already.
pub(super) fn create(transaction: &Transaction<'_>, issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::create
        INSERT INTO authority (id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life,
                               user_reports, daily_quota, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING";
    let values = values(issuer).into_iter().chain([now.unix().into()]);
    let written = transaction.prepare_cached(SQL)?.execute(params_from_iter(values))?;
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
            code_life = ?7, long_code_life = ?8, user_reports = ?9, daily_quota = ?10
        WHERE id = ?1";
    if !exists(transaction, &issuer.id)? {
        return Err(StoreError::NotFound("authority"));
    }
    let written = transaction.prepare_cached(SQL)?.execute(params_from_iter(values(issuer)))?;
    if written == 1 { Ok(()) } else { Err(StoreError::Exists("an authority with this issuer")) }
}

/// Reads one that takes part.
pub(super) fn get(transaction: &Transaction<'_>, id: &str, now: Timestamp) -> Result<Option<Issuer>, StoreError> {
    const SQL: &str = "-- issuers::get
        SELECT id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life, user_reports, daily_quota
        FROM authority WHERE id = ?1 AND (disabled_at IS NULL OR disabled_at > ?2)";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![id, now.unix()])?;
    rows.next()?.map(read).transpose()
}

/// Reads all of them, by id.
pub(super) fn list(transaction: &Transaction<'_>) -> Result<Vec<RegisteredIssuer>, StoreError> {
    const SQL: &str = "-- issuers::list
        SELECT id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life, user_reports, daily_quota,
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

/// What was said of an authority, in the order of its columns.
fn values(issuer: &Issuer) -> [Value; COLUMNS] {
    let codes = &issuer.codes;
    [
        issuer.id.clone().into(),
        issuer.issuer.clone().into(),
        issuer.audience.clone().into(),
        issuer.date_required.into(),
        codes.spelling.as_str().to_owned().into(),
        codes.length.into(),
        codes.life.into(),
        codes.long_life.into(),
        issuer.user_reports.into(),
        issuer.daily_quota.into(),
    ]
}

/// Reads the columns of an authority, which come first.
pub(super) fn read(row: &Row<'_>) -> Result<Issuer, StoreError> {
    let spelling: String = row.get(4)?;
    let spelling = spelling.parse().map_err(|_| StoreError::Corrupt("authority.code_form is none".to_owned()))?;
    let codes = CodeStyle { spelling, length: row.get(5)?, life: row.get(6)?, long_life: row.get(7)? };
    let (id, issuer, audience) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (date_required, user_reports, daily_quota) = (row.get(3)?, row.get(8)?, row.get(9)?);
    Ok(Issuer { id, issuer, audience, date_required, codes, user_reports, daily_quota })
}
