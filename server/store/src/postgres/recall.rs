//! `Recalls` on PostgreSQL: one transaction, which neither a seal nor a revision runs beside.

use std::collections::BTreeSet;
use std::pin::pin;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use proto::Feed;

use super::audit;
use super::column::{at, integer, maybe_number, value};
use super::feeds::{self, FeedRow};
use super::key_store::PostgresKeyStore;
use super::kind::tables;
use super::purge;
use super::recall_tables;
use super::transaction::{Mode, Transaction};
use crate::audit::Act;
use crate::bad_entry::{EntryName, EntryPlace};
use crate::clock::Clock;
use crate::error::StoreError;
use crate::recall::{RecallOrder, RecallOutcome, Recalled, Recalls};
use crate::release::report_release_at;
use crate::stored::Reason;

/// What one transaction does under the lock of the seals. Most of a feed's rows may be read and joined, as by a seal.
pub(super) const LOCK: &str = "-- recalls::recall (lock)
    LOCK TABLE seal_lock IN EXCLUSIVE MODE;
    SET LOCAL enable_seqscan = on;
    SET LOCAL work_mem = '128MB'";

/// A day, in seconds.
const DAY: i64 = 86_400;

#[async_trait]
impl Recalls for PostgresKeyStore {
    async fn recall(&self, order: &RecallOrder) -> Result<RecallOutcome, StoreError> {
        let given = (order, &self.clock);
        self.pool.transact("recalls::recall", Mode::Frozen, &given, |tx, given| Box::pin(recall(tx, *given))).await
    }
}

async fn recall(tx: &Transaction<'_>, (order, clock): (&RecallOrder, &Clock)) -> Result<RecallOutcome, StoreError> {
    const STATE: &str = "-- bundle::state
        SELECT state, delisted_number FROM bundle WHERE feed = $1 AND sequence = $2";
    tx.command(LOCK).await?;
    let RecallOrder { feed, sequence, without, act } = order;
    let row = feeds::find(tx, feed, clock).await?;
    let bundle = tx.maybe_row(STATE, &[&row.id, &integer(*sequence)]).await?.ok_or(StoreError::NotFound("bundle"))?;
    let (state, delisted): (&str, Option<u64>) = (value(&bundle, 0)?, maybe_number(&bundle, 1).map_err(at("bundle"))?);
    match delisted {
        Some(number) if ["recalled", "void"].contains(&state) => return Ok(RecallOutcome::Before(number)),
        Some(_) => return Ok(RecallOutcome::Delisted),
        None => {}
    }
    let recalled = take_back(tx, (feed, &row), *sequence, without).await?;
    write_down(tx, act.as_ref(), recalled.to_json()).await?;
    Ok(RecallOutcome::Recalled(recalled))
}

/// Writes down what was done, or sees to it that nothing is.
pub(super) async fn write_down(tx: &Transaction<'_>, act: Option<&Act>, outcome: String) -> Result<(), StoreError> {
    match act {
        Some(act) => audit::insert(tx, &Act { outcome, ..act.clone() }).await,
        None => {
            tx.undo();
            Ok(())
        }
    }
}

/// Takes a listed bundle back, but for the members that are set aside. What returns is written in the order of bytes by this one transaction.
pub(super) async fn take_back(
    tx: &Transaction<'_>,
    (feed, row): (&Feed, &FeedRow),
    sequence: u64,
    without: &[EntryName],
) -> Result<Recalled, StoreError> {
    const DERIVED: &str = "-- bundle::is_derived
        SELECT derived_at IS NOT NULL FROM bundle WHERE feed = $1 AND sequence = $2";
    const BUNDLE: &str = "-- bundle::recall
        UPDATE bundle SET state = $4, delisted_number = $3 WHERE feed = $1 AND sequence = $2";
    const OLDEST: &str = "-- feeds::recall
        UPDATE feed SET oldest_number = $2 WHERE id = $1";
    let (statements, bundle) = (recall_tables::tables(feed.kind), integer(sequence));
    purge::keep_all(tx, feed.kind, row.id, sequence).await?;
    let set_aside = set_aside(tx, (feed, row), sequence, without).await?;
    ensure_sound(tx, (feed, row), sequence).await?;
    let release_at = report_release_at(row.now).unix();
    let returned = tx.execute(&statements.come_back, &[&row.id, &bundle, &release_at]).await?;
    let members = tx.execute(&statements.unpublish, &[&row.id, &bundle]).await? + set_aside;

    let void = !value::<bool>(&tx.row(DERIVED, &[&row.id, &bundle]).await?, 0)?;
    let number = feeds::take_number(tx, row, Reason::Recall).await?;
    // The lists of before name what is gone now, so that nobody may be told of them any more.
    let state = if void { "void" } else { "recalled" };
    tx.execute(BUNDLE, &[&row.id, &bundle, &integer(number), &state]).await?;
    tx.execute(OLDEST, &[&row.id, &integer(number)]).await?;
    Ok(Recalled { sequence, number, void, members, returned, set_aside })
}

/// Sets some members aside; how many publications.
async fn set_aside(
    tx: &Transaction<'_>,
    (feed, row): (&Feed, &FeedRow),
    sequence: u64,
    without: &[EntryName],
) -> Result<u64, StoreError> {
    if without.is_empty() {
        return Ok(0);
    }
    let (statements, bundle) = (recall_tables::tables(feed.kind), integer(sequence));
    let names: BTreeSet<&[u8]> = without.iter().map(|name| name.as_bytes()).collect();
    let names: Vec<&[u8]> = names.into_iter().collect();
    let found = tx.rows(&statements.named, &[&row.id, &bundle, &names]).await?;
    if found.len() < names.len() {
        return Err(StoreError::NotFound("entry in this bundle"));
    }
    let identities = found.iter().map(|row| value(row, 0)).collect::<Result<Vec<&[u8]>, _>>()?;
    tx.execute(&statements.set_aside, &[&row.id, &bundle, &identities, &row.now.floor(DAY).unix()]).await
}

/// Reads what would return as everybody will, so that no bad row comes back to stop its feed.
async fn ensure_sound(tx: &Transaction<'_>, (feed, row): (&Feed, &FeedRow), sequence: u64) -> Result<(), StoreError> {
    let tables = tables(feed.kind);
    let mut rows = pin!(tx.stream(tables.bundle, &[&row.id, &integer(sequence)]).await?);
    while let Some(row) = rows.try_next().await.map_err(|error| tx.failed(error))? {
        tables.entry(&row, (feed, EntryPlace::Bundle(sequence)), None)?;
    }
    Ok(())
}
