//! `KeySets` on PostgreSQL: the tables `key_set` and `key_set_fetch`.

use async_trait::async_trait;
use proto::Timestamp;

use super::column::{at, maybe_number, time, value};
use super::key_store::PostgresKeyStore;
use super::transaction::{Mode, Transaction};
use super::{authority_rows, fetched_keys};
use crate::authorities::AuthorityKey;
use crate::error::StoreError;
use crate::key_sets::{CLAIM, FetchFailure, HASTE, KeySetChange, KeySetSource, KeySetStanding, KeySets};

#[async_trait]
impl KeySets for PostgresKeyStore {
    async fn set_key_set(&self, authority: &str, url: Option<&str>) -> Result<(), StoreError> {
        let given = (authority, url);
        self.pool.transact("key_sets::set", Mode::Write, &given, |tx, given| Box::pin(set(tx, given))).await
    }

    async fn claim_key_set(&self) -> Result<Option<KeySetSource>, StoreError> {
        // Of two that find the same one due the second waits for the first, and then finds it claimed.
        const SQL: &str = "-- key_sets::claim
            INSERT INTO key_set_fetch AS standing (authority, url, due_at, tried_at, claimed_until)
            SELECT key_set.authority, key_set.url, moment.now, moment.now, moment.now + $2
            FROM (SELECT floor(extract(epoch FROM clock_timestamp()))::bigint + $1 AS now) AS moment, key_set
            JOIN authority ON authority.id = key_set.authority LEFT JOIN key_set_fetch AS known USING (authority)
            WHERE disabled_at IS NULL AND (known.authority IS NULL
                  OR (claimed_until <= moment.now AND (due_at <= moment.now OR known.url <> key_set.url)))
            ORDER BY known.due_at NULLS FIRST LIMIT 1
            ON CONFLICT (authority) DO UPDATE SET claimed_until = excluded.claimed_until
            WHERE standing.claimed_until <= excluded.tried_at
                  AND (standing.due_at <= excluded.tried_at OR standing.url <> excluded.url)
            RETURNING authority, (SELECT key_set.url FROM key_set WHERE key_set.authority = standing.authority)";
        let rows = self.pool.query("key_sets::claim", SQL, &[&self.clock.offset(), &CLAIM]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let Some(url) = value(row, 1)? else { return Ok(None) };
        Ok(Some(KeySetSource { authority: value(row, 0)?, url }))
    }

    async fn hasten_key_set(&self, authority: &str) -> Result<bool, StoreError> {
        const SQL: &str = "-- key_sets::hasten
            UPDATE key_set_fetch SET due_at = moment.now
            FROM (SELECT floor(extract(epoch FROM clock_timestamp()))::bigint + $2 AS now) AS moment
            WHERE authority = $1 AND due_at > moment.now AND tried_at <= moment.now - $3 AND claimed_until <= moment.now
            RETURNING 1";
        let values = [&authority as _, &self.clock.offset() as _, &HASTE as _];
        Ok(!self.pool.query("key_sets::hasten", SQL, &values).await?.is_empty())
    }

    async fn record_key_set(
        &self,
        source: &KeySetSource,
        keys: &[AuthorityKey],
        next: u32,
    ) -> Result<KeySetChange, StoreError> {
        let given = (Attempt { source, next, offset: self.clock.offset() }, keys);
        self.pool.transact("key_sets::record", Mode::Write, &given, |tx, given| Box::pin(record(tx, given))).await
    }

    async fn record_fetch_failure(&self, source: &KeySetSource, next: u32) -> Result<FetchFailure, StoreError> {
        let given = Attempt { source, next, offset: self.clock.offset() };
        self.pool.transact("key_sets::fail", Mode::Write, &given, |tx, given| Box::pin(fail(tx, given))).await
    }
}

/// An attempt to fetch a set.
struct Attempt<'a> {
    source: &'a KeySetSource,
    /// In how many seconds it is due again.
    next: u32,
    /// Moves the database's time.
    offset: i64,
}

/// A row of `key_set_fetch`.
struct Fetch {
    url: String,
    tried_at: Timestamp,
    fetched_at: Option<Timestamp>,
    failing_since: Option<Timestamp>,
}

/// How it stands with the set of an authority.
pub(super) async fn standing(tx: &Transaction<'_>, authority: &str) -> Result<Option<KeySetStanding>, StoreError> {
    let Some(url) = url(tx, authority).await? else { return Ok(None) };
    match fetch(tx, authority).await?.filter(|fetch| fetch.url == url) {
        Some(Fetch { fetched_at, failing_since, .. }) => {
            let keys = fetched_keys::of(tx, authority).await?;
            Ok(Some(KeySetStanding { url, fetched_at, failing_since, keys }))
        }
        None => Ok(Some(KeySetStanding { url, fetched_at: None, failing_since: None, keys: Vec::new() })),
    }
}

async fn url(tx: &Transaction<'_>, authority: &str) -> Result<Option<String>, StoreError> {
    const SQL: &str = "-- key_set::url
        SELECT url FROM key_set WHERE authority = $1";
    tx.maybe_row(SQL, &[&authority]).await?.map(|row| value(&row, 0)).transpose()
}

async fn set(tx: &Transaction<'_>, (authority, url): &(&str, Option<&str>)) -> Result<(), StoreError> {
    const SET: &str = "-- key_set::set
        INSERT INTO key_set (authority, url) VALUES ($1, $2) ON CONFLICT (authority) DO UPDATE SET url = excluded.url";
    const UNSET: &str = "-- key_set::unset
        DELETE FROM key_set WHERE authority = $1";
    const FORGET: &str = "-- key_set_fetch::forget
        DELETE FROM key_set_fetch WHERE authority = $1";
    authority_rows::require(tx, authority).await?;
    if let Some(url) = url {
        tx.execute(SET, &[authority, url]).await?;
        return Ok(());
    }
    tx.execute(UNSET, &[authority]).await?;
    tx.execute(FORGET, &[authority]).await?;
    fetched_keys::forget(tx, authority).await
}

async fn fetch(tx: &Transaction<'_>, authority: &str) -> Result<Option<Fetch>, StoreError> {
    const SQL: &str = "-- key_set_fetch::find
        SELECT url, tried_at, fetched_at, failing_since FROM key_set_fetch WHERE authority = $1";
    let Some(row) = tx.maybe_row(SQL, &[&authority]).await? else { return Ok(None) };
    let read = || {
        Ok(Fetch {
            url: value(&row, 0)?,
            tried_at: time(&row, 1)?,
            fetched_at: maybe_number(&row, 2)?.map(Timestamp::from_unix),
            failing_since: maybe_number(&row, 3)?.map(Timestamp::from_unix),
        })
    };
    read().map(Some).map_err(at("key_set_fetch"))
}

/// What is known of a set before an attempt is noted, whose row is locked for that, and the database's time. None if the operator has named
/// another URL meanwhile. If the row speaks of another URL, what was fetched there is forgotten.
async fn begin(tx: &Transaction<'_>, attempt: &Attempt<'_>) -> Result<Option<(Option<Fetch>, Timestamp)>, StoreError> {
    const LOCK: &str = "-- key_set_fetch::lock
        INSERT INTO key_set_fetch AS standing (authority, url, due_at, tried_at, claimed_until)
        SELECT $1, $2, moment.now, moment.now, moment.now
        FROM (SELECT floor(extract(epoch FROM clock_timestamp()))::bigint + $3 AS now) AS moment
        ON CONFLICT (authority) DO UPDATE SET claimed_until = standing.claimed_until";
    const NOW: &str = "-- key_set_fetch::now
        SELECT floor(extract(epoch FROM clock_timestamp()))::bigint + $1";
    let KeySetSource { authority, url: wanted } = attempt.source;
    if url(tx, authority).await?.as_ref() != Some(wanted) {
        return Ok(None);
    }
    tx.execute(LOCK, &[authority, wanted, &attempt.offset]).await?;
    let known = fetch(tx, authority).await?.filter(|fetch| fetch.url == *wanted);
    if known.is_none() {
        fetched_keys::forget(tx, authority).await?;
    }
    Ok(Some((known, time(&tx.row(NOW, &[&attempt.offset]).await?, 0)?)))
}

async fn record(
    tx: &Transaction<'_>,
    (attempt, keys): &(Attempt<'_>, &[AuthorityKey]),
) -> Result<KeySetChange, StoreError> {
    const SQL: &str = "-- key_set_fetch::record
        UPDATE key_set_fetch SET url = $2, due_at = $3, tried_at = $4, claimed_until = $4, fetched_at = $4, failing_since = NULL
        WHERE authority = $1";
    let KeySetSource { authority, url } = attempt.source;
    let Some((known, now)) = begin(tx, attempt).await? else {
        return Ok(KeySetChange { moved: true, ..KeySetChange::default() });
    };
    let due_at = now.plus(i64::from(attempt.next)).unix();
    tx.execute(SQL, &[authority, url, &due_at, &now.unix()]).await?;
    let change = fetched_keys::replace(tx, authority, keys, now).await?;
    Ok(KeySetChange { recovered: known.is_some_and(|known| known.failing_since.is_some()), ..change })
}

async fn fail(tx: &Transaction<'_>, attempt: &Attempt<'_>) -> Result<FetchFailure, StoreError> {
    const SQL: &str = "-- key_set_fetch::fail
        UPDATE key_set_fetch SET url = $2, due_at = $3, tried_at = $4, claimed_until = $4, fetched_at = $5, failing_since = $6
        WHERE authority = $1";
    let KeySetSource { authority, url } = attempt.source;
    let Some((known, now)) = begin(tx, attempt).await? else { return Ok(FetchFailure::Again) };
    let fetched_at = known.as_ref().and_then(|known| known.fetched_at);
    let failing_since = known.as_ref().and_then(|known| known.failing_since);
    let due_at = now.plus(i64::from(attempt.next)).unix();
    let (fetched, failing) = (fetched_at.map(Timestamp::unix), failing_since.unwrap_or(now).unix());
    tx.execute(SQL, &[authority, url, &due_at, &now.unix(), &fetched, &failing]).await?;
    let before = known.filter(|known| known.failing_since.is_some()).map(|known| known.tried_at);
    Ok(FetchFailure::of(fetched_at, before, now))
}
