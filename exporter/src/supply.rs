//! Where a bucket gets a bundle that it lacks: from another bucket that has it, or from the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sha2::{Digest, Sha256};
use store::{BundleRow, Derived};
use tokio::time::timeout;

use crate::derive::{DerivedBundle, derive};
use crate::error::ExportError;
use crate::pass::{NamedBucket, Pass};

/// How long a bucket may take to hand out a copy before the bundle is derived instead.
const COPY: Duration = Duration::from_secs(20);

/// The bundles of one feed's listing during a pass, made when the first bucket asks for one and kept as long as any bucket needs it: so at most one
/// bundle a bucket is in memory, however many there are.
pub(crate) struct Supply<'a> {
    shelves: BTreeMap<u64, Shelf>,
    holders: Vec<Holder<'a>>,
    failures: Mutex<Vec<ExportError>>,
}

/// One bundle. Whoever holds the lock is making it; whoever waits for the lock will find it made.
struct Shelf {
    row: BundleRow,
    stock: tokio::sync::Mutex<Stock>,
}

enum Stock {
    /// Nobody has asked, or it was forgotten since; what was derived of it, once known.
    Unmade(Option<Derived>),
    Made(Weak<DerivedBundle>, Derived),
    /// It cannot be had in this pass.
    Failed,
}

/// A bucket and what it is known to hold.
struct Holder<'a> {
    named: &'a NamedBucket,
    held: Mutex<BTreeSet<u64>>,
}

impl<'a> Supply<'a> {
    /// The bundles of `rows` for `buckets`.
    pub(crate) fn new(rows: Vec<BundleRow>, buckets: &'a [NamedBucket]) -> Self {
        let shelf = |row: BundleRow| {
            let stock = tokio::sync::Mutex::new(Stock::Unmade(row.derived.clone()));
            (row.sequence, Shelf { row, stock })
        };
        let holders = buckets.iter().map(|named| Holder { named, held: Mutex::default() }).collect();
        Self { shelves: rows.into_iter().map(shelf).collect(), holders, failures: Mutex::default() }
    }

    /// The rows, oldest first.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &BundleRow> {
        self.shelves.values().map(|shelf| &shelf.row)
    }

    /// Notes that a bucket, by its place among all, holds a bundle, so that others may copy it from there.
    pub(crate) fn note(&self, bucket: usize, sequence: u64) {
        if let Some(holder) = self.holders.get(bucket) {
            unpoisoned(&holder.held).insert(sequence);
        }
    }

    /// A bundle for a bucket; none if it cannot be had, which is noted once for all buckets.
    pub(crate) async fn bundle(&self, pass: &Pass<'_>, sequence: u64, bucket: usize) -> Option<Arc<DerivedBundle>> {
        let shelf = self.shelves.get(&sequence)?;
        let mut stock = shelf.stock.lock().await;
        let known = match &*stock {
            Stock::Failed => return None,
            Stock::Unmade(known) => known.clone(),
            Stock::Made(bundle, known) => match bundle.upgrade() {
                Some(bundle) => return Some(bundle),
                None => Some(known.clone()),
            },
        };
        match self.make(pass, &shelf.row, known, bucket).await {
            Ok(bundle) => {
                let bundle = Arc::new(bundle);
                *stock = Stock::Made(Arc::downgrade(&bundle), bundle.derived.clone());
                Some(bundle)
            }
            Err(_) if is_gone(pass, sequence).await => {
                *stock = Stock::Failed;
                None
            }
            Err(why) => {
                tracing::warn!(feed = %pass.feed, bundle.sequence = sequence, "the bundle was not derived");
                *stock = Stock::Failed;
                unpoisoned(&self.failures).push(why);
                None
            }
        }
    }

    async fn make(
        &self,
        pass: &Pass<'_>,
        row: &BundleRow,
        known: Option<Derived>,
        bucket: usize,
    ) -> Result<DerivedBundle, ExportError> {
        if let Some(derived) = &known
            && let Some(zip) = self.copy(pass, row, derived, bucket).await?
        {
            return Ok(DerivedBundle { row: row.clone(), derived: derived.clone(), zip });
        }
        derive(pass, BundleRow { derived: known, ..row.clone() }).await
    }

    /// The bytes as another bucket has them, if they are those that were recorded when the bundle was derived.
    async fn copy(
        &self,
        pass: &Pass<'_>,
        row: &BundleRow,
        derived: &Derived,
        bucket: usize,
    ) -> Result<Option<Vec<u8>>, ExportError> {
        let path = pass.bundle_path(row)?;
        for (at, holder) in self.holders.iter().enumerate() {
            if at == bucket || !unpoisoned(&holder.held).contains(&row.sequence) {
                continue;
            }
            let name = &holder.named.name;
            match timeout(COPY, holder.named.bucket.get(&path)).await {
                Ok(Ok(Some(there))) if <[u8; 32]>::from(Sha256::digest(&there.bytes)) == derived.zip_sha256 => {
                    return Ok(Some(there.bytes));
                }
                Ok(Ok(Some(_))) => {
                    tracing::error!(bucket.name = name, object.path = %path, "an object has other bytes there than were put")
                }
                Ok(Ok(None)) => {
                    tracing::warn!(bucket.name = name, object.path = %path, "an object has just gone from there")
                }
                Ok(Err(why)) => {
                    tracing::warn!(bucket.name = name, object.path = %path, error = %why, "an object could not be copied from there")
                }
                Err(_) => {
                    tracing::warn!(bucket.name = name, object.path = %path, "an object was not copied from there in time")
                }
            }
        }
        Ok(None)
    }

    /// Why bundles could not be had.
    pub(crate) fn into_failures(self) -> Vec<ExportError> {
        self.failures.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a bundle is listed no more, because it was recalled since this pass began for instance: then no bucket needs it.
async fn is_gone(pass: &Pass<'_>, sequence: u64) -> bool {
    let Ok(number) = pass.store.number(pass.feed).await else { return false };
    let listing = pass.store.listing(pass.feed, number).await;
    listing.is_ok_and(|listing| listing.bundles.iter().all(|row| row.sequence != sequence))
}

/// What a lock guards is whole after every statement, so a panic elsewhere does not spoil it.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
