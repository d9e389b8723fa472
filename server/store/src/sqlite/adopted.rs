//! The rows of one bundle that is taken over, and of one that gives way.

use proto::{Feed, Kind, Timestamp};
use rusqlite::{Transaction, params};

use super::adoption_tables::{AdoptionTables, adoption_tables};
use super::column::integer;
use super::kind::tables;
use super::waiting::{self, Claim};
use super::{bundle_rows, feeds, progress};
use crate::adoption::AdoptedBundle;
use crate::bundles::Member;
use crate::error::StoreError;
use crate::release::report_release_at;

/// Writes a bundle with its members, in the place of what stands there.
pub(super) fn write(
    tx: &Transaction<'_>,
    feed: &Feed,
    bundle: &AdoptedBundle,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (id, tables) = (feeds::find(tx, feed)?.id, adoption_tables(feed.kind));
    let row = &bundle.row;
    give_way(tx, tables, (id, row.sequence), now)?;
    // Whoever withdraws by day asks when a bundle was sealed: nobody remembers it better than its end.
    bundle_rows::insert(tx, id, row, bundle.number, row.end)?;
    if let Some(derived) = &row.derived {
        progress::record_derived(tx, feed, row.sequence, derived, now)?;
    }
    for (revised, member) in &bundle.members {
        (tables.publish)(tx, (id, integer(row.sequence)), *revised, member)?;
    }
    claim(tx, tables, id, &bundle.members)?;
    rewrite(tx, feed.kind, id)
}

/// De-lists a bundle from `number` on. What it carries waits again, unless another one carries it.
pub(super) fn recall(
    tx: &Transaction<'_>,
    feed: &Feed,
    (id, sequence): (i64, u64),
    number: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- bundle::adopt (recalled)
        UPDATE bundle SET state = 'recalled', delisted_number = ?3
        WHERE feed = ?1 AND sequence = ?2 AND listed_number < ?3";
    let tables = adoption_tables(feed.kind);
    if tx.prepare_cached(SQL)?.execute([id, integer(sequence), integer(number)])? == 1 {
        return unpublish(tx, tables, (id, sequence), now);
    }
    // It was sealed at a number that nobody has seen with it: nothing is to be remembered of it.
    give_way(tx, tables, (id, sequence), now)
}

/// Writes anew what waits and what is fresh, in the order of bytes: where rows stand tells who uploaded together. Nothing is claimed.
pub(super) fn rewrite(tx: &Transaction<'_>, kind: Kind, feed: i64) -> Result<(), StoreError> {
    let nothing = Claim { feed, now: i64::MIN, revised: false };
    waiting::rewrite(tx, &tables(kind).fresh, &nothing)?;
    waiting::rewrite(tx, &tables(kind).waiting, &nothing)
}

/// Removes a bundle, as if it had never been sealed.
fn give_way(
    tx: &Transaction<'_>,
    tables: &AdoptionTables,
    (feed, sequence): (i64, u64),
    now: Timestamp,
) -> Result<(), StoreError> {
    const STATEMENTS: [&str; 3] = [
        "-- bundle_signature::give_way
            DELETE FROM bundle_signature WHERE feed = ?1 AND sequence = ?2",
        "-- bundle_bucket::give_way
            DELETE FROM bundle_bucket WHERE feed = ?1 AND sequence = ?2",
        "-- bundle::give_way
            DELETE FROM bundle WHERE feed = ?1 AND sequence = ?2",
    ];
    unpublish(tx, tables, (feed, sequence), now)?;
    for statement in STATEMENTS {
        tx.prepare_cached(statement)?.execute([feed, integer(sequence)])?;
    }
    Ok(())
}

/// What a bundle carries waits again, unless another one of the feed carries it.
fn unpublish(
    tx: &Transaction<'_>,
    tables: &AdoptionTables,
    (feed, sequence): (i64, u64),
    now: Timestamp,
) -> Result<(), StoreError> {
    let released = report_release_at(now).unix();
    tx.prepare_cached(tables.wait_again)?.execute(params![feed, integer(sequence), released])?;
    tx.prepare_cached(tables.unpublish)?.execute([feed, integer(sequence)])?;
    Ok(())
}

/// Takes members out of what waits and what is fresh, and learns from the bundle what it tells of them.
fn claim(
    tx: &Transaction<'_>,
    tables: &AdoptionTables,
    feed: i64,
    members: &[(bool, Member)],
) -> Result<(), StoreError> {
    let mut members: Vec<(bool, &Member, &[u8])> =
        members.iter().map(|(revised, member)| (*revised, member, identity(member))).collect();
    // Sealed rows are written in the order of their bytes. Of one that is ordinary and revised, the ordinary values come first and count.
    members.sort_unstable_by_key(|(revised, _, identity)| (*identity, *revised));
    for (revised, member, identity) in members {
        tx.prepare_cached(tables.unfresh)?.execute([identity])?;
        (tables.learn)(tx, member)?;
        tx.prepare_cached(tables.claim)?.execute(params![feed, identity, revised])?;
    }
    Ok(())
}

fn identity(member: &Member) -> &[u8] {
    match member {
        Member::Gaen(entry) => entry.key.data(),
        Member::Tcn(entry) => entry.report.verification_key(),
    }
}
