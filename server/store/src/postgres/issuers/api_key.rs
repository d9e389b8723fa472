//! The table `api_key`.

use proto::Timestamp;
use tokio_postgres::Row;

use super::authority;
use crate::error::StoreError;
use crate::issuers::{ApiKeyGrant, ApiKeyKind, RegisteredApiKey};
use crate::postgres::column;
use crate::postgres::pool::Pool;

/// Inserts a key that is not there yet.
pub(super) async fn add(
    pool: &Pool,
    authority: &str,
    kind: ApiKeyKind,
    digest: [u8; 32],
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::add_api_key
        INSERT INTO api_key (digest, authority, kind, created_at)
        SELECT $1::bytea, id, $3::text, $4::bigint FROM authority WHERE id = $2
        ON CONFLICT DO NOTHING RETURNING 1";
    let values = [&digest.as_slice() as _, &authority as _, &kind.as_str() as _, &now.unix() as _];
    if !pool.query("issuers::add_api_key", SQL, &values).await?.is_empty() {
        return Ok(());
    }
    let known = authority::exists(pool, authority).await?;
    Err(if known { StoreError::Exists("the API key") } else { StoreError::NotFound("authority") })
}

/// Reads all keys of an authority. One without any is one row without a key.
pub(super) async fn list(pool: &Pool, authority: &str) -> Result<Option<Vec<RegisteredApiKey>>, StoreError> {
    const SQL: &str = "-- issuers::api_keys
        SELECT api_key.digest, api_key.kind, api_key.created_at, api_key.revoked_at
        FROM authority LEFT JOIN api_key ON api_key.authority = authority.id
        WHERE authority.id = $1 ORDER BY api_key.created_at, api_key.digest";
    let rows = pool.query("issuers::api_keys", SQL, &[&authority]).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    rows.iter().filter_map(|row| read(row).transpose()).collect::<Result<_, _>>().map(Some)
}

fn read(row: &Row) -> Result<Option<RegisteredApiKey>, StoreError> {
    let Some(digest) = column::maybe_array(row, 0)? else { return Ok(None) };
    let revoked_at = column::maybe_number(row, 3)?.map(Timestamp::from_unix);
    Ok(Some(RegisteredApiKey { digest, kind: column::parsed(row, 1)?, created_at: column::time(row, 2)?, revoked_at }))
}

/// Writes when a key ceases to be good. The first time counts.
pub(super) async fn revoke(pool: &Pool, authority: &str, digest: [u8; 32], now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::revoke_api_key
        UPDATE api_key SET revoked_at = coalesce(revoked_at, $3) WHERE authority = $1 AND digest = $2 RETURNING 1";
    let written = pool.query("issuers::revoke_api_key", SQL, &[&authority, &digest.as_slice(), &now.unix()]).await?;
    if written.is_empty() { Err(StoreError::NotFound("API key of this authority")) } else { Ok(()) }
}

/// Reads whose a key is.
pub(super) async fn find(pool: &Pool, digest: [u8; 32], now: Timestamp) -> Result<Option<ApiKeyGrant>, StoreError> {
    const SQL: &str = "-- issuers::api_key
        SELECT authority.id, authority.issuer, authority.audience, authority.date_required, authority.code_form,
               authority.code_length, authority.code_life, authority.long_code_life, authority.user_reports,
               authority.daily_quota, api_key.kind, coalesce(authority.disabled_at <= $2, false)
        FROM api_key JOIN authority ON authority.id = api_key.authority
        WHERE api_key.digest = $1 AND (api_key.revoked_at IS NULL OR api_key.revoked_at > $2)";
    let rows = pool.query("issuers::api_key", SQL, &[&digest.as_slice(), &now.unix()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let kind = column::parsed(row, authority::COLUMNS)?;
    let disabled = column::value(row, authority::COLUMNS + 1)?;
    Ok(Some(ApiKeyGrant { issuer: authority::read(row)?, kind, disabled }))
}
