//! `Authorities` on SQLite.

use async_trait::async_trait;
use proto::certificate::CertificateKey;
use proto::{Feed, Region, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::column::{at, corrupt, number, parsed, value};
use super::feeds;
use super::key_store::SqliteKeyStore;
use crate::authorities::{Authorities, Authority, AuthorityKey, SelfReporting};
use crate::error::StoreError;

#[async_trait]
impl Authorities for SqliteKeyStore {
    async fn register(&self, authority: &Authority, now: Timestamp) -> Result<(), StoreError> {
        let mut authority = authority.clone();
        authority.regions.sort();
        authority.regions.dedup();
        authority.keys.sort_by(|a, b| a.kid.cmp(&b.kid));
        authority.keys.dedup_by(|a, b| a.kid == b.kid);
        self.pool.write("authorities::register", move |tx| register(tx, &authority, now)).await
    }

    async fn authority(&self, id: &str) -> Result<Option<Authority>, StoreError> {
        let id = id.to_owned();
        self.pool.read("authorities::authority", move |tx| find(tx, &id, Which::Believed)).await
    }

    async fn authorities(&self) -> Result<Vec<Authority>, StoreError> {
        self.pool.read("authorities::authorities", all).await
    }

    async fn feeds(&self) -> Result<Vec<Feed>, StoreError> {
        self.pool.read("feeds::all", feeds::all).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        const SQL: &str = "-- authorities::ping
            SELECT EXISTS (SELECT 1 FROM authority)";
        // A table is read, so that a file that is gone or destroyed shows.
        self.pool.read("ping", |tx| Ok(tx.query_row(SQL, [], |_| Ok(()))?)).await
    }
}

/// Which authorities and keys are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Those whose certificates are believed.
    Believed,
    /// The disabled and denied as well.
    All,
}

fn register(tx: &Transaction<'_>, authority: &Authority, now: Timestamp) -> Result<(), StoreError> {
    for feed in authority.all_feeds() {
        feeds::create(tx, &feed, now)?;
    }
    let policy_version = match find(tx, &authority.id, Which::All)? {
        Some(standing) if same(&standing, authority) => return Ok(()),
        Some(standing) => standing.policy_version.saturating_add(1),
        None => 1,
    };
    write(tx, authority, policy_version, now)?;
    write_regions(tx, authority)?;
    write_keys(tx, authority)
}

/// Whether two differ in nothing but the policy version.
fn same(standing: &Authority, authority: &Authority) -> bool {
    *standing == Authority { policy_version: standing.policy_version, ..authority.clone() }
}

fn write(tx: &Transaction<'_>, authority: &Authority, policy_version: u32, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- authorities::register
        INSERT INTO authority (id, issuer, audience, policy_version, registered_at, self_reports, self_reports_per_hour, memo_bytes)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (id) DO UPDATE
        SET issuer = excluded.issuer, audience = excluded.audience, policy_version = excluded.policy_version,
            self_reports = excluded.self_reports, self_reports_per_hour = excluded.self_reports_per_hour,
            memo_bytes = excluded.memo_bytes";
    let values = params![
        authority.id,
        authority.issuer,
        authority.audience,
        policy_version,
        now.unix(),
        authority.self_reports.as_str(),
        authority.self_reports.per_hour(),
        authority.memo_bytes,
    ];
    tx.prepare_cached(SQL)?.execute(values)?;
    Ok(())
}

fn write_regions(tx: &Transaction<'_>, authority: &Authority) -> Result<(), StoreError> {
    const DELETE: &str = "-- authorities::register (regions go)
        DELETE FROM authority_region WHERE authority = ?1";
    const INSERT: &str = "-- authorities::register (regions come)
        INSERT INTO authority_region (authority, region) VALUES (?1, ?2)";
    tx.prepare_cached(DELETE)?.execute([&authority.id])?;
    let mut insert = tx.prepare_cached(INSERT)?;
    for region in &authority.regions {
        insert.execute([&authority.id, region.as_str()])?;
    }
    Ok(())
}

/// Keys that are registered no more go. One that stays keeps its row, and with it the day on which it was denied: registering an authority
/// again must not bring back a key that was withdrawn.
fn write_keys(tx: &Transaction<'_>, authority: &Authority) -> Result<(), StoreError> {
    const DELETE: &str = "-- authorities::register (a key goes)
        DELETE FROM authority_key WHERE authority = ?1 AND kid = ?2";
    const INSERT: &str = "-- authorities::register (a key comes)
        INSERT INTO authority_key (authority, kid, algorithm, public_key) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (authority, kid) DO UPDATE SET algorithm = excluded.algorithm, public_key = excluded.public_key";
    for gone in keys(tx, &authority.id, Which::All)? {
        if !authority.keys.iter().any(|key| key.kid == gone.kid) {
            tx.prepare_cached(DELETE)?.execute([&authority.id, &gone.kid])?;
        }
    }
    let mut insert = tx.prepare_cached(INSERT)?;
    for AuthorityKey { kid, key } in &authority.keys {
        insert.execute(params![authority.id, kid, key.algorithm(), key.to_pem()])?;
    }
    Ok(())
}

fn all(tx: &Transaction<'_>) -> Result<Vec<Authority>, StoreError> {
    const SQL: &str = "-- authorities::authorities
        SELECT id FROM authority WHERE disabled_at IS NULL ORDER BY id";
    let mut statement = tx.prepare_cached(SQL)?;
    let ids = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    ids.iter().filter_map(|id| find(tx, id, Which::Believed).transpose()).collect()
}

fn find(tx: &Transaction<'_>, id: &str, which: Which) -> Result<Option<Authority>, StoreError> {
    const SQL: &str = "-- authorities::authority
        SELECT id, issuer, audience, policy_version, self_reports, self_reports_per_hour, memo_bytes
        FROM authority WHERE id = ?1 AND (disabled_at IS NULL OR ?2)";
    let mut statement = tx.prepare_cached(SQL)?;
    let found = statement.query_row(params![id, which == Which::All], |row| Ok(read(row))).optional()?;
    let Some(authority) = found.transpose().map_err(at("authority"))? else { return Ok(None) };
    Ok(Some(Authority { regions: regions(tx, id)?, keys: keys(tx, id, which)?, ..authority }))
}

/// Reads an authority's own columns; regions and keys follow.
fn read(row: &Row<'_>) -> Result<Authority, StoreError> {
    let per_hour = value::<Option<i64>>(row, 5)?.map(|_| number(row, 5)).transpose()?;
    let self_reports = SelfReporting::from_columns(&value::<String>(row, 4)?, per_hour);
    Ok(Authority {
        id: value(row, 0)?,
        issuer: value(row, 1)?,
        audience: value(row, 2)?,
        policy_version: number(row, 3)?,
        self_reports: self_reports.ok_or_else(|| corrupt(row, 4, "is malformed"))?,
        memo_bytes: number(row, 6)?,
        regions: Vec::new(),
        keys: Vec::new(),
    })
}

fn regions(tx: &Transaction<'_>, id: &str) -> Result<Vec<Region>, StoreError> {
    const SQL: &str = "-- authorities::authority (regions)
        SELECT region FROM authority_region WHERE authority = ?1 ORDER BY region";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([id])?;
    let mut regions = Vec::new();
    while let Some(row) = rows.next()? {
        regions.push(parsed(row, 0).map_err(at("authority_region"))?);
    }
    Ok(regions)
}

fn keys(tx: &Transaction<'_>, id: &str, which: Which) -> Result<Vec<AuthorityKey>, StoreError> {
    const SQL: &str = "-- authorities::authority (keys)
        SELECT kid, algorithm, public_key FROM authority_key
        WHERE authority = ?1 AND (denied_since IS NULL OR ?2) ORDER BY kid";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query(params![id, which == Which::All])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(read_key(row).map_err(at("authority_key"))?);
    }
    Ok(keys)
}

fn read_key(row: &Row<'_>) -> Result<AuthorityKey, StoreError> {
    let pem: String = value(row, 2)?;
    let key = CertificateKey::from_pem(&pem).map_err(|_| corrupt(row, 2, "is no public key"))?;
    if key.algorithm() != value::<String>(row, 1)? {
        return Err(corrupt(row, 1, "is not the key's"));
    }
    Ok(AuthorityKey { kid: value(row, 0)?, key })
}
