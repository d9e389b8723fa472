//! The table `fetched_key`.

use proto::Timestamp;

use super::authority_rows::read_key;
use super::column::{at, maybe_number, time, value};
use super::transaction::Transaction;
use crate::authorities::AuthorityKey;
use crate::error::StoreError;
use crate::key_sets::{FetchedKey, KEY_OVERLAP, KeySetChange, compare};

/// The keys of an authority's set, by their ids.
pub(super) async fn of(tx: &Transaction<'_>, authority: &str) -> Result<Vec<FetchedKey>, StoreError> {
    const SQL: &str = r#"-- fetched_key::of
        SELECT kid, algorithm, public_key, seen_since, seen_at, gone_since FROM fetched_key
        WHERE authority = $1 ORDER BY kid COLLATE "C""#;
    let rows = tx.rows(SQL, &[&authority]).await?;
    let read = |row| {
        Ok(FetchedKey {
            key: read_key(value(row, 0)?, value(row, 1)?, value(row, 2)?)?,
            seen_since: time(row, 3)?,
            seen_at: time(row, 4)?,
            gone_since: maybe_number(row, 5)?.map(Timestamp::from_unix),
        })
    };
    rows.iter().map(|row| read(row).map_err(at("fetched_key"))).collect()
}

/// Forgets them.
pub(super) async fn forget(tx: &Transaction<'_>, authority: &str) -> Result<(), StoreError> {
    const SQL: &str = "-- fetched_key::forget
        DELETE FROM fetched_key WHERE authority = $1";
    tx.execute(SQL, &[&authority]).await?;
    Ok(())
}

/// Takes these for the keys of the set. Those that are not among them stay until nobody believes them any more.
pub(super) async fn replace(
    tx: &Transaction<'_>,
    authority: &str,
    keys: &[AuthorityKey],
    now: Timestamp,
) -> Result<KeySetChange, StoreError> {
    const SEEN: &str = "-- fetched_key::replace (seen)
        INSERT INTO fetched_key AS known (authority, kid, algorithm, public_key, seen_since, seen_at)
        SELECT $1, kid, algorithm, public_key, $5, $5 FROM unnest($2::text[], $3::text[], $4::text[])
            AS given (kid, algorithm, public_key)
        ON CONFLICT (authority, kid) DO UPDATE SET algorithm = excluded.algorithm, public_key = excluded.public_key,
            seen_since = CASE known.public_key WHEN excluded.public_key THEN known.seen_since ELSE excluded.seen_since END,
            seen_at = excluded.seen_at, gone_since = NULL";
    const GONE: &str = "-- fetched_key::replace (gone)
        UPDATE fetched_key SET gone_since = $2 WHERE authority = $1 AND kid = ANY ($3)";
    const FORGOTTEN: &str = "-- fetched_key::replace (forgotten)
        DELETE FROM fetched_key WHERE authority = $1 AND gone_since <= $2";
    let change = compare(&of(tx, authority).await?, keys);
    let now = now.unix();
    let kids: Vec<_> = keys.iter().map(|key| key.kid.as_str()).collect();
    let algorithms: Vec<_> = keys.iter().map(|key| key.key.algorithm()).collect();
    let public_keys: Vec<_> = keys.iter().map(|key| key.key.to_pem()).collect();
    tx.execute(SEEN, &[&authority, &kids, &algorithms, &public_keys, &now]).await?;
    tx.execute(GONE, &[&authority, &now, &change.gone]).await?;
    tx.execute(FORGOTTEN, &[&authority, &(now - KEY_OVERLAP)]).await?;
    Ok(change)
}
