//! Feeds: their rows, and the numbers that they take.

use std::collections::BTreeSet;

use proto::{Feed, Kind, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::column::{at, integer, number, parsed, time};
use crate::adoption::FeedStanding;
use crate::error::StoreError;
use crate::stored::Reason;

/// The grain of a feed's creation, in seconds: bundles begin on a full hour.
const CREATION_GRAIN: i64 = 3_600;

/// What a feed stands at.
pub(super) struct FeedRow {
    /// Its name in other tables.
    pub(super) id: i64,
    /// Its newest number.
    pub(super) number: u64,
    /// The sequence of its next bundle.
    pub(super) next_sequence: u64,
    /// The start of its next bundle.
    pub(super) last_end: Timestamp,
    /// The lowest number that can still be listed.
    pub(super) oldest_number: u64,
}

impl FeedRow {
    /// The same, as others know it.
    pub(super) const fn standing(&self) -> FeedStanding {
        let Self { number, next_sequence, last_end, oldest_number, .. } = *self;
        FeedStanding { number, next_sequence, last_end, oldest_number }
    }
}

/// The row of `feed`, or [`StoreError::NotFound`].
pub(super) fn find(transaction: &Transaction<'_>, feed: &Feed) -> Result<FeedRow, StoreError> {
    const SQL: &str = "-- feeds::find
        SELECT id, number, next_sequence, last_end, oldest_number FROM feed WHERE path = ?1";
    let mut statement = transaction.prepare_cached(SQL)?;
    let row = statement.query_row([feed.to_string()], |row| Ok(read(row))).optional()?;
    row.ok_or(StoreError::NotFound("feed"))?.map_err(at(format_args!("feed {feed}")))
}

/// The ids of `feeds`, each once. All must be of one kind: keys go to no feed of reports.
pub(super) fn ids(transaction: &Transaction<'_>, feeds: &[Feed], kind: Kind) -> Result<Vec<i64>, StoreError> {
    if feeds.iter().any(|feed| feed.kind != kind) {
        return Err(StoreError::NotFound("feed of this kind"));
    }
    let ids: Result<BTreeSet<i64>, StoreError> = feeds.iter().map(|feed| Ok(find(transaction, feed)?.id)).collect();
    Ok(ids?.into_iter().collect())
}

/// All feeds, by path.
pub(super) fn all(transaction: &Transaction<'_>) -> Result<Vec<Feed>, StoreError> {
    const SQL: &str = "-- feeds::all
        SELECT path FROM feed ORDER BY path";
    let mut statement = transaction.prepare_cached(SQL)?;
    let mut rows = statement.query([])?;
    let mut feeds = Vec::new();
    while let Some(row) = rows.next()? {
        feeds.push(parsed(row, 0).map_err(at("feed"))?);
    }
    Ok(feeds)
}

/// Creates a feed at number 0, unless it exists.
pub(super) fn create(transaction: &Transaction<'_>, feed: &Feed, now: Timestamp) -> Result<(), StoreError> {
    const FEED: &str = "-- feeds::create
        INSERT INTO feed (path, region, kind, role, created_at, last_end) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
        ON CONFLICT DO NOTHING";
    const NUMBER: &str = "-- feeds::create (number)
        INSERT INTO feed_number (feed, number, taken_at, reason) VALUES (?1, 0, ?2, 'create')";
    let created = now.floor(CREATION_GRAIN).unix();
    let values = params![feed.to_string(), feed.region.as_str(), feed.kind.as_str(), feed.role.as_str(), created];
    if transaction.prepare_cached(FEED)?.execute(values)? == 1 {
        transaction.prepare_cached(NUMBER)?.execute([transaction.last_insert_rowid(), created])?;
    }
    Ok(())
}

/// Takes the feed's next number. Its time is `now`, or that of the number before if the clock was set back.
pub(super) fn take_number(
    transaction: &Transaction<'_>,
    feed: &FeedRow,
    now: Timestamp,
    reason: Reason,
) -> Result<u64, StoreError> {
    const NUMBER: &str = "-- feeds::take_number
        INSERT INTO feed_number (feed, number, taken_at, reason)
        SELECT ?1, ?2, max(?3, coalesce(max(taken_at), ?3)), ?4 FROM feed_number WHERE feed = ?1";
    const FEED: &str = "-- feeds::take_number (feed)
        UPDATE feed SET number = ?2 WHERE id = ?1";
    let number = feed.number + 1;
    transaction.prepare_cached(NUMBER)?.execute(params![feed.id, integer(number), now.unix(), reason.as_str()])?;
    transaction.prepare_cached(FEED)?.execute([feed.id, integer(number)])?;
    Ok(number)
}

/// Moves the feed past the bundles that a seal made.
pub(super) fn advance(
    transaction: &Transaction<'_>,
    feed: i64,
    next_sequence: u64,
    last_end: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- feeds::advance
        UPDATE feed SET next_sequence = ?2, last_end = ?3 WHERE id = ?1";
    transaction.prepare_cached(SQL)?.execute([feed, integer(next_sequence), last_end.unix()])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<FeedRow, StoreError> {
    Ok(FeedRow {
        id: number(row, 0)?,
        number: number(row, 1)?,
        next_sequence: number(row, 2)?,
        last_end: time(row, 3)?,
        oldest_number: number(row, 4)?,
    })
}
