//! The table `denied_key`.

use proto::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::authority_rows;
use super::column::{time, value};
use crate::error::StoreError;
use crate::trust::{Denial, DeniedKey};

/// Denies a key of an authority from `since` on, or from `now` on; a denial that stands is only moved to an earlier time.
pub(super) fn deny(
    tx: &Transaction<'_>,
    (authority, kid): (&str, &str),
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<Denial, StoreError> {
    const STANDING: &str = "-- denied_key::deny (standing)
        SELECT denied_since FROM denied_key WHERE authority = ?1 AND kid = ?2";
    const DENY: &str = "-- denied_key::deny
        INSERT INTO denied_key (authority, kid, denied_since) VALUES (?1, ?2, ?3)
        ON CONFLICT (authority, kid) DO UPDATE SET denied_since = excluded.denied_since";
    let known = authority_rows::find(tx, authority)?;
    known.ok_or(StoreError::NotFound("authority; see server authority list"))?;
    let mut standing = tx.prepare_cached(STANDING)?;
    let standing: Option<i64> = standing.query_row([authority, kid], |row| row.get(0)).optional()?;
    let (standing, since) = (standing.map(Timestamp::from_unix), since.unwrap_or(now));
    if let Some(denied_since) = standing.filter(|standing| *standing <= since) {
        return Ok(Denial { denied_since, changed: false, now });
    }
    tx.prepare_cached(DENY)?.execute(params![authority, kid, since.unix()])?;
    Ok(Denial { denied_since: since, changed: true, now })
}

/// The denied keys of an authority, by their ids.
pub(super) fn of(tx: &Transaction<'_>, authority: &str) -> Result<Vec<DeniedKey>, StoreError> {
    const SQL: &str = "-- denied_key::of
        SELECT kid, denied_since FROM denied_key WHERE authority = ?1 ORDER BY kid";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([authority])?;
    let mut denied = Vec::new();
    while let Some(row) = rows.next()? {
        denied.push(DeniedKey { kid: value(row, 0)?, denied_since: time(row, 1)? });
    }
    Ok(denied)
}
