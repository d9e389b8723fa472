//! Forgetting bundles that have died, a bounded number of rows at a time.

use proto::{Feed, Timestamp};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, ToSql, Transaction, params};

use super::column::{at, integer, number, value};
use super::feeds;
use super::kind::tables;
use super::recall_tables;
use super::tables::Tables;
use crate::error::StoreError;
use crate::life::{Purged, gone, outlived};

/// The bundles whose objects are gone from each of `buckets`.
pub(super) fn dead(
    tx: &Transaction<'_>,
    feed: i64,
    buckets: &[String],
    now: Timestamp,
) -> Result<Vec<u64>, StoreError> {
    const SQL: &str = "-- bundle::dead
        SELECT bundle.sequence, bucket FROM bundle LEFT JOIN bundle_bucket AS confirmed
        ON confirmed.feed = bundle.feed AND confirmed.sequence = bundle.sequence AND deleted_at IS NOT NULL
        WHERE bundle.feed = ?1 AND delisted_number IS NOT NULL AND (state NOT IN ('recalled', 'void') OR end_at <= ?2)";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query([feed, outlived(now).unix()])?;
    let mut confirmed = Vec::new();
    while let Some(row) = rows.next()? {
        confirmed.push((number(row, 0).map_err(at("bundle"))?, value(row, 1)?));
    }
    Ok(gone(confirmed, buckets))
}

/// Removes what it may, oldest bundles first. Rows of people go before their bundle's own row, so that whatever is left is found again.
pub(super) fn purge(
    tx: &Transaction<'_>,
    feed: &Feed,
    buckets: &[String],
    limit: u32,
    now: Timestamp,
) -> Result<Purged, StoreError> {
    let (id, tables) = (feeds::find(tx, feed)?.id, tables(feed.kind));
    let (mut purged, mut left) = (Purged::default(), u64::from(limit.max(1)));
    for sequence in dead(tx, id, buckets, now)? {
        left -= publications(tx, tables, (id, sequence), left, &mut purged)?;
        if left == 0 {
            // Perhaps there are more, and the bundle's own row counts too.
            break;
        }
        let orphans = tx.prepare_cached(&recall_tables::tables(feed.kind).forget_orphans)?.execute(params![
            id,
            integer(sequence),
            outlived(now).unix()
        ])?;
        purged.identities += orphans as u64;
        bundle(tx, id, sequence)?;
        purged.bundles.push(sequence);
        left -= 1;
        if left == 0 {
            break;
        }
    }
    purged.numbers = numbers(tx, id, limit)?;
    Ok(purged)
}

/// Removes at most `limit` publications of a bundle, in bundle order, and their keys or reports unless somebody else needs them; how many
/// publications it removed.
fn publications(
    tx: &Transaction<'_>,
    tables: &Tables,
    (feed, sequence): (i64, u64),
    limit: u64,
    purged: &mut Purged,
) -> Result<u64, StoreError> {
    let sequence = integer(sequence);
    let mut last = tx.prepare_cached(tables.last_dying)?;
    let last = last.query_row([feed, sequence, integer(limit - 1)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    // No row has this value among its `revised`: all of them come before.
    let (revised, class, identity): (i64, i64, Value) =
        last.optional()?.unwrap_or((i64::MAX, 0, Value::Blob(Vec::new())));
    let batch: [&dyn ToSql; 5] = [&feed, &sequence, &revised, &class, &identity];
    purged.identities += tx.prepare_cached(tables.forget)?.execute(&batch[..])? as u64;
    let publications = tx.prepare_cached(tables.unpublish)?.execute(&batch[..])? as u64;
    purged.publications += publications;
    Ok(publications)
}

/// Removes a bundle that has no publications any more. What was listed while it was there can no longer be told.
fn bundle(tx: &Transaction<'_>, feed: i64, sequence: u64) -> Result<(), StoreError> {
    const STATEMENTS: [&str; 4] = [
        "-- feeds::outlive
            UPDATE feed SET oldest_number = max(oldest_number, bundle.delisted_number)
            FROM bundle WHERE id = ?1 AND bundle.feed = ?1 AND sequence = ?2",
        "-- bundle_signature::purge
            DELETE FROM bundle_signature WHERE feed = ?1 AND sequence = ?2",
        "-- bundle_bucket::purge
            DELETE FROM bundle_bucket WHERE feed = ?1 AND sequence = ?2",
        "-- bundle::purge
            DELETE FROM bundle WHERE feed = ?1 AND sequence = ?2",
    ];
    for statement in STATEMENTS {
        tx.prepare_cached(statement)?.execute([feed, integer(sequence)])?;
    }
    Ok(())
}

/// Removes at most `limit` numbers that can no longer be listed, and the announcements that only they made; how many numbers it removed.
fn numbers(tx: &Transaction<'_>, feed: i64, limit: u32) -> Result<u64, StoreError> {
    const NUMBERS: &str = "-- feed_number::purge
        DELETE FROM feed_number WHERE feed = ?1 AND number IN (
            SELECT number FROM feed_number
            WHERE feed = ?1 AND number < (SELECT oldest_number FROM feed WHERE id = ?1) ORDER BY number LIMIT ?2)";
    const ANNOUNCED: [&str; 2] = [
        "-- announced_key::purge
            DELETE FROM announced_key WHERE feed = ?1 AND to_number <= (SELECT oldest_number FROM feed WHERE id = ?1)",
        "-- announced_gateway::purge
            DELETE FROM announced_gateway
            WHERE feed = ?1 AND to_number <= (SELECT oldest_number FROM feed WHERE id = ?1)",
    ];
    let numbers = tx.prepare_cached(NUMBERS)?.execute(params![feed, limit.max(1)])?;
    for announced in ANNOUNCED {
        tx.prepare_cached(announced)?.execute([feed])?;
    }
    Ok(numbers as u64)
}
