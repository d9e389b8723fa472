//! Opening what settings name: databases and buckets.

use std::sync::Arc;

use store::{Clock, DatabaseUrl, KeyStore, ReadReplica};

#[cfg(feature = "s3")]
use crate::bucket::S3Bucket;
use crate::bucket::{Bucket, DirectoryBucket, S3Place};
use crate::config::{BucketSpec, BucketUrl};
use crate::error::ExportError;
use crate::pass::NamedBucket;
use crate::read_replica;

/// Opens the buckets that are set. A directory that is missing is left to the passes, as an object store that does not answer is: it costs the others
/// nothing, and is taken up once it is there.
///
/// # Errors
/// [`ExportError::GiveUp`] if two have one name, a setting of one is wrong, or every one is missing.
pub(crate) async fn open_buckets(specs: &[BucketSpec]) -> Result<Vec<NamedBucket>, ExportError> {
    let (mut buckets, mut missing): (Vec<NamedBucket>, Vec<_>) = (Vec::new(), Vec::new());
    for spec in specs {
        if buckets.iter().any(|known| known.name == spec.name) {
            return Err(ExportError::GiveUp(format!("bucket: two are called {}", spec.name)));
        }
        let bucket = match &spec.url {
            BucketUrl::Directory(path) => {
                let directory = DirectoryBucket::at(path);
                match directory.begin() {
                    Err(ExportError::Retry(why)) => missing.push((&spec.name, why)),
                    looked => looked?,
                }
                Arc::new(directory)
            }
            // In a box, or whoever opens an exporter would become larger than the compiler looks into.
            BucketUrl::S3(place) => Box::pin(open_s3(place)).await?,
        };
        buckets.push(NamedBucket::new(&spec.name, bucket));
    }
    match missing.first() {
        Some((_, why)) if missing.len() == buckets.len() => return Err(ExportError::GiveUp(why.clone())),
        _ => {}
    }
    for (name, why) in missing {
        tracing::warn!(bucket.name = name, error = why, "the bucket is not there yet: each pass looks for it");
    }
    Ok(buckets)
}

#[cfg(feature = "s3")]
async fn open_s3(place: &S3Place) -> Result<Arc<dyn Bucket>, ExportError> {
    Ok(Arc::new(S3Bucket::open(place.clone()).await?))
}

#[cfg(not(feature = "s3"))]
async fn open_s3(_: &S3Place) -> Result<Arc<dyn Bucket>, ExportError> {
    let what = "bucket: this program was built without S3; build it with --features s3, or take exporter";
    Err(ExportError::GiveUp(what.to_owned()))
}

/// The database is the server's to make: a new one at a path that was mistyped would be sealed for ever without a key in it.
pub(crate) async fn open_store(
    url: &DatabaseUrl,
    replica: Option<ReadReplica<'_>>,
    clock: Clock,
) -> Result<Arc<dyn KeyStore>, ExportError> {
    if let DatabaseUrl::Sqlite(path) = url
        && !path.exists()
    {
        let what = format!("database-url: {} does not exist; the server makes it when it starts", path.display());
        return Err(ExportError::GiveUp(what));
    }
    read_replica::ensure_sound(url, replica)?;
    Ok(store::open_key_store_with(url, replica, clock).await?)
}
