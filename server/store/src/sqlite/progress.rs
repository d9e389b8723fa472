//! What became of a bundle after its seal: derived, put, listed, de-listed.

use proto::{Feed, Timestamp};
use rusqlite::{Transaction, params};

use super::column::{at, integer, number};
use super::{bundle_rows, feeds};
use crate::bundles::Derived;
use crate::error::StoreError;

/// Stores what was derived unless something is stored; what is stored.
pub(super) fn record_derived(
    tx: &Transaction<'_>,
    feed: &Feed,
    sequence: u64,
    derived: &Derived,
    now: Timestamp,
) -> Result<Derived, StoreError> {
    let row = feeds::find(tx, feed)?;
    if !bundle_rows::has_members(tx, row.id, sequence)? {
        return Err(StoreError::NotFound("bundle"));
    }
    let find = || bundle_rows::find(tx, (feed, row.id), sequence)?.ok_or(StoreError::NotFound("bundle"));
    let bundle = find()?;
    if let Some(standing) = bundle.derived {
        return Ok(standing);
    }
    if derived.signatures.is_empty() || derived.signatures.len() != bundle.signing.len() {
        return Err(StoreError::Corrupt(format!("bundle {sequence} of {feed}: not one signature for each key")));
    }
    write_derived(tx, row.id, sequence, derived, now)?;
    find()?.derived.ok_or_else(|| StoreError::Corrupt(format!("bundle {sequence} of {feed}: was not stored")))
}

fn write_derived(
    tx: &Transaction<'_>,
    feed: i64,
    sequence: u64,
    derived: &Derived,
    now: Timestamp,
) -> Result<(), StoreError> {
    const BUNDLE: &str = "-- bundle::record_derived
        UPDATE bundle SET export_sha256 = ?3, zip_sha256 = ?4, zip_bytes = ?5, derived_at = ?6
        WHERE feed = ?1 AND sequence = ?2 AND derived_at IS NULL";
    const SIGNATURE: &str = "-- bundle_signature::record_derived
        UPDATE bundle_signature SET signature = ?4 WHERE feed = ?1 AND sequence = ?2 AND position = ?3";
    let bytes = integer(derived.zip_bytes);
    let values = params![feed, integer(sequence), derived.export_sha256, derived.zip_sha256, bytes, now.unix()];
    tx.prepare_cached(BUNDLE)?.execute(values)?;
    let mut statement = tx.prepare_cached(SIGNATURE)?;
    for (position, signature) in (0_i64..).zip(&derived.signatures) {
        statement.execute(params![feed, integer(sequence), position, signature])?;
    }
    Ok(())
}

/// Notes that a bundle stands in a bucket.
pub(super) fn record_put(
    tx: &Transaction<'_>,
    feed: &Feed,
    sequence: u64,
    bucket: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    const SQL: &str = "-- bundle_bucket::record_put
        INSERT INTO bundle_bucket (feed, sequence, bucket, put_at)
        SELECT feed, sequence, ?3, ?4 FROM bundle WHERE feed = ?1 AND sequence = ?2 AND state NOT IN ('recalled', 'void')
        ON CONFLICT DO NOTHING";
    const STANDS: &str = "-- bundle_bucket::stands
        SELECT 1 FROM bundle_bucket WHERE feed = ?1 AND sequence = ?2 AND bucket = ?3 AND deleted_at IS NULL";
    let feed = feeds::find(tx, feed)?.id;
    if !bundle_rows::exists(tx, feed, sequence)? {
        return Err(StoreError::NotFound("bundle"));
    }
    tx.prepare_cached(SQL)?.execute(params![feed, integer(sequence), bucket, now.unix()])?;
    let stands = tx.prepare_cached(STANDS)?.exists(params![feed, integer(sequence), bucket])?;
    if stands { Ok(()) } else { Err(StoreError::NotFound("bundle")) }
}

/// The live bundles that stand in a bucket; their sequences, ascending.
pub(super) fn puts(tx: &Transaction<'_>, feed: &Feed, bucket: &str) -> Result<Vec<u64>, StoreError> {
    const SQL: &str = "-- bundle_bucket::puts
        SELECT sequence FROM bundle_bucket JOIN bundle USING (feed, sequence)
        WHERE feed = ?1 AND bucket = ?2 AND deleted_at IS NULL AND delisted_number IS NULL ORDER BY sequence";
    let feed = feeds::find(tx, feed)?.id;
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query(params![feed, bucket])?;
    let mut sequences = Vec::new();
    while let Some(row) = rows.next()? {
        sequences.push(number(row, 0).map_err(at("bundle_bucket"))?);
    }
    Ok(sequences)
}

/// Notes that a bucket lists what is listed at `number`, and no longer what was listed before.
pub(super) fn record_listed(
    tx: &Transaction<'_>,
    feed: &Feed,
    number: u64,
    bucket: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    const LISTED: &str = "-- bundle_bucket::record_listed
        INSERT INTO bundle_bucket (feed, sequence, bucket, put_at, listed_at)
        SELECT feed, sequence, ?3, ?4, ?4 FROM bundle
        WHERE feed = ?1 AND listed_number <= ?2 AND (delisted_number IS NULL OR delisted_number > ?2)
        ON CONFLICT (feed, sequence, bucket) DO UPDATE SET listed_at = excluded.listed_at WHERE listed_at IS NULL";
    const DELISTED: &str = "-- bundle_bucket::record_listed (no more)
        INSERT INTO bundle_bucket (feed, sequence, bucket, put_at, delisted_at)
        SELECT feed, sequence, ?3, ?4, ?4 FROM bundle WHERE feed = ?1 AND delisted_number <= ?2
        ON CONFLICT (feed, sequence, bucket) DO UPDATE SET delisted_at = excluded.delisted_at WHERE delisted_at IS NULL";
    const PUBLISHED: &str = "-- bundle::record_listed
        UPDATE bundle SET state = 'published' WHERE feed = ?1 AND listed_number <= ?2 AND state = 'sealed'
        AND (delisted_number IS NULL OR delisted_number > ?2)";
    let row = feeds::find(tx, feed)?;
    if number > row.number {
        return Err(StoreError::NotFound("number"));
    }
    let values = params![row.id, integer(number), bucket, now.unix()];
    tx.prepare_cached(LISTED)?.execute(values)?;
    tx.prepare_cached(DELISTED)?.execute(values)?;
    tx.prepare_cached(PUBLISHED)?.execute([row.id, integer(number)])?;
    Ok(())
}
