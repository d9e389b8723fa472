//! What index and manifest say at a number: keys and bundles.

use proto::bundle::SigningKeyId;
use proto::manifest::AnnouncedKey;
use proto::{Feed, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::column::{at, corrupt, integer, malformed, time, value};
use super::{bundle_rows, feeds, gateways};
use crate::bundles::Listing;
use crate::error::StoreError;
use crate::stored::{self, Reason};

/// The listing at `number`.
pub(super) fn listing(tx: &Transaction<'_>, feed: &Feed, number: u64) -> Result<Listing, StoreError> {
    const SQL: &str = "-- feed_number::find
        SELECT taken_at FROM feed_number WHERE feed = ?1 AND number = ?2";
    let row = feeds::find(tx, feed)?;
    if number < row.oldest_number {
        return Err(StoreError::NotFound("number"));
    }
    let id = row.id;
    let mut statement = tx.prepare_cached(SQL)?;
    let taken = statement.query_row([id, integer(number)], |row| Ok(time(row, 0))).optional()?;
    let time = taken.ok_or(StoreError::NotFound("number"))??;
    let keys = announced(tx, id, number).map_err(at(format_args!("announced_key of {feed}")))?;
    let gateways = gateways::announced(tx, (feed, id), number)?;
    let bundles = bundle_rows::listed(tx, (feed, id), number)?;
    Ok(Listing { number, time, keys, gateways, bundles })
}

/// Replaces the announced keys if the feed stands at the number that was read. Rows of keys that go are closed, never changed otherwise: an older
/// number still names them.
pub(super) fn announce(
    tx: &Transaction<'_>,
    (feed, read): (&Feed, u64),
    keys: &[AnnouncedKey],
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = feeds::find(tx, feed)?;
    if row.number != read {
        return Ok(());
    }
    let standing = announced(tx, row.id, row.number).map_err(at(format_args!("announced_key of {feed}")))?;
    let come: Vec<_> = keys.iter().filter(|key| !standing.contains(key)).collect();
    let go: Vec<_> = standing.iter().filter(|key| !keys.contains(key)).collect();
    if come.is_empty() && go.is_empty() {
        return Ok(());
    }
    let number = feeds::take_number(tx, &row, now, Reason::Announce)?;
    for key in go {
        close(tx, row.id, number, key)?;
    }
    for key in come {
        open(tx, row.id, number, key)?;
    }
    Ok(())
}

fn close(tx: &Transaction<'_>, feed: i64, number: u64, key: &AnnouncedKey) -> Result<(), StoreError> {
    const SQL: &str = "-- announced_key::close
        UPDATE announced_key SET to_number = ?2
        WHERE feed = ?1 AND to_number IS NULL AND usage = ?3 AND key_id = ?4 AND key_version = ?5";
    let AnnouncedKey { usage, key, .. } = key;
    tx.prepare_cached(SQL)?.execute(params![feed, integer(number), stored::usage(*usage), key.id, key.version])?;
    Ok(())
}

/// Opens a row. The same key given twice is announced once.
fn open(tx: &Transaction<'_>, feed: i64, number: u64, key: &AnnouncedKey) -> Result<(), StoreError> {
    const SQL: &str = "-- announced_key::open
        INSERT INTO announced_key (feed, from_number, usage, key_id, key_version, spki, not_before)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT DO NOTHING";
    let AnnouncedKey { usage, key, spki, not_before } = key;
    let values = params![feed, integer(number), stored::usage(*usage), key.id, key.version, spki, not_before.unix()];
    tx.prepare_cached(SQL)?.execute(values)?;
    Ok(())
}

/// The keys announced at `number`, current ones first.
fn announced(tx: &Transaction<'_>, feed: i64, number: u64) -> Result<Vec<AnnouncedKey>, StoreError> {
    const SQL: &str = "-- announced_key::list
        SELECT usage, key_id, key_version, spki, not_before FROM announced_key
        WHERE feed = ?1 AND from_number <= ?2 AND (to_number IS NULL OR to_number > ?2)
        ORDER BY usage, key_id, key_version";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([feed, integer(number)])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(read(row)?);
    }
    Ok(keys)
}

fn read(row: &Row<'_>) -> Result<AnnouncedKey, StoreError> {
    let usage = stored::key_use(&value::<String>(row, 0)?).ok_or_else(|| corrupt(row, 0, "is out of range"))?;
    let (id, version): (String, String) = (value(row, 1)?, value(row, 2)?);
    let key = SigningKeyId::new(&id, &version).map_err(malformed)?;
    Ok(AnnouncedKey { usage, key, spki: value(row, 3)?, not_before: time(row, 4)? })
}
