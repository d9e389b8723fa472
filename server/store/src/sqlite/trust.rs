//! `Trust` on SQLite.

use async_trait::async_trait;
use proto::Timestamp;
use rusqlite::{Transaction, params};

use super::column::at;
use super::key_store::SqliteKeyStore;
use super::{authority_rows, denied_keys, key_sets};
use crate::authorities::{Authority, AuthorityKey};
use crate::error::StoreError;
use crate::key_sets::{KEY_OVERLAP, KEY_SET_KEPT};
use crate::trust::{Denial, RegisteredAuthority, Trust, Trusted};

#[async_trait]
impl Trust for SqliteKeyStore {
    async fn trusted(&self, id: &str) -> Result<Option<Trusted>, StoreError> {
        let (id, now) = (id.to_owned(), self.clock.now());
        self.pool.read("trust::trusted", move |tx| find(tx, &id, now)).await
    }

    async fn registered(&self, id: &str) -> Result<Option<RegisteredAuthority>, StoreError> {
        let id = id.to_owned();
        self.pool.read("trust::registered", move |tx| registered(tx, &id)).await
    }

    async fn all_registered(&self) -> Result<Vec<RegisteredAuthority>, StoreError> {
        let all = |tx: &Transaction<'_>| {
            let ids = authority_rows::ids(tx)?;
            ids.iter().filter_map(|id| registered(tx, id).transpose()).collect()
        };
        self.pool.read("trust::all_registered", all).await
    }

    async fn set_disabled(&self, id: &str, disabled: bool) -> Result<bool, StoreError> {
        let (id, now) = (id.to_owned(), self.clock.now());
        self.pool.write("trust::set_disabled", move |tx| set_disabled(tx, &id, disabled.then_some(now))).await
    }

    async fn deny_key(&self, id: &str, kid: &str, since: Option<Timestamp>) -> Result<Denial, StoreError> {
        let (id, kid, now) = (id.to_owned(), kid.to_owned(), self.clock.now());
        self.pool.write("trust::deny_key", move |tx| denied_keys::deny(tx, (&id, &kid), since, now)).await
    }
}

/// The authority of this id, with the keys that are believed at `now`.
pub(super) fn find(tx: &Transaction<'_>, id: &str, now: Timestamp) -> Result<Option<Trusted>, StoreError> {
    let Some(row) = authority_rows::find(tx, id)? else { return Ok(None) };
    if row.disabled_at.is_some_and(|disabled_at| disabled_at <= now) {
        return Ok(None);
    }
    let denied = denied_keys::of(tx, id)?.into_iter().filter(|denied| denied.denied_since <= now);
    Ok(Some(Trusted {
        authority: Authority { keys: believed_keys(tx, id, now)?, ..row.authority },
        denied: denied.map(|denied| denied.kid).collect(),
        has_key_set: key_sets::url(tx, id)?.is_some(),
    }))
}

/// Keys from files and from the set, but for those that are denied, by their own name or by another that the same key has.
fn believed_keys(tx: &Transaction<'_>, id: &str, now: Timestamp) -> Result<Vec<AuthorityKey>, StoreError> {
    const SQL: &str = "-- trust::believed_keys
        SELECT kid, algorithm, public_key FROM (
            SELECT kid, algorithm, public_key FROM authority_key WHERE authority = ?1
            UNION
            SELECT kid, algorithm, public_key FROM fetched_key
            JOIN key_set_fetch USING (authority) JOIN key_set USING (authority, url)
            WHERE authority = ?1 AND fetched_at > ?2 - ?3 AND (gone_since IS NULL OR gone_since > ?2 - ?4)
        )
        AS either
        WHERE NOT EXISTS (SELECT 1 FROM denied_key
                          WHERE denied_key.authority = ?1 AND denied_since <= ?2
                          AND (denied_key.kid = either.kid
                               OR EXISTS (SELECT 1 FROM authority_key AS same WHERE same.authority = ?1
                                          AND same.kid = denied_key.kid AND same.public_key = either.public_key)
                               OR EXISTS (SELECT 1 FROM fetched_key AS same WHERE same.authority = ?1
                                          AND same.kid = denied_key.kid AND same.public_key = either.public_key)))
        ORDER BY kid, public_key";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query(params![id, now.unix(), KEY_SET_KEPT, KEY_OVERLAP])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(authority_rows::read_key(row).map_err(at("authority_key or fetched_key"))?);
    }
    Ok(keys)
}

fn registered(tx: &Transaction<'_>, id: &str) -> Result<Option<RegisteredAuthority>, StoreError> {
    let Some(row) = authority_rows::find(tx, id)? else { return Ok(None) };
    Ok(Some(RegisteredAuthority {
        authority: row.authority,
        disabled_at: row.disabled_at,
        key_set: key_sets::standing(tx, id)?,
        denied: denied_keys::of(tx, id)?,
    }))
}

fn set_disabled(tx: &Transaction<'_>, id: &str, disabled_at: Option<Timestamp>) -> Result<bool, StoreError> {
    const SQL: &str = "-- authorities::set_disabled
        UPDATE authority SET disabled_at = ?2 WHERE id = ?1 AND (disabled_at IS NULL) <> (?2 IS NULL)";
    let known = authority_rows::find(tx, id)?;
    known.ok_or(StoreError::NotFound("authority; see server authority list"))?;
    Ok(tx.prepare_cached(SQL)?.execute(params![id, disabled_at.map(Timestamp::unix)])? == 1)
}
