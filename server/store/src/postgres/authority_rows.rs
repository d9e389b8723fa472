//! Authorities as they were registered: their own row, regions, and keys from files.

use proto::certificate::CertificateKey;
use proto::{Region, Timestamp};
use tokio_postgres::Row;

use super::column::{at, corrupt, maybe_number, number, value};
use super::transaction::Transaction;
use crate::authorities::{Authority, AuthorityKey, SelfReporting};
use crate::error::StoreError;

/// What was registered.
pub(super) struct AuthorityRow {
    /// All of it, keys from files included.
    pub(super) authority: Authority,
    /// From when on nothing of it is believed.
    pub(super) disabled_at: Option<Timestamp>,
}

/// The authority of this id, disabled or not.
pub(super) async fn find(tx: &Transaction<'_>, id: &str) -> Result<Option<AuthorityRow>, StoreError> {
    const SQL: &str = r#"-- authorities::find
        SELECT id, issuer, audience, policy_version, self_reports, self_reports_per_hour, memo_bytes,
               ARRAY(SELECT region FROM authority_region WHERE authority = id ORDER BY region COLLATE "C"),
               ARRAY(SELECT kid FROM authority_key WHERE authority = id ORDER BY kid COLLATE "C"),
               ARRAY(SELECT algorithm FROM authority_key WHERE authority = id ORDER BY kid COLLATE "C"),
               ARRAY(SELECT public_key FROM authority_key WHERE authority = id ORDER BY kid COLLATE "C"),
               disabled_at
        FROM authority WHERE id = $1"#;
    let Some(row) = tx.maybe_row(SQL, &[&id]).await? else { return Ok(None) };
    let disabled_at = maybe_number(&row, 11)?.map(Timestamp::from_unix);
    Ok(Some(AuthorityRow { authority: read(&row)?, disabled_at }))
}

/// Whether there is one of this id; [`StoreError::NotFound`] if not.
pub(super) async fn require(tx: &Transaction<'_>, id: &str) -> Result<(), StoreError> {
    const SQL: &str = "-- authorities::require
        SELECT FROM authority WHERE id = $1";
    let known = tx.maybe_row(SQL, &[&id]).await?;
    known.map(drop).ok_or(StoreError::NotFound("authority; see server authority list"))
}

/// The ids of all of them, in order.
pub(super) async fn ids(tx: &Transaction<'_>) -> Result<Vec<String>, StoreError> {
    const SQL: &str = r#"-- authorities::ids
        SELECT id FROM authority ORDER BY id COLLATE "C""#;
    tx.rows(SQL, &[]).await?.iter().map(|row| value(row, 0)).collect()
}

/// Reads an authority of its first eleven columns: its own, then regions, kids, algorithms and public keys as arrays.
pub(super) fn read(row: &Row) -> Result<Authority, StoreError> {
    let read = || {
        let self_reports = SelfReporting::from_columns(value(row, 4)?, maybe_number(row, 5)?);
        let regions: Vec<&str> = value(row, 7)?;
        let regions = regions.iter().map(|region| region.parse().map_err(|_| corrupt(row, 7, "is malformed")));
        Ok(Authority {
            id: value(row, 0)?,
            issuer: value(row, 1)?,
            audience: value(row, 2)?,
            policy_version: number(row, 3)?,
            self_reports: self_reports.ok_or_else(|| corrupt(row, 4, "is malformed"))?,
            memo_bytes: number(row, 6)?,
            regions: regions.collect::<Result<Vec<Region>, _>>()?,
            keys: read_keys(row)?,
        })
    };
    read().map_err(at("authority"))
}

/// Reads a key: what it is called, and what its row says it is.
pub(super) fn read_key(kid: &str, algorithm: &str, pem: &str) -> Result<AuthorityKey, StoreError> {
    let corrupt = |what: &str| StoreError::Corrupt(what.to_owned());
    let key = CertificateKey::from_pem(pem).map_err(|_| corrupt("public_key is no public key"))?;
    if key.algorithm() != algorithm {
        return Err(corrupt("algorithm is not the key's"));
    }
    Ok(AuthorityKey { kid: kid.to_owned(), key })
}

fn read_keys(row: &Row) -> Result<Vec<AuthorityKey>, StoreError> {
    let (kids, algorithms, pems): (Vec<&str>, Vec<&str>, Vec<&str>) = (value(row, 8)?, value(row, 9)?, value(row, 10)?);
    let keys = kids.into_iter().zip(algorithms).zip(pems);
    keys.map(|((kid, algorithm), pem)| read_key(kid, algorithm, pem)).collect()
}
