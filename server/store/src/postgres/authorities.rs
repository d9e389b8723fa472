//! `Authorities` on PostgreSQL.

use async_trait::async_trait;
use proto::{Feed, Timestamp};

use super::key_store::PostgresKeyStore;
use super::transaction::{Mode, Params, Transaction};
use super::{authority_rows, feeds, trust};
use crate::authorities::{Authorities, Authority};
use crate::error::StoreError;

#[async_trait]
impl Authorities for PostgresKeyStore {
    async fn register(&self, authority: &Authority, now: Timestamp) -> Result<(), StoreError> {
        let mut authority = authority.clone();
        authority.regions.sort();
        authority.regions.dedup();
        authority.keys.sort_by(|a, b| a.kid.cmp(&b.kid));
        authority.keys.dedup_by(|a, b| a.kid == b.kid);
        let given = (authority, now);
        self.pool
            .transact("authorities::register", Mode::Write, &given, |tx, given| Box::pin(register(tx, given)))
            .await
    }

    async fn authority(&self, id: &str) -> Result<Option<Authority>, StoreError> {
        Ok(trust::trusted(self, id).await?.map(|trusted| trusted.authority))
    }

    async fn authorities(&self) -> Result<Vec<Authority>, StoreError> {
        Ok(trust::all_trusted(self).await?.into_iter().map(|trusted| trusted.authority).collect())
    }

    async fn feeds(&self) -> Result<Vec<Feed>, StoreError> {
        self.pool.transact("feeds::all", Mode::Read, &(), |tx, ()| Box::pin(feeds::all(tx))).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // A table is read, so that a database that is empty or destroyed shows. Server and exporter may read this one.
        const SQL: &str = "-- authorities::ping
            SELECT FROM feed LIMIT 1";
        self.pool.query("authorities::ping", SQL, &[]).await.map(drop)
    }
}

async fn register(tx: &Transaction<'_>, (authority, now): &(Authority, Timestamp)) -> Result<(), StoreError> {
    // Two that register at once would both find nothing.
    const LOCK: &str = "-- authorities::register (lock)
        LOCK TABLE authority IN SHARE ROW EXCLUSIVE MODE";
    tx.command(LOCK).await?;
    for feed in authority.all_feeds() {
        feeds::create(tx, &feed, *now).await?;
    }
    let policy_version = match authority_rows::find(tx, &authority.id).await?.map(|row| row.authority) {
        Some(standing) if same(&standing, authority) => return Ok(()),
        Some(standing) => standing.policy_version.saturating_add(1),
        None => 1,
    };
    write(tx, authority, policy_version, *now).await?;
    write_regions(tx, authority).await?;
    write_keys(tx, authority).await
}

/// Whether two differ in nothing but the policy version.
fn same(standing: &Authority, authority: &Authority) -> bool {
    *standing == Authority { policy_version: standing.policy_version, ..authority.clone() }
}

async fn write(
    tx: &Transaction<'_>,
    authority: &Authority,
    policy_version: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- authorities::register
        INSERT INTO authority (id, issuer, audience, policy_version, registered_at, self_reports, self_reports_per_hour, memo_bytes)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO UPDATE
        SET issuer = excluded.issuer, audience = excluded.audience, policy_version = excluded.policy_version,
            self_reports = excluded.self_reports, self_reports_per_hour = excluded.self_reports_per_hour,
            memo_bytes = excluded.memo_bytes";
    let version = i32::try_from(policy_version).unwrap_or(i32::MAX);
    let per_hour = authority.self_reports.per_hour().map(|count| i32::try_from(count).unwrap_or(i32::MAX));
    let values: Params<'_> = &[
        &authority.id,
        &authority.issuer,
        &authority.audience,
        &version,
        &now.unix(),
        &authority.self_reports.as_str(),
        &per_hour,
        &i16::from(authority.memo_bytes),
    ];
    tx.execute(SQL, values).await?;
    Ok(())
}

async fn write_regions(tx: &Transaction<'_>, authority: &Authority) -> Result<(), StoreError> {
    const DELETE: &str = "-- authorities::register (regions go)
        DELETE FROM authority_region WHERE authority = $1";
    const INSERT: &str = "-- authorities::register (regions come)
        INSERT INTO authority_region (authority, region) SELECT $1, unnest($2::text[])";
    let regions: Vec<_> = authority.regions.iter().map(proto::Region::as_str).collect();
    tx.execute(DELETE, &[&authority.id]).await?;
    tx.execute(INSERT, &[&authority.id, &regions]).await?;
    Ok(())
}

/// Keys that are registered no more go. That one is denied stands elsewhere and stays, whatever comes and goes here.
async fn write_keys(tx: &Transaction<'_>, authority: &Authority) -> Result<(), StoreError> {
    const DELETE: &str = "-- authorities::register (keys go)
        DELETE FROM authority_key WHERE authority = $1 AND kid <> ALL ($2)";
    const INSERT: &str = "-- authorities::register (keys come)
        INSERT INTO authority_key (authority, kid, algorithm, public_key)
        SELECT $1, kid, algorithm, public_key FROM unnest($2::text[], $3::text[], $4::text[])
            AS given (kid, algorithm, public_key)
        ON CONFLICT (authority, kid) DO UPDATE SET algorithm = excluded.algorithm, public_key = excluded.public_key";
    let kids: Vec<_> = authority.keys.iter().map(|key| key.kid.as_str()).collect();
    let algorithms: Vec<_> = authority.keys.iter().map(|key| key.key.algorithm()).collect();
    let public_keys: Vec<_> = authority.keys.iter().map(|key| key.key.to_pem()).collect();
    tx.execute(DELETE, &[&authority.id, &kids]).await?;
    tx.execute(INSERT, &[&authority.id, &kids, &algorithms, &public_keys]).await?;
    Ok(())
}
