//! What every step of one feed's pass works with.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proto::Feed;
use store::{BundleRow, KeyStore};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::bucket::{Bucket, ObjectPath, PatientBucket};
use crate::error::ExportError;
use crate::signer::FeedKeys;
use crate::steps::{Observer, Outcome, Subject, take};
use crate::stop::Stop;

/// A bucket and what it is called.
#[derive(Clone)]
pub(crate) struct NamedBucket {
    pub(crate) name: String,
    pub(crate) bucket: Arc<dyn Bucket>,
    /// It kept a feed of this pass waiting in vain, and is not asked again before the next pass.
    pub(crate) silent: Arc<AtomicBool>,
}

impl NamedBucket {
    pub(crate) fn new(name: &str, bucket: Arc<dyn Bucket>) -> Self {
        Self { name: name.to_owned(), bucket, silent: Arc::default() }
    }

    /// The same bucket, whose calls end at `end`.
    pub(crate) fn until(&self, end: watch::Receiver<Option<Instant>>) -> Self {
        Self { bucket: Arc::new(PatientBucket::new(Arc::clone(&self.bucket), end)), ..self.clone() }
    }

    /// Notes that it kept the others waiting in vain, if it did. With ten feeds it would do so ten times.
    pub(crate) fn note_silence(&self, waited_in_vain: bool) {
        self.silent.fetch_or(waited_in_vain, Ordering::Relaxed);
    }
}

/// One pass over one feed.
pub(crate) struct Pass<'a> {
    pub(crate) store: &'a dyn KeyStore,
    pub(crate) feed: &'a Feed,
    pub(crate) keys: &'a FeedKeys,
    pub(crate) observer: &'a Observer,
    pub(crate) stop: &'a Stop,
}

impl Pass<'_> {
    /// Runs one step, with the observer called before and after it. None begins once the pass was asked to end.
    pub(crate) async fn step<T: Outcome>(
        &self,
        name: &'static str,
        sequence: Option<u64>,
        bucket: Option<&NamedBucket>,
        operation: impl Future<Output = T>,
    ) -> T {
        let _running = self.stop.begin().await;
        let bucket = bucket.map(|bucket| bucket.name.as_str());
        take(self.observer, name, Subject { feed: Some(self.feed), sequence, bucket }, operation).await
    }

    /// Which of `rows` a bucket holds: noted as put and read back, and still there in full size. What a database says about a bucket that was
    /// emptied since counts for nothing.
    pub(crate) async fn held(&self, bucket: &NamedBucket, rows: &[BundleRow]) -> Result<BTreeSet<u64>, ExportError> {
        let noted: BTreeSet<u64> = self.store.puts(self.feed, &bucket.name).await?.into_iter().collect();
        let there = bucket.bucket.list(&object_path(&self.feed.to_string())?).await?;
        let mut held = BTreeSet::new();
        for row in rows {
            let Some(derived) = &row.derived else { continue };
            let size = there.get(&self.bundle_path(row)?);
            if noted.contains(&row.sequence) && size == Some(&derived.zip_bytes) {
                held.insert(row.sequence);
            }
        }
        Ok(held)
    }

    /// Where a bundle stands.
    pub(crate) fn bundle_path(&self, row: &BundleRow) -> Result<ObjectPath, ExportError> {
        object_path(&proto::index::bundle_path(self.feed, row.start, row.end))
    }
}

/// A path that follows from rows; if it is none, the rows are not what they should be.
pub(crate) fn object_path(path: &str) -> Result<ObjectPath, ExportError> {
    path.parse().map_err(|why| ExportError::Corrupt(format!("{path}: {why}")))
}
