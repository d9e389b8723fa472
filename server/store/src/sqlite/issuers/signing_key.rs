//! The table `authority_key`: the public halves of certificate signing keys.

use proto::Timestamp;
use proto::certificate::CertificateKey;
use rusqlite::{OptionalExtension, Transaction, params};

use super::authority;
use crate::error::StoreError;
use crate::issuers::IssuerKey;

/// Inserts a key, and says whether it is new to its authority.
pub(super) fn add(transaction: &Transaction<'_>, authority: &str, key: &IssuerKey) -> Result<bool, StoreError> {
    const SQL: &str = "-- issuers::add_key
        INSERT INTO authority_key (kid, authority, public_key, signs_from, retired_at) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT DO NOTHING";
    if !authority::exists(transaction, authority)? {
        return Err(StoreError::NotFound("authority"));
    }
    let retires_at = key.retires_at.map(Timestamp::unix);
    let values = params![key.kid, authority, key.key.to_pem(), key.signs_from.unix(), retires_at];
    if transaction.prepare_cached(SQL)?.execute(values)? == 1 {
        return Ok(true);
    }
    match owner(transaction, &key.kid)? {
        Some(owner) if owner == authority => Ok(false),
        _ => Err(StoreError::Exists("another authority's key with this kid")),
    }
}

/// Inserts a key that takes the place of all others.
pub(super) fn rotate(
    transaction: &Transaction<'_>,
    authority: &str,
    key: &IssuerKey,
    others_retire_at: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::rotate_key
        UPDATE authority_key SET retired_at = ?3
        WHERE authority = ?1 AND kid <> ?2 AND (retired_at IS NULL OR retired_at > ?3)";
    if add(transaction, authority, key)? {
        transaction.prepare_cached(SQL)?.execute(params![authority, key.kid, others_retire_at.unix()])?;
    }
    Ok(())
}

/// Writes when a key ceases to be published. Never later than was said before: who was told so has let go of it.
pub(super) fn retire(
    transaction: &Transaction<'_>,
    authority: &str,
    kid: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- issuers::retire_key
        UPDATE authority_key SET retired_at = min(coalesce(retired_at, ?3), ?3) WHERE authority = ?1 AND kid = ?2";
    let written = transaction.prepare_cached(SQL)?.execute(params![authority, kid, at.unix()])?;
    if written == 1 { Ok(()) } else { Err(StoreError::NotFound("signing key of this authority")) }
}

/// Reads the keys that had not retired at `since`.
pub(super) fn list(
    transaction: &Transaction<'_>,
    authority: &str,
    since: Timestamp,
) -> Result<Option<Vec<IssuerKey>>, StoreError> {
    const SQL: &str = "-- issuers::keys
        SELECT kid, public_key, signs_from, retired_at FROM authority_key
        WHERE authority = ?1 AND (retired_at IS NULL OR retired_at > ?2) ORDER BY signs_from DESC, kid";
    if !authority::exists(transaction, authority)? {
        return Ok(None);
    }
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query(params![authority, since.unix()])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let pem: String = row.get(1)?;
        let key = CertificateKey::from_pem(&pem)
            .map_err(|malformed| StoreError::Corrupt(format!("authority_key.{malformed}")))?;
        keys.push(IssuerKey {
            kid: row.get(0)?,
            key,
            signs_from: Timestamp::from_unix(row.get(2)?),
            retires_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_unix),
        });
    }
    Ok(Some(keys))
}

fn owner(transaction: &Transaction<'_>, kid: &str) -> Result<Option<String>, StoreError> {
    const SQL: &str = "-- issuers::add_key, owner
        SELECT authority FROM authority_key WHERE kid = ?1";
    Ok(transaction.prepare_cached(SQL)?.query_row([kid], |row| row.get(0)).optional()?)
}
