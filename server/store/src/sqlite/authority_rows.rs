//! Authorities as they were registered: their own row, regions, and keys from files.

use proto::certificate::CertificateKey;
use proto::{Region, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction};

use super::column::{at, corrupt, number, parsed, value};
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
pub(super) fn find(tx: &Transaction<'_>, id: &str) -> Result<Option<AuthorityRow>, StoreError> {
    const SQL: &str = "-- authorities::find
        SELECT id, issuer, audience, policy_version, self_reports, self_reports_per_hour, memo_bytes, disabled_at
        FROM authority WHERE id = ?1";
    let mut statement = tx.prepare_cached(SQL)?;
    let found = statement.query_row([id], |row| Ok(read(row))).optional()?;
    let Some(row) = found.transpose().map_err(at("authority"))? else { return Ok(None) };
    let authority = Authority { regions: regions(tx, id)?, keys: keys(tx, id)?, ..row.authority };
    Ok(Some(AuthorityRow { authority, ..row }))
}

/// The ids of all of them, in order.
pub(super) fn ids(tx: &Transaction<'_>) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "-- authorities::ids
        SELECT id FROM authority ORDER BY id";
    let mut statement = tx.prepare_cached(SQL)?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The keys from files.
pub(super) fn keys(tx: &Transaction<'_>, id: &str) -> Result<Vec<AuthorityKey>, StoreError> {
    const SQL: &str = "-- authorities::keys
        SELECT kid, algorithm, public_key FROM authority_key WHERE authority = ?1 ORDER BY kid";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([id])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(read_key(row).map_err(at("authority_key"))?);
    }
    Ok(keys)
}

/// Reads a key of its first three columns: kid, algorithm and public key.
pub(super) fn read_key(row: &Row<'_>) -> Result<AuthorityKey, StoreError> {
    let pem: String = value(row, 2)?;
    let key = CertificateKey::from_pem(&pem).map_err(|_| corrupt(row, 2, "is no public key"))?;
    if key.algorithm() != value::<String>(row, 1)? {
        return Err(corrupt(row, 1, "is not the key's"));
    }
    Ok(AuthorityKey { kid: value(row, 0)?, key })
}

/// Reads an authority's own columns; regions and keys follow.
fn read(row: &Row<'_>) -> Result<AuthorityRow, StoreError> {
    let per_hour = value::<Option<i64>>(row, 5)?.map(|_| number(row, 5)).transpose()?;
    let self_reports = SelfReporting::from_columns(&value::<String>(row, 4)?, per_hour);
    let authority = Authority {
        id: value(row, 0)?,
        issuer: value(row, 1)?,
        audience: value(row, 2)?,
        policy_version: number(row, 3)?,
        self_reports: self_reports.ok_or_else(|| corrupt(row, 4, "is malformed"))?,
        memo_bytes: number(row, 6)?,
        regions: Vec::new(),
        keys: Vec::new(),
    };
    let disabled_at = value::<Option<i64>>(row, 7)?.map(Timestamp::from_unix);
    Ok(AuthorityRow { authority, disabled_at })
}

fn regions(tx: &Transaction<'_>, id: &str) -> Result<Vec<Region>, StoreError> {
    const SQL: &str = "-- authorities::regions
        SELECT region FROM authority_region WHERE authority = ?1 ORDER BY region";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([id])?;
    let mut regions = Vec::new();
    while let Some(row) = rows.next()? {
        regions.push(parsed(row, 0).map_err(at("authority_region"))?);
    }
    Ok(regions)
}
