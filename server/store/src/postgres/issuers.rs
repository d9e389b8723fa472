//! `Issuers` on PostgreSQL.

use async_trait::async_trait;
use proto::Timestamp;
use proto::certificate::CertificateKey;
use tokio_postgres::Row;

use super::codes::PostgresCodeStore;
use super::column;
use super::pool::Pool;
use super::transaction::Params;
use crate::code_style::CodeStyle;
use crate::error::StoreError;
use crate::issuers::{ApiKeyGrant, ApiKeyKind, Issuer, IssuerKey, Issuers};

#[async_trait]
impl Issuers for PostgresCodeStore {
    async fn create_issuer(&self, issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
        create(&self.pool, issuer, now).await
    }

    async fn update_issuer(&self, issuer: &Issuer) -> Result<(), StoreError> {
        update(&self.pool, issuer).await
    }

    async fn issuer(&self, id: &str, now: Timestamp) -> Result<Option<Issuer>, StoreError> {
        get(&self.pool, id, now).await
    }

    async fn issuers(&self) -> Result<Vec<Issuer>, StoreError> {
        list(&self.pool).await
    }

    async fn add_issuer_key(&self, authority: &str, key: &IssuerKey) -> Result<(), StoreError> {
        add_key(&self.pool, authority, key).await
    }

    async fn issuer_keys(&self, authority: &str, now: Timestamp) -> Result<Option<Vec<IssuerKey>>, StoreError> {
        keys(&self.pool, authority, now).await
    }

    async fn add_api_key(
        &self,
        authority: &str,
        kind: ApiKeyKind,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        add_api_key(&self.pool, authority, kind, digest, now).await
    }

    async fn api_key(&self, digest: [u8; 32], now: Timestamp) -> Result<Option<ApiKeyGrant>, StoreError> {
        api_key(&self.pool, digest, now).await
    }
}

/// Inserts an authority, unless it is there already.
async fn create(pool: &Pool, issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::create
        INSERT INTO authority (id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING 1";
    let codes = &issuer.codes;
    let values: Params<'_> = &[
        &issuer.id,
        &issuer.issuer,
        &issuer.audience,
        &issuer.date_required,
        &codes.spelling.as_str(),
        &i16::from(codes.length),
        &codes.life,
        &codes.long_life,
        &now.unix(),
    ];
    if !pool.query("issuers::create", SQL, values).await?.is_empty() {
        return Ok(());
    }
    let same = list(pool).await?.contains(issuer);
    if same { Ok(()) } else { Err(StoreError::Exists("an authority with this id or issuer")) }
}

/// Writes everything about an authority but its id. An issuer that another authority has leaves the row as it is; should somebody take it
/// in the same instant, the constraint decides, and the statement that runs again sees it.
async fn update(pool: &Pool, issuer: &Issuer) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::update
        UPDATE authority SET issuer = $2, audience = $3, date_required = $4, code_form = $5, code_length = $6,
            code_life = $7, long_code_life = $8
        WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM authority AS other WHERE other.issuer = $2 AND other.id <> $1)
        RETURNING 1";
    let codes = &issuer.codes;
    let values: Params<'_> = &[
        &issuer.id,
        &issuer.issuer,
        &issuer.audience,
        &issuer.date_required,
        &codes.spelling.as_str(),
        &i16::from(codes.length),
        &codes.life,
        &codes.long_life,
    ];
    if !pool.query("issuers::update", SQL, values).await?.is_empty() {
        return Ok(());
    }
    let known = exists(pool, &issuer.id).await?;
    Err(if known { StoreError::Exists("an authority with this issuer") } else { StoreError::NotFound("authority") })
}

/// Reads one that is not disabled.
async fn get(pool: &Pool, id: &str, now: Timestamp) -> Result<Option<Issuer>, StoreError> {
    const SQL: &str = "-- issuers::get
        SELECT id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life
        FROM authority WHERE id = $1 AND (disabled_at IS NULL OR disabled_at > $2)";
    pool.query("issuers::get", SQL, &[&id, &now.unix()]).await?.first().map(issuer).transpose()
}

async fn list(pool: &Pool) -> Result<Vec<Issuer>, StoreError> {
    // Slugs are ASCII, and a list is the same whatever language the server speaks.
    const SQL: &str = "-- issuers::list
        SELECT id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life
        FROM authority ORDER BY id COLLATE \"C\"";
    pool.query("issuers::list", SQL, &[]).await?.iter().map(issuer).collect()
}

/// Whether there is such an authority.
async fn exists(pool: &Pool, id: &str) -> Result<bool, StoreError> {
    const SQL: &str = "-- issuers::exists
        SELECT 1 FROM authority WHERE id = $1";
    Ok(!pool.query("issuers::exists", SQL, &[&id]).await?.is_empty())
}

/// Reads the eight columns of an authority, which come first.
fn issuer(row: &Row) -> Result<Issuer, StoreError> {
    let codes = CodeStyle {
        spelling: column::parsed(row, 4)?,
        length: column::number(row, 5)?,
        life: column::number(row, 6)?,
        long_life: column::number(row, 7)?,
    };
    let (id, issuer, audience) = (column::value(row, 0)?, column::value(row, 1)?, column::value(row, 2)?);
    Ok(Issuer { id, issuer, audience, date_required: column::value(row, 3)?, codes })
}

async fn add_key(pool: &Pool, authority: &str, key: &IssuerKey) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::add_key
        INSERT INTO authority_key (kid, authority, public_key, signs_from)
        SELECT $1::text, id, $3::text, $4::bigint FROM authority WHERE id = $2
        ON CONFLICT DO NOTHING RETURNING 1";
    const OWNER: &str = "-- issuers::owner
        SELECT authority_key.authority FROM authority LEFT JOIN authority_key ON authority_key.kid = $1 WHERE authority.id = $2";
    let (kid, pem, from) = (&key.kid, key.key.to_pem(), key.signs_from.unix());
    if !pool.query("issuers::add_key", SQL, &[kid, &authority, &pem, &from]).await?.is_empty() {
        return Ok(());
    }
    let rows = pool.query("issuers::owner", OWNER, &[kid, &authority]).await?;
    let row = rows.first().ok_or(StoreError::NotFound("authority"))?;
    let owner: Option<&str> = column::value(row, 0)?;
    let same = owner == Some(authority);
    if same { Ok(()) } else { Err(StoreError::Exists("another authority's key with this kid")) }
}

/// An authority without keys is one row without a key.
async fn keys(pool: &Pool, authority: &str, now: Timestamp) -> Result<Option<Vec<IssuerKey>>, StoreError> {
    const SQL: &str = "-- issuers::keys
        SELECT authority_key.kid, authority_key.public_key, authority_key.signs_from
        FROM authority LEFT JOIN authority_key ON authority_key.authority = authority.id
            AND (authority_key.retired_at IS NULL OR authority_key.retired_at > $2)
        WHERE authority.id = $1 ORDER BY authority_key.signs_from DESC, authority_key.kid COLLATE \"C\"";
    let rows = pool.query("issuers::keys", SQL, &[&authority, &now.unix()]).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    rows.iter().filter_map(|row| issuer_key(row).transpose()).collect::<Result<_, _>>().map(Some)
}

fn issuer_key(row: &Row) -> Result<Option<IssuerKey>, StoreError> {
    let Some(kid) = column::value(row, 0)? else { return Ok(None) };
    let key = CertificateKey::from_pem(column::value(row, 1)?)
        .map_err(|malformed| StoreError::Corrupt(format!("authority_key.{malformed}")))?;
    Ok(Some(IssuerKey { kid, key, signs_from: column::time(row, 2)? }))
}

async fn add_api_key(
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
    let written =
        pool.query("issuers::add_api_key", SQL, &[&digest.as_slice(), &authority, &kind.as_str(), &now.unix()]).await?;
    if !written.is_empty() {
        return Ok(());
    }
    let known = exists(pool, authority).await?;
    Err(if known { StoreError::Exists("the API key") } else { StoreError::NotFound("authority") })
}

async fn api_key(pool: &Pool, digest: [u8; 32], now: Timestamp) -> Result<Option<ApiKeyGrant>, StoreError> {
    const SQL: &str = "-- issuers::api_key
        SELECT authority.id, authority.issuer, authority.audience, authority.date_required, authority.code_form,
               authority.code_length, authority.code_life, authority.long_code_life, api_key.kind
        FROM api_key JOIN authority ON authority.id = api_key.authority
        WHERE api_key.digest = $1 AND (api_key.revoked_at IS NULL OR api_key.revoked_at > $2)
          AND (authority.disabled_at IS NULL OR authority.disabled_at > $2)";
    let rows = pool.query("issuers::api_key", SQL, &[&digest.as_slice(), &now.unix()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let kind = column::value::<&str>(row, 8)?.parse();
    let kind = kind.map_err(|_| StoreError::Corrupt("api_key.kind is none".to_owned()))?;
    Ok(Some(ApiKeyGrant { issuer: issuer(row)?, kind }))
}
