//! `Authorities` on SQLite.

use async_trait::async_trait;
use proto::{Feed, Timestamp};
use rusqlite::{Transaction, params};

use super::key_store::SqliteKeyStore;
use super::{authority_rows, feeds, trust};
use crate::authorities::{Authorities, Authority, AuthorityKey};
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
        let (id, now) = (id.to_owned(), self.clock.now());
        let found = self.pool.read("authorities::authority", move |tx| trust::find(tx, &id, now)).await?;
        Ok(found.map(|trusted| trusted.authority))
    }

    async fn authorities(&self) -> Result<Vec<Authority>, StoreError> {
        let now = self.clock.now();
        self.pool.read("authorities::authorities", move |tx| all(tx, now)).await
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

fn register(tx: &Transaction<'_>, authority: &Authority, now: Timestamp) -> Result<(), StoreError> {
    for feed in authority.all_feeds() {
        feeds::create(tx, &feed, now)?;
    }
    let policy_version = match authority_rows::find(tx, &authority.id)?.map(|row| row.authority) {
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

/// Keys that are registered no more go. That one is denied stands elsewhere and stays, whatever comes and goes here.
fn write_keys(tx: &Transaction<'_>, authority: &Authority) -> Result<(), StoreError> {
    const DELETE: &str = "-- authorities::register (a key goes)
        DELETE FROM authority_key WHERE authority = ?1 AND kid = ?2";
    const INSERT: &str = "-- authorities::register (a key comes)
        INSERT INTO authority_key (authority, kid, algorithm, public_key) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (authority, kid) DO UPDATE SET algorithm = excluded.algorithm, public_key = excluded.public_key";
    for gone in authority_rows::keys(tx, &authority.id)? {
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

fn all(tx: &Transaction<'_>, now: Timestamp) -> Result<Vec<Authority>, StoreError> {
    let ids = authority_rows::ids(tx)?;
    let found = ids.iter().filter_map(|id| trust::find(tx, id, now).transpose());
    found.map(|trusted| Ok(trusted?.authority)).collect()
}
