//! The rows of bundles and of their signatures.

use proto::bundle::SigningKeyId;
use proto::{Feed, Timestamp};
use tokio_postgres::Row;

use super::column::{array, at, integer, malformed, maybe_array, maybe_number, number, time, value};
use super::feeds::FeedRow;
use super::transaction::Transaction;
use crate::bundles::BundleRow;
use crate::error::StoreError;
use crate::stored::{Signers, derived};

/// The columns that [`read`] reads. Who signs stands in arrays, in the order of positions.
macro_rules! select {
    ($name:literal, $condition:literal) => {
        concat!(
            "-- bundle::",
            $name,
            "
            SELECT sequence, from_sequence, start_at, end_at, count, revised, member_digest, format,
                   export_sha256, zip_sha256, zip_bytes, key_ids, key_versions, signatures
            FROM bundle LEFT JOIN LATERAL (
                SELECT array_agg(key_id ORDER BY position) AS key_ids,
                       array_agg(key_version ORDER BY position) AS key_versions,
                       array_agg(signature ORDER BY position) AS signatures
                FROM bundle_signature AS signed
                WHERE signed.feed = bundle.feed AND signed.sequence = bundle.sequence
            ) AS signers ON true
            WHERE feed = $1 AND ",
            $condition
        )
    };
}

/// Inserts a bundle that was sealed now and is listed from `number` on.
pub(super) async fn insert(
    tx: &Transaction<'_>,
    feed: &FeedRow,
    bundle: &BundleRow,
    number: u64,
) -> Result<(), StoreError> {
    const BUNDLE: &str = "-- bundle::insert
        INSERT INTO bundle (feed, sequence, from_sequence, start_at, end_at, count, revised, member_digest, format,
            sealed_at, listed_number)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    const SIGNATURES: &str = "-- bundle_signature::insert
        INSERT INTO bundle_signature (feed, sequence, position, key_id, key_version)
        SELECT $1, $2, place - 1, key_id, key_version
        FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS given (key_id, key_version, place)";
    tx.execute(
        BUNDLE,
        &[
            &feed.id,
            &integer(bundle.sequence),
            &integer(bundle.from_sequence),
            &bundle.start.unix(),
            &bundle.end.unix(),
            &integer(bundle.count),
            &integer(bundle.revised),
            &bundle.member_digest.as_slice(),
            &i32::try_from(bundle.format).unwrap_or(i32::MAX),
            &feed.now.unix(),
            &integer(number),
        ],
    )
    .await?;
    let ids: Vec<_> = bundle.signing.iter().map(|key| key.id.as_str()).collect();
    let versions: Vec<_> = bundle.signing.iter().map(|key| key.version.as_str()).collect();
    tx.execute(SIGNATURES, &[&feed.id, &integer(bundle.sequence), &ids, &versions]).await?;
    Ok(())
}

/// One bundle, if it exists.
pub(super) async fn find(
    tx: &Transaction<'_>,
    (feed, id): (&Feed, i32),
    sequence: u64,
) -> Result<Option<BundleRow>, StoreError> {
    const SQL: &str = select!("find", "sequence = $2");
    let row = tx.maybe_row(SQL, &[&id, &integer(sequence)]).await?;
    row.map(|row| read(feed, &row)).transpose()
}

/// The bundles listed at `number`, oldest first.
pub(super) async fn listed(
    tx: &Transaction<'_>,
    (feed, id): (&Feed, i32),
    number: u64,
) -> Result<Vec<BundleRow>, StoreError> {
    const SQL: &str = select!(
        "listed",
        "listed_number <= $2 AND (delisted_number IS NULL OR delisted_number > $2) ORDER BY sequence"
    );
    let rows = tx.rows(SQL, &[&id, &integer(number)]).await?;
    rows.iter().map(|row| read(feed, row)).collect()
}

/// The bundles that a bucket has not listed since `time`, oldest first, unless their objects are gone from it.
pub(super) async fn deletable(
    tx: &Transaction<'_>,
    (feed, id): (&Feed, i32),
    bucket: &str,
    time: Timestamp,
) -> Result<Vec<BundleRow>, StoreError> {
    const SQL: &str = select!(
        "deletable",
        "sequence IN (SELECT sequence FROM bundle_bucket
                      WHERE feed = $1 AND bucket = $2 AND delisted_at <= $3 AND deleted_at IS NULL)
         ORDER BY sequence"
    );
    let rows = tx.rows(SQL, &[&id, &bucket, &time.unix()]).await?;
    rows.iter().map(|row| read(feed, row)).collect()
}

/// Whether a bundle exists.
pub(super) async fn exists(tx: &Transaction<'_>, feed: i32, sequence: u64) -> Result<bool, StoreError> {
    const SQL: &str = "-- bundle::exists
        SELECT FROM bundle WHERE feed = $1 AND sequence = $2";
    Ok(tx.maybe_row(SQL, &[&feed, &integer(sequence)]).await?.is_some())
}

/// Whether a bundle exists and was not recalled: then its members stand among the publications.
pub(super) async fn has_members(tx: &Transaction<'_>, feed: i32, sequence: u64) -> Result<bool, StoreError> {
    const SQL: &str = "-- bundle::has_members
        SELECT FROM bundle WHERE feed = $1 AND sequence = $2 AND state NOT IN ('recalled', 'void')";
    Ok(tx.maybe_row(SQL, &[&feed, &integer(sequence)]).await?.is_some())
}

fn read(feed: &Feed, row: &Row) -> Result<BundleRow, StoreError> {
    let sequence = number(row, 0)?;
    let rest = || {
        let signers = signers(row)?;
        Ok(BundleRow {
            feed: feed.clone(),
            sequence,
            from_sequence: number(row, 1)?,
            start: time(row, 2)?,
            end: time(row, 3)?,
            count: number(row, 4)?,
            revised: number(row, 5)?,
            member_digest: array(row, 6)?,
            signing: signers.keys,
            format: number(row, 7)?,
            derived: derived((maybe_array(row, 8)?, maybe_array(row, 9)?), maybe_number(row, 10)?, signers.signatures)?,
        })
    };
    rest().map_err(at(format_args!("bundle {sequence} of {feed}")))
}

fn signers(row: &Row) -> Result<Signers, StoreError> {
    let ids: Vec<&str> = value::<Option<_>>(row, 11)?.unwrap_or_default();
    let versions: Vec<&str> = value::<Option<_>>(row, 12)?.unwrap_or_default();
    let signatures: Vec<Option<Vec<u8>>> = value::<Option<_>>(row, 13)?.unwrap_or_default();
    let keys = ids.into_iter().zip(versions).map(|(id, version)| SigningKeyId::new(id, version).map_err(malformed));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let signatures: Vec<_> = signatures.into_iter().flatten().collect();
    Signers::new(keys, signatures)
}
