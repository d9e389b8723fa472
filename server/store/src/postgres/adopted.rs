//! The rows of one bundle that is taken over, and of one that gives way.

use proto::{Feed, Kind};

use super::adoption_tables::{Columns, adoption_tables};
use super::column::integer;
use super::feeds::{self, FeedRow};
use super::progress;
use super::purge;
use super::transaction::{Params, Transaction};
use crate::adoption::AdoptedBundle;
use crate::clock::Clock;
use crate::error::StoreError;
use crate::release::report_release_at;

/// Takes the lock of the seals, which is one for all feeds, and reads the feed's row after it.
pub(super) async fn lock(tx: &Transaction<'_>, feed: &Feed, clock: &Clock) -> Result<FeedRow, StoreError> {
    tx.command("LOCK TABLE seal_lock IN EXCLUSIVE MODE").await?;
    feeds::find(tx, feed, clock).await
}

/// Writes a bundle with its members, in the place of what stands there.
pub(super) async fn write(
    tx: &Transaction<'_>,
    (feed, bundle, clock): (&Feed, &AdoptedBundle, &Clock),
) -> Result<(), StoreError> {
    let row = lock(tx, feed, clock).await?;
    let (tables, sequence) = (adoption_tables(feed.kind), bundle.row.sequence);
    give_way(tx, feed.kind, &row, sequence).await?;
    // Whoever withdraws by day asks when a bundle was sealed: nobody remembers it better than its end.
    let sealed = FeedRow { now: bundle.row.end, ..row };
    super::bundle_rows::insert(tx, &sealed, &bundle.row, bundle.number).await?;
    if let Some(derived) = &bundle.row.derived {
        let given = progress::Given { feed, number: sequence, bucket: "", clock };
        progress::record_derived(tx, (&given, derived)).await?;
    }
    let columns = Columns::of(&bundle.members)?;
    let (id, sequence, given) = (row.id, integer(sequence), columns.params());
    tx.execute(tables.publish, &with(&[&id, &sequence], &given)).await?;
    tx.execute(tables.unfresh, &[columns.identities()]).await?;
    tx.execute(tables.learn, &given).await?;
    tx.execute(tables.claim, &[&id, columns.identities(), columns.revised()]).await?;
    tx.execute(tables.shuffle, &[columns.identities()]).await?;
    Ok(())
}

/// De-lists a bundle from `number` on. What it carries waits again, unless another one carries it.
pub(super) async fn recall(
    tx: &Transaction<'_>,
    feed: &Feed,
    row: &FeedRow,
    (sequence, number): (u64, u64),
) -> Result<(), StoreError> {
    const SQL: &str = "-- bundle::adopt (recalled)
        UPDATE bundle SET state = 'recalled', delisted_number = $3
        WHERE feed = $1 AND sequence = $2 AND listed_number < $3";
    if tx.execute(SQL, &[&row.id, &integer(sequence), &integer(number)]).await? == 1 {
        return unpublish(tx, feed.kind, row, sequence).await;
    }
    // It was sealed at a number that nobody has seen with it: nothing is to be remembered of it.
    give_way(tx, feed.kind, row, sequence).await
}

/// Removes a bundle, as if it had never been sealed.
async fn give_way(tx: &Transaction<'_>, kind: Kind, row: &FeedRow, sequence: u64) -> Result<(), StoreError> {
    const STATEMENTS: [&str; 3] = [
        "-- bundle_signature::give_way
            DELETE FROM bundle_signature WHERE feed = $1 AND sequence = $2",
        "-- bundle_bucket::give_way
            DELETE FROM bundle_bucket WHERE feed = $1 AND sequence = $2",
        "-- bundle::give_way
            DELETE FROM bundle WHERE feed = $1 AND sequence = $2",
    ];
    unpublish(tx, kind, row, sequence).await?;
    for statement in STATEMENTS {
        tx.execute(statement, &[&row.id, &integer(sequence)]).await?;
    }
    Ok(())
}

/// What a bundle carries waits again, unless another one of the feed carries it, and is known still.
async fn unpublish(tx: &Transaction<'_>, kind: Kind, row: &FeedRow, sequence: u64) -> Result<(), StoreError> {
    purge::keep_all(tx, kind, row.id, sequence).await?;
    let tables = adoption_tables(kind);
    let (sequence, released) = (integer(sequence), report_release_at(row.now).unix());
    tx.execute(tables.wait_again, &[&row.id, &sequence, &released]).await?;
    tx.execute(tables.unpublish, &[&row.id, &sequence]).await?;
    Ok(())
}

fn with<'a>(first: Params<'a>, rest: Params<'a>) -> Vec<super::transaction::Param<'a>> {
    first.iter().chain(rest).copied().collect()
}
