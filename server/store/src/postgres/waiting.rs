//! What waits in a feed.

use proto::Feed;
use tokio_postgres::Row;

use super::column::{at, maybe_number, number};
use super::feeds::FeedRow;
use super::tables::Tables;
use super::transaction::Transaction;
use crate::bundles::Waiting;
use crate::error::StoreError;
use crate::sealing::Counted;
use proto::Timestamp;

/// Counts what waits in a feed now.
pub(super) async fn count(
    tx: &Transaction<'_>,
    tables: &Tables,
    feed: &Feed,
    row: &FeedRow,
) -> Result<Counted, StoreError> {
    let counted = tx.row(tables.count, &[&row.id, &row.now.unix()]).await?;
    read(&counted).map_err(at(format_args!("{} of {feed}", tables.waiting_name)))
}

fn read(row: &Row) -> Result<Counted, StoreError> {
    let oldest = maybe_number(row, 3)?.map(Timestamp::from_unix);
    let waiting = Waiting { releasable: number(row, 0)?, revised: number(row, 1)?, unripe: number(row, 2)?, oldest };
    Ok(Counted { waiting, largest: number(row, 4)? })
}
