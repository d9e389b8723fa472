//! `Trust` on PostgreSQL.

use async_trait::async_trait;
use proto::Timestamp;
use tokio_postgres::Row;

use super::column::value;
use super::key_store::PostgresKeyStore;
use super::transaction::{Mode, Transaction};
use super::{authority_rows, denied_keys, key_sets};
use crate::error::StoreError;
use crate::key_sets::{KEY_OVERLAP, KEY_SET_KEPT};
use crate::trust::{Denial, RegisteredAuthority, Trust, Trusted};

/// Who is believed, in one row each: regions and keys are arrays in the order of their bytes. `$1` moves the database's time, `$2` is for how long
/// the last good set counts, and `$3` for how long a key that has left it.
macro_rules! select {
    ($name:literal, $condition:literal) => {
        concat!(
            "-- trust::",
            $name,
            r#"
            SELECT id, issuer, audience, policy_version, self_reports, self_reports_per_hour, memo_bytes,
                   ARRAY(SELECT region FROM authority_region WHERE authority = id ORDER BY region COLLATE "C"),
                   believed.kids, believed.algorithms, believed.public_keys,
                   ARRAY(SELECT kid FROM denied_key WHERE authority = id AND denied_since <= moment.now),
                   EXISTS (SELECT FROM key_set WHERE authority = id)
            FROM authority
            CROSS JOIN (SELECT floor(extract(epoch FROM clock_timestamp()))::bigint + $1 AS now) AS moment
            CROSS JOIN LATERAL (
                SELECT coalesce(array_agg(kid ORDER BY kid COLLATE "C", public_key COLLATE "C"), '{}') AS kids,
                       coalesce(array_agg(algorithm ORDER BY kid COLLATE "C", public_key COLLATE "C"), '{}') AS algorithms,
                       coalesce(array_agg(public_key ORDER BY kid COLLATE "C", public_key COLLATE "C"), '{}') AS public_keys
                FROM (
                    SELECT kid, algorithm, public_key FROM authority_key WHERE authority = authority.id
                    UNION
                    SELECT kid, algorithm, public_key FROM fetched_key
                    JOIN key_set_fetch USING (authority) JOIN key_set USING (authority, url)
                    WHERE authority = authority.id AND fetched_at > moment.now - $2
                          AND (gone_since IS NULL OR gone_since > moment.now - $3)
                ) AS either
                WHERE NOT EXISTS (SELECT FROM denied_key
                                  WHERE denied_key.authority = authority.id AND denied_since <= moment.now
                                  AND (denied_key.kid = either.kid
                                       OR EXISTS (SELECT FROM authority_key AS same WHERE same.authority = authority.id
                                                  AND same.kid = denied_key.kid AND same.public_key = either.public_key)
                                       OR EXISTS (SELECT FROM fetched_key AS same WHERE same.authority = authority.id
                                                  AND same.kid = denied_key.kid AND same.public_key = either.public_key)))
            ) AS believed
            WHERE (disabled_at IS NULL OR disabled_at > moment.now) AND "#,
            $condition
        )
    };
}

#[async_trait]
impl Trust for PostgresKeyStore {
    async fn trusted(&self, id: &str) -> Result<Option<Trusted>, StoreError> {
        trusted(self, id).await
    }

    async fn registered(&self, id: &str) -> Result<Option<RegisteredAuthority>, StoreError> {
        self.pool.transact("trust::registered", Mode::Read, &id, |tx, id| Box::pin(registered(tx, id))).await
    }

    async fn all_registered(&self) -> Result<Vec<RegisteredAuthority>, StoreError> {
        self.pool.transact("trust::all_registered", Mode::Read, &(), |tx, ()| Box::pin(all_registered(tx))).await
    }

    async fn set_disabled(&self, id: &str, disabled: bool) -> Result<bool, StoreError> {
        let given = (id, disabled, self.clock.offset());
        self.pool
            .transact("trust::set_disabled", Mode::Write, &given, |tx, given| Box::pin(set_disabled(tx, given)))
            .await
    }

    async fn deny_key(&self, id: &str, kid: &str, since: Option<Timestamp>) -> Result<Denial, StoreError> {
        let given = (id, kid, since, self.clock.offset());
        self.pool
            .transact("trust::deny_key", Mode::Write, &given, |tx, given| Box::pin(denied_keys::deny(tx, given)))
            .await
    }
}

/// The authority of this id, with the keys that are believed now.
pub(super) async fn trusted(store: &PostgresKeyStore, id: &str) -> Result<Option<Trusted>, StoreError> {
    const SQL: &str = select!("trusted", "id = $4");
    // Phones say which. PostgreSQL does not compare with a text that has a zero byte, and no id has one.
    if id.contains('\0') {
        return Ok(None);
    }
    let values = [&store.clock.offset() as _, &KEY_SET_KEPT as _, &KEY_OVERLAP as _, &id as _];
    let rows = store.pool.query("trust::trusted", SQL, &values).await?;
    rows.first().map(read).transpose()
}

/// All of them, by id.
pub(super) async fn all_trusted(store: &PostgresKeyStore) -> Result<Vec<Trusted>, StoreError> {
    const SQL: &str = select!("all_trusted", r#"true ORDER BY id COLLATE "C""#);
    let values = [&store.clock.offset() as _, &KEY_SET_KEPT as _, &KEY_OVERLAP as _];
    let rows = store.pool.query("trust::all_trusted", SQL, &values).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Trusted, StoreError> {
    Ok(Trusted { authority: authority_rows::read(row)?, denied: value(row, 11)?, has_key_set: value(row, 12)? })
}

async fn registered(tx: &Transaction<'_>, id: &str) -> Result<Option<RegisteredAuthority>, StoreError> {
    let Some(row) = authority_rows::find(tx, id).await? else { return Ok(None) };
    Ok(Some(RegisteredAuthority {
        authority: row.authority,
        disabled_at: row.disabled_at,
        key_set: key_sets::standing(tx, id).await?,
        denied: denied_keys::of(tx, id).await?,
    }))
}

async fn all_registered(tx: &Transaction<'_>) -> Result<Vec<RegisteredAuthority>, StoreError> {
    let mut all = Vec::new();
    for id in authority_rows::ids(tx).await? {
        all.extend(registered(tx, &id).await?);
    }
    Ok(all)
}

async fn set_disabled(tx: &Transaction<'_>, (id, disabled, offset): &(&str, bool, i64)) -> Result<bool, StoreError> {
    const DISABLE: &str = "-- authorities::disable
        UPDATE authority SET disabled_at = floor(extract(epoch FROM clock_timestamp()))::bigint + $2
        WHERE id = $1 AND disabled_at IS NULL";
    const ENABLE: &str = "-- authorities::enable
        UPDATE authority SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL";
    authority_rows::require(tx, id).await?;
    let changed = if *disabled { tx.execute(DISABLE, &[id, offset]).await? } else { tx.execute(ENABLE, &[id]).await? };
    Ok(changed == 1)
}
