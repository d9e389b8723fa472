//! The last steps of a bundle's life: it is de-listed, a day later its object is deleted from each bucket, and then its rows go.

use store::{BundleRow, KeyStore, Purged};

use crate::error::ExportError;
use crate::pass::{NamedBucket, Pass};

/// How many publications and bundles one transaction removes. Nobody seals while it runs, and on SQLite nobody uploads.
const BATCH: u32 = 10_000;

/// How many withdrawn keys or reports one transaction forgets, of each kind. On SQLite it writes anew what waits.
const TOMBSTONES: u32 = 100_000;

/// De-lists the bundles whose time is over; their sequences. A pass that finds none takes no step.
pub(crate) async fn delist(pass: &Pass<'_>) -> Result<Vec<u64>, ExportError> {
    if pass.store.expired(pass.feed).await?.is_empty() {
        return Ok(Vec::new());
    }
    Ok(pass.step("feed.delist", None, None, pass.store.delist(pass.feed)).await?)
}

/// Deletes the object of a bundle that a bucket has not listed for a day, and notes it. What is deleted follows from the rows of bundles alone: an
/// object that no row knows is somebody else's.
pub(crate) async fn delete(pass: &Pass<'_>, bucket: &NamedBucket, row: &BundleRow) -> Result<(), ExportError> {
    let (path, sequence) = (pass.bundle_path(row)?, Some(row.sequence));
    pass.step("bundle.delete", sequence, Some(bucket), bucket.bucket.delete(&path)).await?;
    let noted = pass.store.record_deleted(pass.feed, row.sequence, &bucket.name);
    Ok(pass.step("bundle.record_deleted", sequence, Some(bucket), noted).await?)
}

/// Removes the rows of the bundles whose objects are gone from all of `buckets`, batch by batch, and counts what it removed.
pub(crate) async fn purge(pass: &Pass<'_>, buckets: &[String], purged: &mut Purged) -> Result<(), ExportError> {
    while !pass.store.dead(pass.feed, buckets).await?.is_empty() {
        let batch = pass.store.purge(pass.feed, buckets, BATCH);
        purged.add(pass.step("feed.purge", None, None, batch).await?);
    }
    Ok(())
}

/// Forgets what was withdrawn before any bundle carried it, once nobody could upload it any more; how many keys and reports. They belong to no feed.
/// What was set aside for longer than it is kept goes too.
pub(crate) async fn forget(store: &dyn KeyStore) -> Result<u64, ExportError> {
    store.forget_quarantined().await?;
    let mut forgotten = 0;
    loop {
        match store.forget_tombstones(TOMBSTONES).await? {
            0 => return Ok(forgotten),
            more => forgotten += more,
        }
    }
}
