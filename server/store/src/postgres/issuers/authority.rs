//! The table `authority`.

use proto::Timestamp;
use tokio_postgres::Row;

use crate::code_style::CodeStyle;
use crate::error::StoreError;
use crate::issuers::{Issuer, RegisteredIssuer};
use crate::postgres::column;
use crate::postgres::pool::Pool;
use crate::postgres::transaction::Param;

/// How many columns [`read`] takes.
pub(super) const COLUMNS: usize = 10;

/// Inserts an authority, unless it is there already.
pub(super) async fn create(pool: &Pool, issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::create
        INSERT INTO authority (id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life,
                               user_reports, daily_quota, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING 1";
    let (columns, created_at) = (Columns::of(issuer), now.unix());
    let values: Vec<Param<'_>> = columns.values().into_iter().chain([&created_at as Param<'_>]).collect();
    if !pool.query("issuers::create", SQL, &values).await?.is_empty() {
        return Ok(());
    }
    let same = list(pool).await?.iter().any(|registered| registered.issuer == *issuer);
    if same { Ok(()) } else { Err(StoreError::Exists("an authority with this id or issuer")) }
}

/// Writes everything about an authority but its id. An issuer that another authority has leaves the row as it is; should somebody take it
/// in the same instant, the constraint decides, and the statement that runs again sees it.
pub(super) async fn update(pool: &Pool, issuer: &Issuer) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::update
        UPDATE authority SET issuer = $2, audience = $3, date_required = $4, code_form = $5, code_length = $6,
            code_life = $7, long_code_life = $8, user_reports = $9, daily_quota = $10
        WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM authority AS other WHERE other.issuer = $2 AND other.id <> $1)
        RETURNING 1";
    if !pool.query("issuers::update", SQL, &Columns::of(issuer).values()).await?.is_empty() {
        return Ok(());
    }
    let known = exists(pool, &issuer.id).await?;
    Err(if known { StoreError::Exists("an authority with this issuer") } else { StoreError::NotFound("authority") })
}

/// Reads one that is not disabled.
pub(super) async fn get(pool: &Pool, id: &str, now: Timestamp) -> Result<Option<Issuer>, StoreError> {
    const SQL: &str = "-- issuers::get
        SELECT id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life, user_reports, daily_quota
        FROM authority WHERE id = $1 AND (disabled_at IS NULL OR disabled_at > $2)";
    pool.query("issuers::get", SQL, &[&id, &now.unix()]).await?.first().map(read).transpose()
}

/// Reads all of them, by id: slugs are ASCII, and the order is the same whatever language the server speaks.
pub(super) async fn list(pool: &Pool) -> Result<Vec<RegisteredIssuer>, StoreError> {
    const SQL: &str = "-- issuers::list
        SELECT id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life, user_reports, daily_quota,
               created_at, disabled_at
        FROM authority ORDER BY id COLLATE \"C\"";
    let registered = |row: &Row| {
        Ok(RegisteredIssuer {
            issuer: read(row)?,
            created_at: column::time(row, COLUMNS)?,
            disabled_at: column::maybe_number(row, COLUMNS + 1)?.map(Timestamp::from_unix),
        })
    };
    pool.query("issuers::list", SQL, &[]).await?.iter().map(registered).collect()
}

/// Writes when an authority ceases to take part, or that it does.
pub(super) async fn disable(pool: &Pool, id: &str, disabled_at: Option<Timestamp>) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::disable
        UPDATE authority SET disabled_at = $2 WHERE id = $1 RETURNING 1";
    let written = pool.query("issuers::disable", SQL, &[&id, &disabled_at.map(Timestamp::unix)]).await?;
    if written.is_empty() { Err(StoreError::NotFound("authority")) } else { Ok(()) }
}

/// Whether there is such an authority, disabled or not.
pub(super) async fn exists(pool: &Pool, id: &str) -> Result<bool, StoreError> {
    const SQL: &str = "-- issuers::exists
        SELECT 1 FROM authority WHERE id = $1";
    Ok(!pool.query("issuers::exists", SQL, &[&id]).await?.is_empty())
}

/// What was said of an authority, as its columns have it.
struct Columns<'a> {
    issuer: &'a Issuer,
    spelling: &'static str,
    length: i16,
    daily_quota: Option<i64>,
}

impl<'a> Columns<'a> {
    fn of(issuer: &'a Issuer) -> Self {
        let (spelling, length) = (issuer.codes.spelling.as_str(), issuer.codes.length.into());
        Self { issuer, spelling, length, daily_quota: issuer.daily_quota.map(i64::from) }
    }

    /// In the order of [`read`].
    fn values(&self) -> [Param<'_>; COLUMNS] {
        let Issuer { id, issuer, audience, date_required, codes, user_reports, .. } = self.issuer;
        [
            id,
            issuer,
            audience,
            date_required,
            &self.spelling,
            &self.length,
            &codes.life,
            &codes.long_life,
            user_reports,
            &self.daily_quota,
        ]
    }
}

/// Reads the columns of an authority, which come first.
pub(super) fn read(row: &Row) -> Result<Issuer, StoreError> {
    let codes = CodeStyle {
        spelling: column::parsed(row, 4)?,
        length: column::number(row, 5)?,
        life: column::number(row, 6)?,
        long_life: column::number(row, 7)?,
    };
    let (id, issuer, audience) = (column::value(row, 0)?, column::value(row, 1)?, column::value(row, 2)?);
    let daily_quota = column::maybe_number(row, 9)?;
    let (date_required, user_reports) = (column::value(row, 3)?, column::value(row, 8)?);
    Ok(Issuer { id, issuer, audience, date_required, codes, user_reports, daily_quota })
}
