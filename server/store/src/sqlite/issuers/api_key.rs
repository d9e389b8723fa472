//! The table `api_key`.

use proto::Timestamp;
use rusqlite::{Transaction, params};

use super::authority;
use crate::error::StoreError;
use crate::issuers::{ApiKeyGrant, ApiKeyKind, RegisteredApiKey};

/// Inserts a key that is not there yet.
pub(super) fn add(
    transaction: &Transaction<'_>,
    authority: &str,
    kind: ApiKeyKind,
    digest: [u8; 32],
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::add_api_key
        INSERT INTO api_key (digest, authority, kind, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    if !authority::exists(transaction, authority)? {
        return Err(StoreError::NotFound("authority"));
    }
    let values = params![digest, authority, kind.as_str(), now.unix()];
    let written = transaction.prepare_cached(SQL)?.execute(values)?;
    if written == 1 { Ok(()) } else { Err(StoreError::Exists("the API key")) }
}

/// Reads all keys of an authority.
pub(super) fn list(
    transaction: &Transaction<'_>,
    authority: &str,
) -> Result<Option<Vec<RegisteredApiKey>>, StoreError> {
    const SQL: &str = "-- issuers::api_keys
        SELECT digest, kind, created_at, revoked_at FROM api_key WHERE authority = ?1 ORDER BY created_at, digest";
    if !authority::exists(transaction, authority)? {
        return Ok(None);
    }
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query([authority])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(RegisteredApiKey {
            digest: row.get(0)?,
            kind: kind(&row.get::<_, String>(1)?)?,
            created_at: Timestamp::from_unix(row.get(2)?),
            revoked_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_unix),
        });
    }
    Ok(Some(keys))
}

/// Writes when a key ceases to be good. The first time counts.
pub(super) fn revoke(
    transaction: &Transaction<'_>,
    authority: &str,
    digest: [u8; 32],
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::revoke_api_key
        UPDATE api_key SET revoked_at = coalesce(revoked_at, ?3) WHERE authority = ?1 AND digest = ?2";
    let written = transaction.prepare_cached(SQL)?.execute(params![authority, digest, now.unix()])?;
    if written == 1 { Ok(()) } else { Err(StoreError::NotFound("API key of this authority")) }
}

/// Reads whose a key is.
pub(super) fn find(
    transaction: &Transaction<'_>,
    digest: [u8; 32],
    now: Timestamp,
) -> Result<Option<ApiKeyGrant>, StoreError> {
    const SQL: &str = "-- issuers::api_key
        SELECT authority.id, authority.issuer, authority.audience, authority.date_required, authority.code_form,
               authority.code_length, authority.code_life, authority.long_code_life, authority.user_reports,
               authority.daily_quota, api_key.kind, authority.disabled_at IS NOT NULL AND authority.disabled_at <= ?2
        FROM api_key JOIN authority ON authority.id = api_key.authority
        WHERE api_key.digest = ?1 AND (api_key.revoked_at IS NULL OR api_key.revoked_at > ?2)";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![digest, now.unix()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (text, disabled): (String, bool) = (row.get(authority::COLUMNS)?, row.get(authority::COLUMNS + 1)?);
    Ok(Some(ApiKeyGrant { issuer: authority::read(row)?, kind: kind(&text)?, disabled }))
}

fn kind(text: &str) -> Result<ApiKeyKind, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt("api_key.kind is none".to_owned()))
}
