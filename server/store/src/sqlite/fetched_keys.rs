//! The table `fetched_key`.

use proto::Timestamp;
use rusqlite::{Transaction, params};

use super::authority_rows::read_key;
use super::column::{at, time, value};
use crate::authorities::AuthorityKey;
use crate::error::StoreError;
use crate::key_sets::{FetchedKey, KEY_OVERLAP, KeySetChange, compare};

/// The keys of an authority's set, by their ids.
pub(super) fn of(tx: &Transaction<'_>, authority: &str) -> Result<Vec<FetchedKey>, StoreError> {
    const SQL: &str = "-- fetched_key::of
        SELECT kid, algorithm, public_key, seen_since, seen_at, gone_since FROM fetched_key
        WHERE authority = ?1 ORDER BY kid";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([authority])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let read = || {
            Ok(FetchedKey {
                key: read_key(row)?,
                seen_since: time(row, 3)?,
                seen_at: time(row, 4)?,
                gone_since: value::<Option<i64>>(row, 5)?.map(Timestamp::from_unix),
            })
        };
        keys.push(read().map_err(at("fetched_key"))?);
    }
    Ok(keys)
}

/// Forgets them.
pub(super) fn forget(tx: &Transaction<'_>, authority: &str) -> Result<(), StoreError> {
    const SQL: &str = "-- fetched_key::forget
        DELETE FROM fetched_key WHERE authority = ?1";
    tx.prepare_cached(SQL)?.execute([authority])?;
    Ok(())
}

/// Takes these for the keys of the set. Those that are not among them stay until nobody believes them any more.
pub(super) fn replace(
    tx: &Transaction<'_>,
    authority: &str,
    keys: &[AuthorityKey],
    now: Timestamp,
) -> Result<KeySetChange, StoreError> {
    const SEEN: &str = "-- fetched_key::replace (seen)
        INSERT INTO fetched_key (authority, kid, algorithm, public_key, seen_since, seen_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
        ON CONFLICT (authority, kid) DO UPDATE SET algorithm = excluded.algorithm, public_key = excluded.public_key,
            seen_since = CASE public_key WHEN excluded.public_key THEN seen_since ELSE excluded.seen_since END,
            seen_at = excluded.seen_at, gone_since = NULL";
    const GONE: &str = "-- fetched_key::replace (gone)
        UPDATE fetched_key SET gone_since = ?2 WHERE authority = ?1 AND kid = ?3";
    const FORGOTTEN: &str = "-- fetched_key::replace (forgotten)
        DELETE FROM fetched_key WHERE authority = ?1 AND gone_since <= ?2";
    let change = compare(&of(tx, authority)?, keys);
    let now = now.unix();
    for AuthorityKey { kid, key } in keys {
        tx.prepare_cached(SEEN)?.execute(params![authority, kid, key.algorithm(), key.to_pem(), now])?;
    }
    for kid in &change.gone {
        tx.prepare_cached(GONE)?.execute(params![authority, now, kid])?;
    }
    tx.prepare_cached(FORGOTTEN)?.execute(params![authority, now - KEY_OVERLAP])?;
    Ok(change)
}
