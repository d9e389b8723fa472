//! `Recalls` on SQLite. The transaction began IMMEDIATE, so that nobody else writes meanwhile.

use std::collections::BTreeSet;

use async_trait::async_trait;
use proto::{Feed, Timestamp};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Transaction, params, params_from_iter};

use super::column::{integer, value};
use super::feeds::{self, FeedRow};
use super::key_store::SqliteKeyStore;
use super::kind::tables;
use super::recall_tables;
use super::{audit, withdrawals};
use crate::audit::Act;
use crate::bad_entry::{EntryName, EntryPlace};
use crate::error::StoreError;
use crate::recall::{RecallOrder, RecallOutcome, Recalled, Recalls};
use crate::release::report_release_at;
use crate::stored::Reason;

/// A day, in seconds.
const DAY: i64 = 86_400;

#[async_trait]
impl Recalls for SqliteKeyStore {
    async fn recall(&self, order: &RecallOrder) -> Result<RecallOutcome, StoreError> {
        let (order, clock) = (order.clone(), self.clock.clone());
        let recall = move |tx: &Transaction<'_>| attempt(tx, order.act.is_some(), |tx| recall(tx, &order, clock.now()));
        let outcome = self.pool.write("recalls::recall", recall).await?;
        // The log keeps what was deleted, and where it stood.
        self.empty_log().await;
        Ok(outcome)
    }
}

/// Runs what may be undone: unless it is to stay, nothing of it does, although its result counts.
pub(super) fn attempt<T>(
    tx: &Transaction<'_>,
    stays: bool,
    operation: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    tx.execute_batch("SAVEPOINT attempt")?;
    let result = operation(tx)?;
    tx.execute_batch(if stays { "RELEASE attempt" } else { "ROLLBACK TO attempt; RELEASE attempt" })?;
    Ok(result)
}

fn recall(tx: &Transaction<'_>, order: &RecallOrder, now: Timestamp) -> Result<RecallOutcome, StoreError> {
    const STATE: &str = "-- bundle::state
        SELECT state, delisted_number FROM bundle WHERE feed = ?1 AND sequence = ?2";
    let RecallOrder { feed, sequence, without, act } = order;
    let row = feeds::find(tx, feed)?;
    let mut statement = tx.prepare_cached(STATE)?;
    let found = statement.query_row([row.id, integer(*sequence)], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (state, delisted): (String, Option<i64>) = found.ok_or(StoreError::NotFound("bundle"))?;
    match delisted.map(i64::cast_unsigned) {
        Some(number) if ["recalled", "void"].contains(&state.as_str()) => return Ok(RecallOutcome::Before(number)),
        Some(_) => return Ok(RecallOutcome::Delisted),
        None => {}
    }
    let recalled = take_back(tx, (feed, &row), *sequence, without, now)?;
    withdrawals::rewrite(tx, feed.kind)?;
    write_down(tx, act.as_ref(), recalled.to_json())?;
    Ok(RecallOutcome::Recalled(recalled))
}

/// Writes down what was done, unless it is undone anyway.
pub(super) fn write_down(tx: &Transaction<'_>, act: Option<&Act>, outcome: String) -> Result<(), StoreError> {
    act.map_or(Ok(()), |act| audit::insert(tx, &Act { outcome, ..act.clone() }))
}

/// Takes a listed bundle back, but for the members that are set aside. Whoever calls it writes anew what waits.
pub(super) fn take_back(
    tx: &Transaction<'_>,
    (feed, row): (&Feed, &FeedRow),
    sequence: u64,
    without: &[EntryName],
    now: Timestamp,
) -> Result<Recalled, StoreError> {
    const DERIVED: &str = "-- bundle::is_derived
        SELECT derived_at IS NOT NULL FROM bundle WHERE feed = ?1 AND sequence = ?2";
    const BUNDLE: &str = "-- bundle::recall
        UPDATE bundle SET state = ?4, delisted_number = ?3 WHERE feed = ?1 AND sequence = ?2";
    const OLDEST: &str = "-- feeds::recall
        UPDATE feed SET oldest_number = ?2 WHERE id = ?1";
    let statements = recall_tables::tables(feed.kind);
    let bundle = [row.id, integer(sequence)];
    let set_aside = set_aside(tx, (feed, bundle), without, now.floor(DAY))?;
    ensure_sound(tx, (feed, bundle), sequence)?;
    let returned = come_back(tx, (feed, bundle), report_release_at(now))?;
    let members = tx.prepare_cached(&statements.unpublish)?.execute(bundle)? as u64 + set_aside;

    let derived: bool = tx.prepare_cached(DERIVED)?.query_row(bundle, |row| row.get(0))?;
    let void = !derived;
    let number = feeds::take_number(tx, row, now, Reason::Recall)?;
    let state = if void { "void" } else { "recalled" };
    tx.prepare_cached(BUNDLE)?.execute(params![row.id, integer(sequence), integer(number), state])?;
    // The lists of before name what is gone now, so that nobody may be told of them any more.
    tx.prepare_cached(OLDEST)?.execute([row.id, integer(number)])?;
    Ok(Recalled { sequence, number, void, members, returned, set_aside })
}

/// Sets some members aside; how many publications.
fn set_aside(
    tx: &Transaction<'_>,
    (feed, [id, sequence]): (&Feed, [i64; 2]),
    without: &[EntryName],
    day: Timestamp,
) -> Result<u64, StoreError> {
    let wanted: BTreeSet<EntryName> = without.iter().copied().collect();
    if wanted.is_empty() {
        return Ok(0);
    }
    let statements = recall_tables::tables(feed.kind);
    let mut select = tx.prepare_cached(&statements.identities)?;
    let mut rows = select.query([id, sequence])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let identity: Vec<u8> = value(row, 0)?;
        if wanted.contains(&EntryName::of(&identity)) {
            found.push(identity);
        }
    }
    if found.len() < wanted.len() {
        return Err(StoreError::NotFound("entry in this bundle"));
    }
    let mut gone = 0;
    for identity in found {
        tx.prepare_cached(&statements.set_aside)?.execute(params![id, sequence, identity, day.unix()])?;
        gone += tx.prepare_cached(&statements.unpublish_one)?.execute(params![id, sequence, identity])? as u64;
    }
    Ok(gone)
}

/// Reads what would return as everybody will, so that no bad row comes back to stop its feed.
fn ensure_sound(
    tx: &Transaction<'_>,
    (feed, [id, bundle]): (&Feed, [i64; 2]),
    sequence: u64,
) -> Result<(), StoreError> {
    /// Before the first row: no row has this value among its `revised`.
    const BEFORE_ALL: i64 = -1;
    let tables = tables(feed.kind);
    let mut statement = tx.prepare_cached(tables.members)?;
    let nothing: &[u8] = &[];
    let mut rows = statement.query(params![id, bundle, BEFORE_ALL, 0, nothing, i64::MAX])?;
    while let Some(row) = rows.next()? {
        tables.entry(row, (feed, EntryPlace::Bundle(sequence)), None)?;
    }
    Ok(())
}

/// Lets what is said last of each member wait; how many publications. They are read before anything is deleted, since some of them wait already.
fn come_back(
    tx: &Transaction<'_>,
    (feed, [id, sequence]): (&Feed, [i64; 2]),
    release_at: Timestamp,
) -> Result<u64, StoreError> {
    let statements = recall_tables::tables(feed.kind);
    let mut select = tx.prepare_cached(&statements.come_back)?;
    let columns = select.column_count();
    let mut rows = select.query([id, sequence, release_at.unix()])?;
    let mut returning: Vec<Vec<Value>> = Vec::new();
    while let Some(row) = rows.next()? {
        returning.push((0..columns).map(|index| row.get(index)).collect::<Result<_, _>>()?);
    }
    tx.prepare_cached(&statements.unwait)?.execute([id, sequence])?;
    let mut insert = tx.prepare_cached(tables(feed.kind).waiting.insert)?;
    let returned = returning.len() as u64;
    for row in returning {
        insert.execute(params_from_iter(row))?;
    }
    Ok(returned)
}
