//! `Issuers` on SQLite.

use async_trait::async_trait;
use proto::Timestamp;
use proto::certificate::CertificateKey;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::codes::SqliteCodeStore;
use crate::error::StoreError;
use crate::issuers::{ApiKeyGrant, ApiKeyKind, Issuer, IssuerKey, Issuers};

#[async_trait]
impl Issuers for SqliteCodeStore {
    async fn create_issuer(&self, issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
        let issuer = issuer.clone();
        self.pool.write("issuers::create", move |transaction| create(transaction, &issuer, now)).await
    }

    async fn issuers(&self) -> Result<Vec<Issuer>, StoreError> {
        self.pool.read("issuers::list", list).await
    }

    async fn add_issuer_key(&self, authority: &str, key: &IssuerKey) -> Result<(), StoreError> {
        let (authority, key) = (authority.to_owned(), key.clone());
        self.pool.write("issuers::add_key", move |transaction| add_key(transaction, &authority, &key)).await
    }

    async fn issuer_keys(&self, authority: &str, now: Timestamp) -> Result<Option<Vec<IssuerKey>>, StoreError> {
        let authority = authority.to_owned();
        self.pool.read("issuers::keys", move |transaction| keys(transaction, &authority, now)).await
    }

    async fn add_api_key(
        &self,
        authority: &str,
        kind: ApiKeyKind,
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let authority = authority.to_owned();
        let add = move |transaction: &Transaction<'_>| add_api_key(transaction, &authority, kind, digest, now);
        self.pool.write("issuers::add_api_key", add).await
    }

    async fn api_key(&self, digest: [u8; 32], now: Timestamp) -> Result<Option<ApiKeyGrant>, StoreError> {
        self.pool.read("issuers::api_key", move |transaction| api_key(transaction, digest, now)).await
    }
}

fn create(transaction: &Transaction<'_>, issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::create
        INSERT INTO authority (id, issuer, audience, date_required, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT DO NOTHING";
    let values = params![issuer.id, issuer.issuer, issuer.audience, issuer.date_required, now.unix()];
    if transaction.prepare_cached(SQL)?.execute(values)? == 1 {
        return Ok(());
    }
    let same = list(transaction)?.contains(issuer);
    if same { Ok(()) } else { Err(StoreError::Exists("an authority with this id or issuer")) }
}

fn list(transaction: &Transaction<'_>) -> Result<Vec<Issuer>, StoreError> {
    const SQL: &str = "-- issuers::list
        SELECT id, issuer, audience, date_required FROM authority ORDER BY id";
    let mut statement = transaction.prepare_cached(SQL)?;
    let issuers = statement.query_map([], issuer)?.collect::<Result<_, _>>()?;
    Ok(issuers)
}

/// Reads the four columns of an authority, which come first.
fn issuer(row: &Row<'_>) -> rusqlite::Result<Issuer> {
    Ok(Issuer { id: row.get(0)?, issuer: row.get(1)?, audience: row.get(2)?, date_required: row.get(3)? })
}

fn exists(transaction: &Transaction<'_>, authority: &str) -> Result<bool, StoreError> {
    const SQL: &str = "-- issuers::exists
        SELECT 1 FROM authority WHERE id = ?1";
    Ok(transaction.prepare_cached(SQL)?.exists([authority])?)
}

fn add_key(transaction: &Transaction<'_>, authority: &str, key: &IssuerKey) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::add_key
        INSERT INTO authority_key (kid, authority, public_key, signs_from) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    if !exists(transaction, authority)? {
        return Err(StoreError::NotFound("authority"));
    }
    let values = params![key.kid, authority, key.key.to_pem(), key.signs_from.unix()];
    if transaction.prepare_cached(SQL)?.execute(values)? == 1 {
        return Ok(());
    }
    const OWNER: &str = "-- issuers::add_key, owner
        SELECT authority FROM authority_key WHERE kid = ?1";
    let owner: String = transaction.prepare_cached(OWNER)?.query_row([&key.kid], |row| row.get(0))?;
    if owner == authority { Ok(()) } else { Err(StoreError::Exists("another authority's key with this kid")) }
}

fn keys(transaction: &Transaction<'_>, authority: &str, now: Timestamp) -> Result<Option<Vec<IssuerKey>>, StoreError> {
    const SQL: &str = "-- issuers::keys
        SELECT kid, public_key, signs_from FROM authority_key
        WHERE authority = ?1 AND (retired_at IS NULL OR retired_at > ?2) ORDER BY signs_from DESC, kid";
    if !exists(transaction, authority)? {
        return Ok(None);
    }
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![authority, now.unix()])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let pem: String = row.get(1)?;
        let key = CertificateKey::from_pem(&pem)
            .map_err(|malformed| StoreError::Corrupt(format!("authority_key.{malformed}")))?;
        keys.push(IssuerKey { kid: row.get(0)?, key, signs_from: Timestamp::from_unix(row.get(2)?) });
    }
    Ok(Some(keys))
}

fn add_api_key(
    transaction: &Transaction<'_>,
    authority: &str,
    kind: ApiKeyKind,
    digest: [u8; 32],
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::add_api_key
        INSERT INTO api_key (digest, authority, kind, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    if !exists(transaction, authority)? {
        return Err(StoreError::NotFound("authority"));
    }
    let values = params![digest, authority, kind.as_str(), now.unix()];
    let written = transaction.prepare_cached(SQL)?.execute(values)?;
    if written == 1 { Ok(()) } else { Err(StoreError::Exists("the API key")) }
}

fn api_key(transaction: &Transaction<'_>, digest: [u8; 32], now: Timestamp) -> Result<Option<ApiKeyGrant>, StoreError> {
    const SQL: &str = "-- issuers::api_key
        SELECT authority.id, authority.issuer, authority.audience, authority.date_required, api_key.kind
        FROM api_key JOIN authority ON authority.id = api_key.authority
        WHERE api_key.digest = ?1 AND (api_key.revoked_at IS NULL OR api_key.revoked_at > ?2)
          AND (authority.disabled_at IS NULL OR authority.disabled_at > ?2)";
    let mut statement = transaction.prepare_cached(SQL)?;
    let found = statement
        .query_row(params![digest, now.unix()], |row| Ok((issuer(row)?, row.get::<_, String>(4)?)))
        .optional()?;
    let Some((issuer, kind)) = found else { return Ok(None) };
    let kind = kind.parse().map_err(|_| StoreError::Corrupt("api_key.kind is none".to_owned()))?;
    Ok(Some(ApiKeyGrant { issuer, kind }))
}
