//! `Issuers` on SQLite.

use async_trait::async_trait;
use proto::Timestamp;
use proto::certificate::CertificateKey;
use rusqlite::{Row, Transaction, params};

use super::codes::SqliteCodeStore;
use crate::code_style::CodeStyle;
use crate::error::StoreError;
use crate::issuers::{ApiKeyGrant, ApiKeyKind, Issuer, IssuerKey, Issuers};

#[async_trait]
impl Issuers for SqliteCodeStore {
    async fn create_issuer(&self, issuer: &Issuer, now: Timestamp) -> Result<(), StoreError> {
        let issuer = issuer.clone();
        self.pool.write("issuers::create", move |transaction| create(transaction, &issuer, now)).await
    }

    async fn update_issuer(&self, issuer: &Issuer) -> Result<(), StoreError> {
        let issuer = issuer.clone();
        self.pool.write("issuers::update", move |transaction| update(transaction, &issuer)).await
    }

    async fn issuer(&self, id: &str, now: Timestamp) -> Result<Option<Issuer>, StoreError> {
        let id = id.to_owned();
        self.pool.read("issuers::get", move |transaction| get(transaction, &id, now)).await
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
        INSERT INTO authority (id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
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
        now.unix(),
    ])?;
    if written == 1 {
        return Ok(());
    }
    let same = list(transaction)?.contains(issuer);
    if same { Ok(()) } else { Err(StoreError::Exists("an authority with this id or issuer")) }
}

fn update(transaction: &Transaction<'_>, issuer: &Issuer) -> Result<(), StoreError> {
    // An issuer that another authority has leaves the row as it is.
    const SQL: &str = "-- issuers::update
        UPDATE OR IGNORE authority SET issuer = ?2, audience = ?3, date_required = ?4, code_form = ?5, code_length = ?6,
            code_life = ?7, long_code_life = ?8
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
    ])?;
    if written == 1 { Ok(()) } else { Err(StoreError::Exists("an authority with this issuer")) }
}

fn get(transaction: &Transaction<'_>, id: &str, now: Timestamp) -> Result<Option<Issuer>, StoreError> {
    const SQL: &str = "-- issuers::get
        SELECT id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life
        FROM authority WHERE id = ?1 AND (disabled_at IS NULL OR disabled_at > ?2)";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![id, now.unix()])?;
    rows.next()?.map(issuer).transpose()
}

fn list(transaction: &Transaction<'_>) -> Result<Vec<Issuer>, StoreError> {
    const SQL: &str = "-- issuers::list
        SELECT id, issuer, audience, date_required, code_form, code_length, code_life, long_code_life
        FROM authority ORDER BY id";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query([])?;
    let mut issuers = Vec::new();
    while let Some(row) = rows.next()? {
        issuers.push(issuer(row)?);
    }
    Ok(issuers)
}

/// Reads the eight columns of an authority, which come first.
fn issuer(row: &Row<'_>) -> Result<Issuer, StoreError> {
    let spelling: String = row.get(4)?;
    let spelling = spelling.parse().map_err(|_| StoreError::Corrupt("authority.code_form is none".to_owned()))?;
    let codes = CodeStyle { spelling, length: row.get(5)?, life: row.get(6)?, long_life: row.get(7)? };
    Ok(Issuer { id: row.get(0)?, issuer: row.get(1)?, audience: row.get(2)?, date_required: row.get(3)?, codes })
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
        SELECT authority.id, authority.issuer, authority.audience, authority.date_required, authority.code_form,
               authority.code_length, authority.code_life, authority.long_code_life, api_key.kind
        FROM api_key JOIN authority ON authority.id = api_key.authority
        WHERE api_key.digest = ?1 AND (api_key.revoked_at IS NULL OR api_key.revoked_at > ?2)
          AND (authority.disabled_at IS NULL OR authority.disabled_at > ?2)";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![digest, now.unix()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (issuer, kind): (_, String) = (issuer(row)?, row.get(8)?);
    let kind = kind.parse().map_err(|_| StoreError::Corrupt("api_key.kind is none".to_owned()))?;
    Ok(Some(ApiKeyGrant { issuer, kind }))
}
