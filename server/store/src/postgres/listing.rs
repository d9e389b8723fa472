//! What index and manifest say at a number: keys and bundles.

use proto::Feed;
use proto::bundle::SigningKeyId;
use proto::manifest::AnnouncedKey;
use tokio_postgres::Row;

use super::bundle_rows;
use super::column::{at, corrupt, integer, malformed, time, value};
use super::transaction::Transaction;
use super::{feeds, gateways};
use crate::bundles::Listing;
use crate::clock::Clock;
use crate::error::StoreError;
use crate::stored::{self, Reason};

/// The listing at `number`.
pub(super) async fn listing(
    tx: &Transaction<'_>,
    (feed, number, clock): (&Feed, u64, &Clock),
) -> Result<Listing, StoreError> {
    const SQL: &str = "-- feed_number::find
        SELECT taken_at FROM feed_number WHERE feed = $1 AND number = $2";
    let row = feeds::find(tx, feed, clock).await?;
    if number < row.oldest_number {
        return Err(StoreError::NotFound("number"));
    }
    let id = row.id;
    let taken = tx.maybe_row(SQL, &[&id, &integer(number)]).await?.ok_or(StoreError::NotFound("number"))?;
    let keys = announced(tx, id, number).await.map_err(at(format_args!("announced_key of {feed}")))?;
    let gateways = gateways::announced(tx, (feed, id), number).await?;
    let bundles = bundle_rows::listed(tx, (feed, id), number).await?;
    Ok(Listing { number, time: time(&taken, 0)?, keys, gateways, bundles })
}

/// Replaces the announced keys if the feed stands at the number that was read. Rows of keys that go are closed, never changed otherwise: an older
/// number still names them.
pub(super) async fn announce(
    tx: &Transaction<'_>,
    (feed, read, keys, clock): (&Feed, u64, &[AnnouncedKey], &Clock),
) -> Result<(), StoreError> {
    let row = feeds::lock(tx, feed, clock).await?;
    if row.number != read {
        return Ok(());
    }
    let standing = announced(tx, row.id, row.number).await.map_err(at(format_args!("announced_key of {feed}")))?;
    let come: Vec<_> = keys.iter().filter(|key| !standing.contains(key)).collect();
    let go: Vec<_> = standing.iter().filter(|key| !keys.contains(key)).collect();
    if come.is_empty() && go.is_empty() {
        return Ok(());
    }
    let number = feeds::take_number(tx, &row, Reason::Announce).await?;
    for key in go {
        close(tx, row.id, number, key).await?;
    }
    for key in come {
        open(tx, row.id, number, key).await?;
    }
    Ok(())
}

async fn close(tx: &Transaction<'_>, feed: i32, number: u64, key: &AnnouncedKey) -> Result<(), StoreError> {
    const SQL: &str = "-- announced_key::close
        UPDATE announced_key SET to_number = $2
        WHERE feed = $1 AND to_number IS NULL AND usage = $3 AND key_id = $4 AND key_version = $5";
    let AnnouncedKey { usage, key, .. } = key;
    tx.execute(SQL, &[&feed, &integer(number), &stored::usage(*usage), &key.id, &key.version]).await?;
    Ok(())
}

/// Opens a row. The same key given twice is announced once.
async fn open(tx: &Transaction<'_>, feed: i32, number: u64, key: &AnnouncedKey) -> Result<(), StoreError> {
    const SQL: &str = "-- announced_key::open
        INSERT INTO announced_key (feed, from_number, usage, key_id, key_version, spki, not_before)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT DO NOTHING";
    let AnnouncedKey { usage, key, spki, not_before } = key;
    let (number, usage, not_before) = (integer(number), stored::usage(*usage), not_before.unix());
    tx.execute(SQL, &[&feed, &number, &usage, &key.id, &key.version, spki, &not_before]).await?;
    Ok(())
}

/// The keys announced at `number`, current ones first.
async fn announced(tx: &Transaction<'_>, feed: i32, number: u64) -> Result<Vec<AnnouncedKey>, StoreError> {
    const SQL: &str = r#"-- announced_key::list
        SELECT usage, key_id, key_version, spki, not_before FROM announced_key
        WHERE feed = $1 AND from_number <= $2 AND (to_number IS NULL OR to_number > $2)
        ORDER BY usage COLLATE "C", key_id COLLATE "C", key_version COLLATE "C""#;
    let rows = tx.rows(SQL, &[&feed, &integer(number)]).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<AnnouncedKey, StoreError> {
    let usage = stored::key_use(value(row, 0)?).ok_or_else(|| corrupt(row, 0, "is out of range"))?;
    let key = SigningKeyId::new(value(row, 1)?, value(row, 2)?).map_err(malformed)?;
    Ok(AnnouncedKey { usage, key, spki: value(row, 3)?, not_before: time(row, 4)? })
}
