//! Sealing: waiting publications become bundles, once and for all.

use proto::{Feed, Timestamp};
use rusqlite::types::ToSqlOutput;
use rusqlite::{Row, Statement, Transaction};

use super::bundle_rows;
use super::column::{at, integer};
use super::feeds;
use super::filling;
use super::kind::tables;
use super::tables::Tables;
use super::waiting::{self, Claim};
use crate::bad_entry::EntryPlace;
use crate::bundles::{SealOutcome, SealPolicy};
use crate::clock::Clock;
use crate::cut::Portion;
use crate::error::StoreError;
use crate::member_digest::MemberDigest;
use crate::sealing::{Chain, Decision};
use crate::stored::Reason;

/// Seals a feed. The transaction began IMMEDIATE, so that from its first statement on nobody else writes: that is the feed's lock.
pub(super) fn seal(
    tx: &Transaction<'_>,
    feed: &Feed,
    policy: &SealPolicy,
    clock: &Clock,
) -> Result<SealOutcome, StoreError> {
    let row = feeds::find(tx, feed)?;
    // Read after the lock: whatever committed before it has a `release_at` that this time is compared with, and nothing commits later.
    let now = clock.now();
    if !policy.is_due(row.last_end, now) {
        return Ok(SealOutcome::NotDue);
    }
    let tables = tables(feed.kind);
    let filler = filling::add(tx, (feed, row.id), policy, now)?;
    let (revised, portions) = match waiting::count(tx, tables, (feed, row.id), now)?.decide(policy) {
        Decision::Leave(outcome) => return Ok(outcome),
        Decision::Take { revised, portions } => (revised, portions),
    };
    let claim = Claim { feed: row.id, now: now.unix(), revised };
    let digests = publish(tx, (feed, row.next_sequence), &claim, &portions)
        .map_err(at(format_args!("{} of {feed}", tables.waiting_name)))?;
    settle(tx, tables, &claim)?;

    let number = feeds::take_number(tx, &row, now, Reason::Seal)?;
    let mut bundles = Chain { feed, policy, now, sequence: row.next_sequence, start: row.last_end };
    for (portion, member_digest) in portions.iter().zip(digests) {
        bundle_rows::insert(tx, row.id, &bundles.next(portion, member_digest), number, now)?;
    }
    feeds::advance(tx, row.id, bundles.sequence, bundles.start)?;
    filling::mark(tx, &row, filler.unwrap_or(policy.filler_mark))?;
    Ok(SealOutcome::Sealed((row.next_sequence..bundles.sequence).collect()))
}

/// Copies the claimed publications, in bundle order, to where bundles are read from; the digest of each bundle's members.
fn publish(
    tx: &Transaction<'_>,
    (feed, first): (&Feed, u64),
    claim: &Claim,
    portions: &[Portion],
) -> Result<Vec<[u8; 32]>, StoreError> {
    let tables = tables(feed.kind);
    let mut select = tx.prepare_cached(tables.claim)?;
    let mut insert = tx.prepare_cached(tables.publish)?;
    let columns = select.column_count();
    let mut rows = select.query(&claim.params()[..])?;
    let mut digests = Vec::with_capacity(portions.len());
    for (sequence, portion) in (first..).zip(portions) {
        let mut digest = MemberDigest::new();
        for _ in 0..portion.ordinary + portion.revised {
            let row = rows.next()?.ok_or_else(|| StoreError::Corrupt("fewer rows than were counted".into()))?;
            let stored = tables.entry(row, (feed, EntryPlace::Waiting), Some(Timestamp::from_unix(claim.now)))?;
            digest.push(stored.revised, &stored.member);
            copy(row, columns, &mut insert, (claim.feed, sequence))?;
        }
        digests.push(digest.finish());
    }
    Ok(digests)
}

/// Inserts a row as it was read, in a feed's bundle.
fn copy(row: &Row<'_>, columns: usize, insert: &mut Statement<'_>, bundle: (i64, u64)) -> Result<(), StoreError> {
    insert.raw_bind_parameter(1, bundle.0)?;
    insert.raw_bind_parameter(2, integer(bundle.1))?;
    for column in 0..columns {
        insert.raw_bind_parameter(column + 3, ToSqlOutput::Borrowed(row.get_ref(column)?))?;
    }
    insert.raw_execute()?;
    Ok(())
}

/// Takes the claimed publications out of the waiting ones. Their keys move too, unless they moved when another feed sealed them. What was said
/// of a fresh key is found through its waiting publication, so the waiting ones go last.
fn settle(tx: &Transaction<'_>, tables: &Tables, claim: &Claim) -> Result<(), StoreError> {
    tx.prepare_cached(tables.settle)?.execute(&claim.params()[..])?;
    waiting::rewrite(tx, &tables.fresh, claim)?;
    waiting::rewrite(tx, &tables.waiting, claim)
}
