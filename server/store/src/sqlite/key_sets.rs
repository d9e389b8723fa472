//! `KeySets` on SQLite: the tables `key_set`, `key_set_fetch` and `fetched_key`.

use async_trait::async_trait;
use proto::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::column::{at, time, value};
use super::key_store::SqliteKeyStore;
use super::{authority_rows, fetched_keys};
use crate::authorities::AuthorityKey;
use crate::error::StoreError;
use crate::key_sets::{CLAIM, FetchFailure, HASTE, KeySetChange, KeySetSource, KeySetStanding, KeySets};

#[async_trait]
impl KeySets for SqliteKeyStore {
    async fn set_key_set(&self, authority: &str, url: Option<&str>) -> Result<(), StoreError> {
        let (authority, url) = (authority.to_owned(), url.map(str::to_owned));
        self.pool.write("key_sets::set", move |tx| set(tx, &authority, url.as_deref())).await
    }

    async fn claim_key_set(&self) -> Result<Option<KeySetSource>, StoreError> {
        let now = self.clock.now();
        self.pool.write("key_sets::claim", move |tx| claim(tx, now)).await
    }

    async fn hasten_key_set(&self, authority: &str) -> Result<bool, StoreError> {
        const SQL: &str = "-- key_sets::hasten
            UPDATE key_set_fetch SET due_at = ?2 WHERE authority = ?1 AND due_at > ?2
            AND tried_at <= ?2 - ?3 AND claimed_until <= ?2";
        let (authority, now) = (authority.to_owned(), self.clock.now().unix());
        let hasten = move |tx: &Transaction<'_>| Ok(tx.prepare_cached(SQL)?.execute(params![authority, now, HASTE])?);
        Ok(self.pool.write("key_sets::hasten", hasten).await? == 1)
    }

    async fn record_key_set(
        &self,
        source: &KeySetSource,
        keys: &[AuthorityKey],
        next: u32,
    ) -> Result<KeySetChange, StoreError> {
        let (source, keys, now) = (source.clone(), keys.to_vec(), self.clock.now());
        self.pool.write("key_sets::record", move |tx| record(tx, &source, &keys, (now, next))).await
    }

    async fn record_fetch_failure(&self, source: &KeySetSource, next: u32) -> Result<FetchFailure, StoreError> {
        let (source, now) = (source.clone(), self.clock.now());
        self.pool.write("key_sets::fail", move |tx| fail(tx, &source, (now, next))).await
    }
}

/// The row of `key_set_fetch`.
struct Fetch {
    url: String,
    tried_at: Timestamp,
    fetched_at: Option<Timestamp>,
    failing_since: Option<Timestamp>,
}

/// Where an authority publishes its keys.
pub(super) fn url(tx: &Transaction<'_>, authority: &str) -> Result<Option<String>, StoreError> {
    const SQL: &str = "-- key_set::url
        SELECT url FROM key_set WHERE authority = ?1";
    Ok(tx.prepare_cached(SQL)?.query_row([authority], |row| row.get(0)).optional()?)
}

/// How it stands with them.
pub(super) fn standing(tx: &Transaction<'_>, authority: &str) -> Result<Option<KeySetStanding>, StoreError> {
    let Some(url) = url(tx, authority)? else { return Ok(None) };
    match fetch(tx, authority)?.filter(|fetch| fetch.url == url) {
        Some(Fetch { fetched_at, failing_since, .. }) => {
            let keys = fetched_keys::of(tx, authority)?;
            Ok(Some(KeySetStanding { url, fetched_at, failing_since, keys }))
        }
        None => Ok(Some(KeySetStanding { url, fetched_at: None, failing_since: None, keys: Vec::new() })),
    }
}

fn set(tx: &Transaction<'_>, authority: &str, url: Option<&str>) -> Result<(), StoreError> {
    const SET: &str = "-- key_set::set
        INSERT INTO key_set (authority, url) VALUES (?1, ?2) ON CONFLICT (authority) DO UPDATE SET url = excluded.url";
    const UNSET: &str = "-- key_set::unset
        DELETE FROM key_set WHERE authority = ?1";
    const FORGET: &str = "-- key_set_fetch::forget
        DELETE FROM key_set_fetch WHERE authority = ?1";
    let known = authority_rows::find(tx, authority)?;
    known.ok_or(StoreError::NotFound("authority; see server authority list"))?;
    if let Some(url) = url {
        tx.prepare_cached(SET)?.execute([authority, url])?;
        return Ok(());
    }
    tx.prepare_cached(UNSET)?.execute([authority])?;
    tx.prepare_cached(FORGET)?.execute([authority])?;
    fetched_keys::forget(tx, authority)
}

fn claim(tx: &Transaction<'_>, now: Timestamp) -> Result<Option<KeySetSource>, StoreError> {
    const DUE: &str = "-- key_sets::claim (due)
        SELECT key_set.authority, key_set.url FROM key_set
        JOIN authority ON authority.id = key_set.authority LEFT JOIN key_set_fetch AS known USING (authority)
        WHERE disabled_at IS NULL AND (known.authority IS NULL
              OR (claimed_until <= ?1 AND (due_at <= ?1 OR known.url <> key_set.url)))
        ORDER BY due_at LIMIT 1";
    const CLAIM_IT: &str = "-- key_sets::claim
        INSERT INTO key_set_fetch (authority, url, due_at, tried_at, claimed_until) VALUES (?1, ?2, ?3, ?3, ?4)
        ON CONFLICT (authority) DO UPDATE SET claimed_until = excluded.claimed_until";
    let mut due = tx.prepare_cached(DUE)?;
    let due = due.query_row([now.unix()], |row| Ok(KeySetSource { authority: row.get(0)?, url: row.get(1)? }));
    let Some(source) = due.optional()? else { return Ok(None) };
    let values = params![source.authority, source.url, now.unix(), now.plus(CLAIM).unix()];
    tx.prepare_cached(CLAIM_IT)?.execute(values)?;
    Ok(Some(source))
}

fn fetch(tx: &Transaction<'_>, authority: &str) -> Result<Option<Fetch>, StoreError> {
    const SQL: &str = "-- key_set_fetch::find
        SELECT url, tried_at, fetched_at, failing_since FROM key_set_fetch WHERE authority = ?1";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([authority])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let read = || {
        Ok(Fetch {
            url: value(row, 0)?,
            tried_at: time(row, 1)?,
            fetched_at: value::<Option<i64>>(row, 2)?.map(Timestamp::from_unix),
            failing_since: value::<Option<i64>>(row, 3)?.map(Timestamp::from_unix),
        })
    };
    read().map(Some).map_err(at("key_set_fetch"))
}

fn record(
    tx: &Transaction<'_>,
    source: &KeySetSource,
    keys: &[AuthorityKey],
    (now, next): (Timestamp, u32),
) -> Result<KeySetChange, StoreError> {
    const SQL: &str = "-- key_set_fetch::record
        INSERT INTO key_set_fetch (authority, url, due_at, tried_at, claimed_until, fetched_at)
        VALUES (?1, ?2, ?3, ?4, ?4, ?4)
        ON CONFLICT (authority) DO UPDATE SET url = excluded.url, due_at = excluded.due_at, tried_at = excluded.tried_at,
            claimed_until = excluded.claimed_until, fetched_at = excluded.fetched_at, failing_since = NULL";
    if url(tx, &source.authority)?.as_ref() != Some(&source.url) {
        return Ok(KeySetChange { moved: true, ..KeySetChange::default() });
    }
    let known = fetch(tx, &source.authority)?.filter(|fetch| fetch.url == source.url);
    if known.is_none() {
        fetched_keys::forget(tx, &source.authority)?;
    }
    let due_at = now.plus(i64::from(next)).unix();
    tx.prepare_cached(SQL)?.execute(params![source.authority, source.url, due_at, now.unix()])?;
    let change = fetched_keys::replace(tx, &source.authority, keys, now)?;
    Ok(KeySetChange { recovered: known.is_some_and(|known| known.failing_since.is_some()), ..change })
}

fn fail(
    tx: &Transaction<'_>,
    source: &KeySetSource,
    (now, next): (Timestamp, u32),
) -> Result<FetchFailure, StoreError> {
    const SQL: &str = "-- key_set_fetch::fail
        INSERT INTO key_set_fetch (authority, url, due_at, tried_at, claimed_until, fetched_at, failing_since)
        VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)
        ON CONFLICT (authority) DO UPDATE SET url = excluded.url, due_at = excluded.due_at, tried_at = excluded.tried_at,
            claimed_until = excluded.claimed_until, fetched_at = excluded.fetched_at, failing_since = excluded.failing_since";
    if url(tx, &source.authority)?.as_ref() != Some(&source.url) {
        return Ok(FetchFailure::Again);
    }
    let known = fetch(tx, &source.authority)?.filter(|fetch| fetch.url == source.url);
    if known.is_none() {
        fetched_keys::forget(tx, &source.authority)?;
    }
    let fetched_at = known.as_ref().and_then(|known| known.fetched_at);
    let failing_since = known.as_ref().and_then(|known| known.failing_since);
    let due_at = now.plus(i64::from(next)).unix();
    let (fetched, failing) = (fetched_at.map(Timestamp::unix), failing_since.unwrap_or(now).unix());
    tx.prepare_cached(SQL)?.execute(params![source.authority, source.url, due_at, now.unix(), fetched, failing])?;
    let before = known.filter(|known| known.failing_since.is_some()).map(|known| known.tried_at);
    Ok(FetchFailure::of(fetched_at, before, now))
}
