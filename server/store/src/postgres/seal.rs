//! Sealing: waiting publications become bundles, once and for all.

use std::pin::pin;

use futures_util::TryStreamExt;
use proto::Feed;

use super::bundle_rows;
use super::column::{at, integer};
use super::feeds::{self, FeedRow};
use super::filling;
use super::kind::tables;
use super::tables::Tables;
use super::transaction::Transaction;
use super::waiting;
use crate::bad_entry::EntryPlace;
use crate::bundles::{SealOutcome, SealPolicy};
use crate::clock::Clock;
use crate::cut::Portion;
use crate::error::StoreError;
use crate::member_digest::MemberDigest;
use crate::sealing::{Chain, Decision};
use crate::stored::Reason;

/// A seal takes most of what waits, and what it takes of that and of what is fresh is read from end to end, in the order in which it stands. How
/// much it is the planner cannot know: by an index, each row would be looked for in a place of its own.
const END_TO_END: &str = "-- bundles::seal (end to end)
    SET LOCAL enable_indexscan = off;
    SET LOCAL enable_bitmapscan = off";
/// What was sealed is found by its bundle among all that ever was, and read in the order in which it was written.
const BY_INDEX: &str = "-- bundles::seal (by index)
    SET LOCAL enable_indexscan = on";

/// What a seal needs to know.
pub(super) struct Given<'a> {
    /// Which feed.
    pub(super) feed: &'a Feed,
    /// How it is sealed.
    pub(super) policy: &'a SealPolicy,
    /// Moves the database's time.
    pub(super) clock: &'a Clock,
}

/// Seals a feed, in a transaction whose snapshot is frozen by its first statement after the lock. So the seal sees all that was committed before
/// it had the lock, in every statement the same, and what is committed later is left for the next one. The lock is one for all feeds: what a
/// seal claims may wait in others too.
pub(super) async fn seal(tx: &Transaction<'_>, given: &Given<'_>) -> Result<SealOutcome, StoreError> {
    // A seal joins what it takes at once, and sorts in memory: the largest bundle, with what is said of its keys. It does so alone: helpers would cost
    // more than they do here.
    const LOCK: &str = "-- bundles::seal (lock)
        LOCK TABLE seal_lock IN EXCLUSIVE MODE;
        SET LOCAL enable_seqscan = on;
        SET LOCAL enable_nestloop = off;
        SET LOCAL max_parallel_workers_per_gather = 0;
        SET LOCAL work_mem = '192MB'";
    tx.command(LOCK).await?;
    let Given { feed, policy, clock } = *given;
    let row = feeds::find(tx, feed, clock).await?;
    if !policy.is_due(row.last_end, row.now) {
        return Ok(SealOutcome::NotDue);
    }
    let tables = tables(feed.kind);
    let filler = filling::add(tx, feed, &row, policy).await?;
    tx.command(END_TO_END).await?;
    let (revised, portions) = match waiting::count(tx, tables, feed, &row).await?.decide(policy) {
        Decision::Leave(outcome) => return Ok(outcome),
        Decision::Take { revised, portions } => (revised, portions),
    };
    publish(tx, tables, &row, revised, &portions).await?;
    let number = feeds::take_number(tx, &row, Reason::Seal).await?;
    let (sequence, start) = (row.next_sequence, row.last_end);
    let mut bundles = Chain { feed, policy, now: row.now, sequence, start };
    for portion in &portions {
        let member_digest = digest(tx, (feed, &row), bundles.sequence, portion).await;
        let member_digest = member_digest.map_err(at(format_args!("{} of {feed}", tables.waiting_name)))?;
        bundle_rows::insert(tx, &row, &bundles.next(portion, member_digest), number).await?;
    }
    feeds::advance(tx, row.id, bundles.sequence, bundles.start).await?;
    filling::finish(tx, (feed.kind, &row), filler.unwrap_or(policy.filler_mark), filler.is_some()).await?;
    Ok(SealOutcome::Sealed((row.next_sequence..bundles.sequence).collect()))
}

/// Moves the claimed publications, in bundle order, to where bundles are read from. What was said of their keys moves too, unless it did when
/// another feed sealed them.
async fn publish(
    tx: &Transaction<'_>,
    tables: &Tables,
    feed: &FeedRow,
    revised: bool,
    portions: &[Portion],
) -> Result<(), StoreError> {
    copy(tx, tables, feed, (false, portions)).await?;
    if revised {
        copy(tx, tables, feed, (true, portions)).await?;
    }
    tx.execute(tables.release, &[&feed.id, &feed.now.unix(), &revised]).await?;
    tx.command(BY_INDEX).await?;
    if others_wait(tx, tables, feed).await? {
        tx.execute(tables.shuffle, &[&feed.id, &integer(feed.next_sequence)]).await?;
    }
    Ok(())
}

/// Copies the ordinary or the revised ones of what is claimed into the bundles that get some, with what was said of their keys or reports.
async fn copy(
    tx: &Transaction<'_>,
    tables: &Tables,
    feed: &FeedRow,
    (revised, portions): (bool, &[Portion]),
) -> Result<(), StoreError> {
    let many = |portion: &Portion| if revised { portion.revised } else { portion.ordinary };
    let skipped = portions.iter().take_while(|portion| many(portion) == 0).count();
    let (mut firsts, mut next) = (Vec::new(), 1);
    for portion in portions[skipped..].iter().take_while(|portion| many(portion) > 0) {
        firsts.push(integer(next));
        next += many(portion);
    }
    let sequence = integer(feed.next_sequence + skipped as u64);
    let now = feed.now.unix();
    match firsts.len() {
        0 => return Ok(()),
        1 => _ = tx.execute(tables.publish, &[&feed.id, &now, &revised, &sequence]).await?,
        _ => _ = tx.execute(tables.publish_cut, &[&feed.id, &now, &revised, &sequence, &firsts]).await?,
    }
    // Before anything else is copied: what was said of a key goes with one of its publications alone.
    tx.execute(tables.settled, &[&feed.id, &now, &revised]).await.map(drop)
}

/// Whether anything is left that may wait for another publication of a key just sealed: in another feed, or a revision in this one.
async fn others_wait(tx: &Transaction<'_>, tables: &Tables, feed: &FeedRow) -> Result<bool, StoreError> {
    Ok(tx.maybe_row(tables.others, &[&feed.id]).await?.is_some())
}

/// Reads a new bundle as everybody will from now on: its digest, if it holds what it should and nothing that it should not.
async fn digest(
    tx: &Transaction<'_>,
    (feed, row): (&Feed, &FeedRow),
    sequence: u64,
    portion: &Portion,
) -> Result<[u8; 32], StoreError> {
    let tables = tables(feed.kind);
    let mut rows = pin!(tx.stream(tables.bundle, &[&row.id, &integer(sequence)]).await?);
    let mut digest = MemberDigest::new();
    let mut found = Portion { ordinary: 0, revised: 0 };
    while let Some(member) = rows.try_next().await.map_err(|error| tx.failed(error))? {
        let stored = tables.entry(&member, (feed, EntryPlace::Waiting), Some(row.now))?;
        digest.push(stored.revised, &stored.member);
        *(if stored.revised { &mut found.revised } else { &mut found.ordinary }) += 1;
    }
    if found == *portion {
        Ok(digest.finish())
    } else {
        Err(StoreError::Corrupt("not the rows that were counted".into()))
    }
}
