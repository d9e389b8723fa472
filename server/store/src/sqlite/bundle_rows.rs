//! The rows of bundles and of their signatures.

use proto::bundle::SigningKeyId;
use proto::{Feed, Timestamp};
use rusqlite::{OptionalExtension, Row, ToSql, Transaction, params};

use super::column::{at, integer, malformed, number, time, value};
use crate::bundles::BundleRow;
use crate::error::StoreError;
use crate::stored::{Signers, derived};

/// The columns that [`read`] reads.
macro_rules! select {
    ($name:literal, $condition:literal) => {
        concat!(
            "-- bundle::",
            $name,
            "
            SELECT sequence, from_sequence, start_at, end_at, count, revised, member_digest, format,
                   export_sha256, zip_sha256, zip_bytes
            FROM bundle WHERE feed = ?1 AND ",
            $condition
        )
    };
}

/// Inserts a bundle that was sealed at `now` and is listed from `number` on.
pub(super) fn insert(
    tx: &Transaction<'_>,
    feed: i64,
    bundle: &BundleRow,
    number: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    const BUNDLE: &str = "-- bundle::insert
        INSERT INTO bundle (feed, sequence, from_sequence, start_at, end_at, count, revised, member_digest, format,
            sealed_at, listed_number)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    const SIGNATURE: &str = "-- bundle_signature::insert
        INSERT INTO bundle_signature (feed, sequence, position, key_id, key_version) VALUES (?1, ?2, ?3, ?4, ?5)";
    tx.prepare_cached(BUNDLE)?.execute(params![
        feed,
        integer(bundle.sequence),
        integer(bundle.from_sequence),
        bundle.start.unix(),
        bundle.end.unix(),
        integer(bundle.count),
        integer(bundle.revised),
        bundle.member_digest,
        bundle.format,
        now.unix(),
        integer(number),
    ])?;
    let mut signature = tx.prepare_cached(SIGNATURE)?;
    for (position, key) in (0_i64..).zip(&bundle.signing) {
        signature.execute(params![feed, integer(bundle.sequence), position, key.id, key.version])?;
    }
    Ok(())
}

/// One bundle, if it exists.
pub(super) fn find(
    tx: &Transaction<'_>,
    (feed, id): (&Feed, i64),
    sequence: u64,
) -> Result<Option<BundleRow>, StoreError> {
    const SQL: &str = select!("find", "sequence = ?2");
    let mut statement = tx.prepare_cached(SQL)?;
    let found = statement.query_row([id, integer(sequence)], |row| Ok(read(tx, (feed, id), row))).optional()?;
    found.transpose()
}

/// The bundles listed at `number`, oldest first.
pub(super) fn listed(
    tx: &Transaction<'_>,
    (feed, id): (&Feed, i64),
    number: u64,
) -> Result<Vec<BundleRow>, StoreError> {
    const SQL: &str = select!(
        "listed",
        "listed_number <= ?2 AND (delisted_number IS NULL OR delisted_number > ?2) ORDER BY sequence"
    );
    list(tx, (feed, id), SQL, &[&id, &integer(number)])
}

/// The bundles that a bucket has not listed since `time`, oldest first, unless their objects are gone from it.
pub(super) fn deletable(
    tx: &Transaction<'_>,
    (feed, id): (&Feed, i64),
    bucket: &str,
    time: Timestamp,
) -> Result<Vec<BundleRow>, StoreError> {
    const SQL: &str = select!(
        "deletable",
        "sequence IN (SELECT sequence FROM bundle_bucket
                      WHERE feed = ?1 AND bucket = ?2 AND delisted_at <= ?3 AND deleted_at IS NULL)
         ORDER BY sequence"
    );
    list(tx, (feed, id), SQL, &[&id, &bucket, &time.unix()])
}

fn list(
    tx: &Transaction<'_>,
    (feed, id): (&Feed, i64),
    sql: &str,
    params: &[&dyn ToSql],
) -> Result<Vec<BundleRow>, StoreError> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut bundles = Vec::new();
    while let Some(row) = rows.next()? {
        bundles.push(read(tx, (feed, id), row)?);
    }
    Ok(bundles)
}

/// Whether a bundle exists.
pub(super) fn exists(tx: &Transaction<'_>, feed: i64, sequence: u64) -> Result<bool, StoreError> {
    const SQL: &str = "-- bundle::exists
        SELECT 1 FROM bundle WHERE feed = ?1 AND sequence = ?2";
    Ok(tx.prepare_cached(SQL)?.exists([feed, integer(sequence)])?)
}

/// Whether a bundle exists and was not recalled: then its members stand among the publications.
pub(super) fn has_members(tx: &Transaction<'_>, feed: i64, sequence: u64) -> Result<bool, StoreError> {
    const SQL: &str = "-- bundle::has_members
        SELECT 1 FROM bundle WHERE feed = ?1 AND sequence = ?2 AND state NOT IN ('recalled', 'void')";
    Ok(tx.prepare_cached(SQL)?.exists([feed, integer(sequence)])?)
}

fn read(tx: &Transaction<'_>, (feed, id): (&Feed, i64), row: &Row<'_>) -> Result<BundleRow, StoreError> {
    let sequence = number(row, 0)?;
    let place = format!("bundle {sequence} of {feed}");
    let signers = signers(tx, [&id, &integer(sequence)]).map_err(at(&place))?;
    let rest = || {
        let zip_bytes = value::<Option<i64>>(row, 10)?.map(|_| number(row, 10)).transpose()?;
        Ok(BundleRow {
            feed: feed.clone(),
            sequence,
            from_sequence: number(row, 1)?,
            start: time(row, 2)?,
            end: time(row, 3)?,
            count: number(row, 4)?,
            revised: number(row, 5)?,
            member_digest: value(row, 6)?,
            signing: signers.keys,
            format: number(row, 7)?,
            derived: derived((value(row, 8)?, value(row, 9)?), zip_bytes, signers.signatures)?,
        })
    };
    rest().map_err(at(place))
}

fn signers(tx: &Transaction<'_>, bundle: [&dyn ToSql; 2]) -> Result<Signers, StoreError> {
    const SQL: &str = "-- bundle_signature::list
        SELECT key_id, key_version, signature FROM bundle_signature
        WHERE feed = ?1 AND sequence = ?2 ORDER BY position";
    let mut statement = tx.prepare_cached(SQL)?;
    let mut rows = statement.query(&bundle[..])?;
    let (mut keys, mut signatures) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let (id, version): (String, String) = (value(row, 0)?, value(row, 1)?);
        keys.push(SigningKeyId::new(&id, &version).map_err(malformed)?);
        signatures.extend(value::<Option<Vec<u8>>>(row, 2)?);
    }
    Signers::new(keys, signatures)
}
