//! Feeds: their rows, and the numbers that they take.

use proto::{Feed, Timestamp};

use super::column::{at, integer, number, parsed, time};
use super::transaction::Transaction;
use crate::adoption::FeedStanding;
use crate::clock::Clock;
use crate::error::StoreError;
use crate::stored::Reason;

/// The grain of a feed's creation, in seconds: bundles begin on a full hour.
const CREATION_GRAIN: i64 = 3_600;

/// What a feed stands at.
pub(super) struct FeedRow {
    /// Its name in other tables.
    pub(super) id: i32,
    /// Its newest number.
    pub(super) number: u64,
    /// The sequence of its next bundle.
    pub(super) next_sequence: u64,
    /// The start of its next bundle.
    pub(super) last_end: Timestamp,
    /// The lowest number that can still be listed.
    pub(super) oldest_number: u64,
    /// The database's time, moved by the clock's offset.
    pub(super) now: Timestamp,
}

impl FeedRow {
    /// The same, as others know it.
    pub(super) const fn standing(&self) -> FeedStanding {
        let Self { number, next_sequence, last_end, oldest_number, .. } = *self;
        FeedStanding { number, next_sequence, last_end, oldest_number }
    }
}

/// The row of `feed`, or [`StoreError::NotFound`].
pub(super) async fn find(tx: &Transaction<'_>, feed: &Feed, clock: &Clock) -> Result<FeedRow, StoreError> {
    const SQL: &str = "-- feeds::find
        SELECT id, number, next_sequence, last_end, oldest_number,
               floor(extract(epoch FROM clock_timestamp()))::bigint + $2
        FROM feed WHERE path = $1";
    let row = tx.maybe_row(SQL, &[&feed.to_string(), &clock.offset()]).await?;
    let row = row.ok_or(StoreError::NotFound("feed"))?;
    let read = || {
        Ok(FeedRow {
            id: number(&row, 0)?,
            number: number(&row, 1)?,
            next_sequence: number(&row, 2)?,
            last_end: time(&row, 3)?,
            oldest_number: number(&row, 4)?,
            now: time(&row, 5)?,
        })
    };
    read().map_err(at(format_args!("feed {feed}")))
}

/// The same, and nobody else locks the feed until the transaction ends. The time is read after the lock.
pub(super) async fn lock(tx: &Transaction<'_>, feed: &Feed, clock: &Clock) -> Result<FeedRow, StoreError> {
    const LOCK: &str = "-- feeds::lock
        SELECT id FROM feed WHERE path = $1 FOR UPDATE";
    // A statement of its own: what the next one reads is what was committed before the lock.
    tx.maybe_row(LOCK, &[&feed.to_string()]).await?;
    find(tx, feed, clock).await
}

/// All feeds, by path.
pub(super) async fn all(tx: &Transaction<'_>) -> Result<Vec<Feed>, StoreError> {
    // Paths are ASCII; the collation of the database may order them in another way than bytes do.
    const SQL: &str = r#"-- feeds::all
        SELECT path FROM feed ORDER BY path COLLATE "C""#;
    let rows = tx.rows(SQL, &[]).await?;
    rows.iter().map(|row| parsed(row, 0).map_err(at("feed"))).collect()
}

/// Creates a feed at number 0, unless it exists.
pub(super) async fn create(tx: &Transaction<'_>, feed: &Feed, now: Timestamp) -> Result<(), StoreError> {
    const SQL: &str = "-- feeds::create
        WITH created AS (
            INSERT INTO feed (path, region, kind, role, created_at, last_end) VALUES ($1, $2, $3, $4, $5, $5)
            ON CONFLICT DO NOTHING RETURNING id
        )
        INSERT INTO feed_number (feed, number, taken_at, reason) SELECT id, 0, $5, 'create' FROM created";
    let created = now.floor(CREATION_GRAIN).unix();
    let (path, region) = (feed.to_string(), feed.region.as_str());
    tx.execute(SQL, &[&path, &region, &feed.kind.as_str(), &feed.role.as_str(), &created]).await?;
    Ok(())
}

/// Takes the feed's next number. Its time is that of the row, or that of the number before if the clock was set back.
pub(super) async fn take_number(tx: &Transaction<'_>, feed: &FeedRow, reason: Reason) -> Result<u64, StoreError> {
    const NUMBER: &str = "-- feeds::take_number
        INSERT INTO feed_number (feed, number, taken_at, reason)
        SELECT $1, $2, greatest($3, max(taken_at)), $4 FROM feed_number WHERE feed = $1";
    const FEED: &str = "-- feeds::take_number (feed)
        UPDATE feed SET number = $2 WHERE id = $1";
    let number = feed.number + 1;
    tx.execute(NUMBER, &[&feed.id, &integer(number), &feed.now.unix(), &reason.as_str()]).await?;
    tx.execute(FEED, &[&feed.id, &integer(number)]).await?;
    Ok(number)
}

/// Moves the feed past the bundles that a seal made.
pub(super) async fn advance(
    tx: &Transaction<'_>,
    feed: i32,
    next_sequence: u64,
    last_end: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- feeds::advance
        UPDATE feed SET next_sequence = $2, last_end = $3 WHERE id = $1";
    tx.execute(SQL, &[&feed, &integer(next_sequence), &last_end.unix()]).await?;
    Ok(())
}
