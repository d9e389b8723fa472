//! What became of a bundle after its seal: derived, put, listed, de-listed.

use proto::Feed;

use super::column::{at, integer, number};
use super::feeds::FeedRow;
use super::transaction::Transaction;
use super::{bundle_rows, feeds};
use crate::bundles::Derived;
use crate::clock::Clock;
use crate::error::StoreError;

/// Which bundle of a feed, or which number.
pub(super) struct Given<'a> {
    /// The feed.
    pub(super) feed: &'a Feed,
    /// The sequence or number.
    pub(super) number: u64,
    /// In which bucket; empty where it does not matter.
    pub(super) bucket: &'a str,
    /// Moves the database's time.
    pub(super) clock: &'a Clock,
}

/// Stores what was derived unless something is stored; what is stored.
pub(super) async fn record_derived(
    tx: &Transaction<'_>,
    (given, derived): (&Given<'_>, &Derived),
) -> Result<Derived, StoreError> {
    let Given { feed, number: sequence, clock, .. } = *given;
    let row = feeds::find(tx, feed, clock).await?;
    if let Some(standing) = lock(tx, (feed, &row), sequence).await? {
        return Ok(standing);
    }
    let bundle = bundle_rows::find(tx, (feed, row.id), sequence).await?.ok_or(StoreError::NotFound("bundle"))?;
    if derived.signatures.is_empty() || derived.signatures.len() != bundle.signing.len() {
        return Err(StoreError::Corrupt(format!("bundle {sequence} of {feed}: not one signature for each key")));
    }
    write_derived(tx, &row, sequence, derived).await?;
    let stored = bundle_rows::find(tx, (feed, row.id), sequence).await?.and_then(|bundle| bundle.derived);
    stored.ok_or_else(|| StoreError::Corrupt(format!("bundle {sequence} of {feed}: was not stored")))
}

/// Locks a bundle's row, so that of several who derive it one after the other finds what the first one stored; that, if there is any.
async fn lock(
    tx: &Transaction<'_>,
    (feed, row): (&Feed, &FeedRow),
    sequence: u64,
) -> Result<Option<Derived>, StoreError> {
    const SQL: &str = "-- bundle::lock
        SELECT FROM bundle WHERE feed = $1 AND sequence = $2 AND state NOT IN ('recalled', 'void') FOR NO KEY UPDATE";
    tx.maybe_row(SQL, &[&row.id, &integer(sequence)]).await?.ok_or(StoreError::NotFound("bundle"))?;
    Ok(bundle_rows::find(tx, (feed, row.id), sequence).await?.and_then(|bundle| bundle.derived))
}

async fn write_derived(
    tx: &Transaction<'_>,
    feed: &FeedRow,
    sequence: u64,
    derived: &Derived,
) -> Result<(), StoreError> {
    const BUNDLE: &str = "-- bundle::record_derived
        UPDATE bundle SET export_sha256 = $3, zip_sha256 = $4, zip_bytes = $5, derived_at = $6
        WHERE feed = $1 AND sequence = $2 AND derived_at IS NULL";
    const SIGNATURES: &str = "-- bundle_signature::record_derived
        UPDATE bundle_signature SET signature = given.signature
        FROM unnest($3::bytea[]) WITH ORDINALITY AS given (signature, place)
        WHERE feed = $1 AND sequence = $2 AND position = place - 1";
    let (sequence, bytes) = (integer(sequence), integer(derived.zip_bytes));
    let (export, zip) = (derived.export_sha256.as_slice(), derived.zip_sha256.as_slice());
    tx.execute(BUNDLE, &[&feed.id, &sequence, &export, &zip, &bytes, &feed.now.unix()]).await?;
    tx.execute(SIGNATURES, &[&feed.id, &sequence, &derived.signatures]).await?;
    Ok(())
}

/// Notes that a bundle stands in a bucket.
pub(super) async fn record_put(tx: &Transaction<'_>, given: &Given<'_>) -> Result<(), StoreError> {
    const SQL: &str = "-- bundle_bucket::record_put
        INSERT INTO bundle_bucket (feed, sequence, bucket, put_at)
        SELECT feed, sequence, $3, $4 FROM bundle WHERE feed = $1 AND sequence = $2 AND state NOT IN ('recalled', 'void')
        ON CONFLICT DO NOTHING";
    const STANDS: &str = "-- bundle_bucket::stands
        SELECT FROM bundle_bucket WHERE feed = $1 AND sequence = $2 AND bucket = $3 AND deleted_at IS NULL";
    let Given { feed, number: sequence, bucket, clock } = *given;
    // Under the feed's lock no bundle dies.
    let row = feeds::lock(tx, feed, clock).await?;
    if !bundle_rows::exists(tx, row.id, sequence).await? {
        return Err(StoreError::NotFound("bundle"));
    }
    tx.execute(SQL, &[&row.id, &integer(sequence), &bucket, &row.now.unix()]).await?;
    let stands = tx.maybe_row(STANDS, &[&row.id, &integer(sequence), &bucket]).await?;
    stands.map(drop).ok_or(StoreError::NotFound("bundle"))
}

/// The live bundles that stand in a bucket; their sequences, ascending.
pub(super) async fn puts(tx: &Transaction<'_>, given: &Given<'_>) -> Result<Vec<u64>, StoreError> {
    const SQL: &str = "-- bundle_bucket::puts
        SELECT sequence FROM bundle_bucket JOIN bundle USING (feed, sequence)
        WHERE feed = $1 AND bucket = $2 AND deleted_at IS NULL AND delisted_number IS NULL ORDER BY sequence";
    let feed = feeds::find(tx, given.feed, given.clock).await?.id;
    let rows = tx.rows(SQL, &[&feed, &given.bucket]).await?;
    rows.iter().map(|row| number(row, 0).map_err(at("bundle_bucket"))).collect()
}

/// Notes that a bucket lists what is listed at a number, and no longer what was listed before.
pub(super) async fn record_listed(tx: &Transaction<'_>, given: &Given<'_>) -> Result<(), StoreError> {
    // What is noted already is left out and not only left as it is: a conflict locks its row, which is a write, and every pass would write as many
    // as there are bundles.
    const LISTED: &str = "-- bundle_bucket::record_listed
        INSERT INTO bundle_bucket (feed, sequence, bucket, put_at, listed_at)
        SELECT feed, sequence, $3, $4, $4 FROM bundle
        LEFT JOIN (SELECT sequence, listed_at FROM bundle_bucket WHERE feed = $1 AND bucket = $3) AS known USING (sequence)
        WHERE feed = $1 AND listed_number <= $2 AND (delisted_number IS NULL OR delisted_number > $2) AND known.listed_at IS NULL
        ORDER BY sequence
        ON CONFLICT (feed, sequence, bucket) DO UPDATE SET listed_at = excluded.listed_at
        WHERE bundle_bucket.listed_at IS NULL";
    const DELISTED: &str = "-- bundle_bucket::record_listed (no more)
        INSERT INTO bundle_bucket (feed, sequence, bucket, put_at, delisted_at)
        SELECT feed, sequence, $3, $4, $4 FROM bundle
        LEFT JOIN (SELECT sequence, delisted_at FROM bundle_bucket WHERE feed = $1 AND bucket = $3) AS known USING (sequence)
        WHERE feed = $1 AND delisted_number <= $2 AND known.delisted_at IS NULL
        ORDER BY sequence
        ON CONFLICT (feed, sequence, bucket) DO UPDATE SET delisted_at = excluded.delisted_at
        WHERE bundle_bucket.delisted_at IS NULL";
    const PUBLISHED: &str = "-- bundle::record_listed
        UPDATE bundle SET state = 'published' WHERE feed = $1 AND listed_number <= $2 AND state = 'sealed'
        AND (delisted_number IS NULL OR delisted_number > $2)";
    let Given { feed, number, bucket, clock } = *given;
    let row = feeds::lock(tx, feed, clock).await?;
    if number > row.number {
        return Err(StoreError::NotFound("number"));
    }
    let (number, now) = (integer(number), row.now.unix());
    tx.execute(LISTED, &[&row.id, &number, &bucket, &now]).await?;
    tx.execute(DELISTED, &[&row.id, &number, &bucket, &now]).await?;
    tx.execute(PUBLISHED, &[&row.id, &number]).await?;
    Ok(())
}
