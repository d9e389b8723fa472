//! Sealing: waiting publications become bundles, once and for all.

use proto::Feed;
use rusqlite::types::ToSqlOutput;
use rusqlite::{Row, Statement, Transaction};

use super::bundle_rows;
use super::column::{at, integer};
use super::feeds::{self, FeedRow, Reason};
use super::kind::tables;
use super::tables::Tables;
use super::waiting::{self, Claim, Counted};
use crate::bundles::{BundleRow, SealOutcome, SealPolicy};
use crate::clock::Clock;
use crate::cut::{Portion, cut};
use crate::error::StoreError;
use crate::member_digest::MemberDigest;

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
    let tables = tables(feed.kind);
    let counted = waiting::count(tx, tables, (feed, row.id), now)?;
    let ready = &counted.waiting;
    if ready.releasable == 0 && ready.revised == 0 {
        return Ok(SealOutcome::Nothing);
    }
    if ready.releasable < u64::from(policy.minimum.max(1)) {
        return Ok(SealOutcome::Held(*ready));
    }
    let revised = ready.revised >= u64::from(policy.revised_minimum);
    let claim = Claim { feed: row.id, now: now.unix(), revised };
    let portions = portions(&counted, revised, policy);
    let digests =
        publish(tx, tables, &row, &claim, &portions).map_err(at(format_args!("{} of {feed}", tables.waiting_name)))?;
    settle(tx, tables, &claim)?;

    let number = feeds::take_number(tx, &row, now, Reason::Seal)?;
    let (mut sequence, mut start) = (row.next_sequence, row.last_end);
    for (portion, member_digest) in portions.iter().zip(digests) {
        let bundle = BundleRow {
            feed: feed.clone(),
            sequence,
            from_sequence: sequence,
            start,
            // Ends rise strictly whatever the clock does: a phone that keeps the newest end must miss nothing.
            end: now.max(start.plus(1)),
            count: portion.ordinary,
            revised: portion.revised,
            member_digest,
            signing: policy.signing.clone(),
            format: policy.format,
            derived: None,
        };
        bundle_rows::insert(tx, row.id, &bundle, number, now)?;
        (sequence, start) = (sequence + 1, bundle.end);
    }
    feeds::advance(tx, row.id, sequence, start)?;
    Ok(SealOutcome::Sealed((row.next_sequence..sequence).collect()))
}

/// How the claimed publications are cut into bundles.
fn portions(counted: &Counted, with_revised: bool, policy: &SealPolicy) -> Vec<Portion> {
    let by_bytes = policy.max_bytes / counted.largest.max(1);
    let maximum = policy.max_entries.min(by_bytes).max(1);
    let revised = if with_revised { counted.waiting.revised } else { 0 };
    cut(counted.waiting.releasable, revised, u64::try_from(maximum).unwrap_or(u64::MAX))
}

/// Copies the claimed publications, in bundle order, to where bundles are read from; the digest of each bundle's members.
fn publish(
    tx: &Transaction<'_>,
    tables: &Tables,
    feed: &FeedRow,
    claim: &Claim,
    portions: &[Portion],
) -> Result<Vec<[u8; 32]>, StoreError> {
    let mut select = tx.prepare_cached(tables.claim)?;
    let mut insert = tx.prepare_cached(tables.publish)?;
    let columns = select.column_count();
    let mut rows = select.query(&claim.params()[..])?;
    let mut digests = Vec::with_capacity(portions.len());
    for (sequence, portion) in (feed.next_sequence..).zip(portions) {
        let mut digest = MemberDigest::new();
        for _ in 0..portion.ordinary + portion.revised {
            let row = rows.next()?.ok_or_else(|| StoreError::Corrupt("fewer rows than were counted".into()))?;
            let stored = (tables.read)(row)?;
            digest.push(stored.revised, &stored.member);
            copy(row, columns, &mut insert, (feed.id, sequence))?;
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
