//! Forgetting bundles that have died, a bounded number of rows at a time.

use proto::{Feed, Kind};

use super::column::{at, integer, number, value};
use super::feeds::{self, FeedRow};
use super::kind::tables;
use super::recall_tables;
use super::tables::Tables;
use super::transaction::{Param, Transaction};
use crate::clock::Clock;
use crate::error::StoreError;
use crate::life::{Purged, gone, outlived};

/// What comes after every identity: the longest of them has 32 bytes.
const AFTER_ALL: &[u8] = &[0xFF; 33];

/// What a purge needs to know.
pub(super) struct Given<'a> {
    /// Whose bundles.
    pub(super) feed: &'a Feed,
    /// The buckets that must have confirmed.
    pub(super) buckets: &'a [String],
    /// How much it may remove.
    pub(super) limit: u32,
    /// Of no matter here.
    pub(super) clock: &'a Clock,
}

/// The bundles whose objects are gone from each of `buckets`.
pub(super) async fn dead(tx: &Transaction<'_>, feed: &FeedRow, buckets: &[String]) -> Result<Vec<u64>, StoreError> {
    const SQL: &str = "-- bundle::dead
        SELECT bundle.sequence, bucket FROM bundle LEFT JOIN bundle_bucket AS confirmed
        ON confirmed.feed = bundle.feed AND confirmed.sequence = bundle.sequence AND deleted_at IS NOT NULL
        WHERE bundle.feed = $1 AND delisted_number IS NOT NULL AND (state NOT IN ('recalled', 'void') OR end_at <= $2)";
    let rows = tx.rows(SQL, &[&feed.id, &outlived(feed.now).unix()]).await?;
    let confirmed = rows.iter().map(|row| Ok((number(row, 0).map_err(at("bundle"))?, value(row, 1)?)));
    Ok(gone(confirmed.collect::<Result<Vec<_>, StoreError>>()?, buckets))
}

/// Removes what it may, oldest bundles first. Rows of people go before their bundle's own row, so that whatever is left is found again.
///
/// The first lock is that of the seals, one for all feeds: of two that remove the last two publications of a key at once, neither would see that
/// its own is the last; and a seal moves publications that a purge looks for. The second is the feed's: nobody notes anything of a bundle that dies.
pub(super) async fn purge(tx: &Transaction<'_>, given: &Given<'_>) -> Result<Purged, StoreError> {
    tx.command("LOCK TABLE seal_lock IN EXCLUSIVE MODE").await?;
    let Given { feed, buckets, limit, clock } = *given;
    let (row, tables) = (feeds::lock(tx, feed, clock).await?, tables(feed.kind));
    let id = row.id;
    let (mut purged, mut left) = (Purged::default(), u64::from(limit.max(1)));
    for sequence in dead(tx, &row, buckets).await? {
        left -= publications(tx, tables, (id, sequence), left, &mut purged).await?;
        if left == 0 {
            // Perhaps there are more, and the bundle's own row counts too.
            break;
        }
        let old = outlived(row.now).unix();
        purged.identities +=
            tx.execute(&recall_tables::tables(feed.kind).forget_orphans, &[&id, &integer(sequence), &old]).await?;
        bundle(tx, id, sequence).await?;
        purged.bundles.push(sequence);
        left -= 1;
        if left == 0 {
            break;
        }
    }
    purged.numbers = numbers(tx, id, limit).await?;
    Ok(purged)
}

/// Removes at most `limit` publications of a bundle, in bundle order, and their keys or reports unless somebody else needs them; how many
/// publications it removed.
async fn publications(
    tx: &Transaction<'_>,
    tables: &Tables,
    (feed, sequence): (i32, u64),
    limit: u64,
    purged: &mut Purged,
) -> Result<u64, StoreError> {
    let sequence = integer(sequence);
    let last = tx.maybe_row(tables.last_dying, &[&feed, &sequence, &integer(limit - 1)]).await?;
    let (revised, class, identity) = match &last {
        Some(last) => (value(last, 0)?, number(last, 1)?, value(last, 2)?),
        None => (true, i64::MAX, AFTER_ALL),
    };
    let batch: [Param<'_>; 6] = [&feed, &sequence, &revised, &class, &identity, &false];
    let kept: u64 = number(&tx.row(tables.keep, &batch).await?, 0)?;
    let forgotten = tx.execute(tables.forget, &batch[..5]).await?;
    let dead = tx.row(tables.unpublish, &batch[..5]).await?;
    let (publications, carried): (u64, u64) = (number(&dead, 0)?, number(&dead, 1)?);
    purged.identities += forgotten + carried.saturating_sub(kept);
    purged.publications += publications;
    Ok(publications)
}

/// Keeps all that a bundle's publications say of their keys or reports, before they are deleted.
pub(super) async fn keep_all(tx: &Transaction<'_>, kind: Kind, feed: i32, sequence: u64) -> Result<(), StoreError> {
    let all: [Param<'_>; 6] = [&feed, &integer(sequence), &true, &i64::MAX, &AFTER_ALL, &true];
    tx.row(tables(kind).keep, &all).await.map(drop)
}

/// Removes a bundle that has no publications any more. What was listed while it was there can no longer be told.
async fn bundle(tx: &Transaction<'_>, feed: i32, sequence: u64) -> Result<(), StoreError> {
    const STATEMENTS: [&str; 4] = [
        "-- feeds::outlive
            UPDATE feed SET oldest_number = greatest(oldest_number, bundle.delisted_number)
            FROM bundle WHERE id = $1 AND bundle.feed = $1 AND sequence = $2",
        "-- bundle_signature::purge
            DELETE FROM bundle_signature WHERE feed = $1 AND sequence = $2",
        "-- bundle_bucket::purge
            DELETE FROM bundle_bucket WHERE feed = $1 AND sequence = $2",
        "-- bundle::purge
            DELETE FROM bundle WHERE feed = $1 AND sequence = $2",
    ];
    for statement in STATEMENTS {
        tx.execute(statement, &[&feed, &integer(sequence)]).await?;
    }
    Ok(())
}

/// Removes at most `limit` numbers that can no longer be listed, and the announcements that only they made; how many numbers it removed.
async fn numbers(tx: &Transaction<'_>, feed: i32, limit: u32) -> Result<u64, StoreError> {
    const NUMBERS: &str = "-- feed_number::purge
        DELETE FROM feed_number WHERE feed = $1 AND number = ANY (ARRAY(
            SELECT number FROM feed_number
            WHERE feed = $1 AND number < (SELECT oldest_number FROM feed WHERE id = $1) ORDER BY number LIMIT $2))";
    const ANNOUNCED: [&str; 2] = [
        "-- announced_key::purge
            DELETE FROM announced_key WHERE feed = $1 AND to_number <= (SELECT oldest_number FROM feed WHERE id = $1)",
        "-- announced_gateway::purge
            DELETE FROM announced_gateway
            WHERE feed = $1 AND to_number <= (SELECT oldest_number FROM feed WHERE id = $1)",
    ];
    let numbers = tx.execute(NUMBERS, &[&feed, &i64::from(limit.max(1))]).await?;
    for announced in ANNOUNCED {
        tx.execute(announced, &[&feed]).await?;
    }
    Ok(numbers)
}
