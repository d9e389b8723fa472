//! Opening what settings name: databases and buckets.

use std::sync::Arc;

use store::{Clock, DatabaseUrl, KeyStore, ReadReplica};

use crate::bucket::{Bucket, DirectoryBucket};
#[cfg(feature = "s3")]
use crate::bucket::{S3Bucket, S3Place};
use crate::config::BucketUrl;
use crate::error::ExportError;
use crate::read_replica;

/// Opens a bucket.
pub(crate) async fn open_bucket(url: &BucketUrl) -> Result<Arc<dyn Bucket>, ExportError> {
    match url {
        BucketUrl::Directory(path) => Ok(Arc::new(DirectoryBucket::open(path)?)),
        #[cfg(feature = "s3")]
        BucketUrl::S3(place) => Ok(Arc::new(S3Bucket::open(S3Place::clone(place)).await?)),
        #[cfg(not(feature = "s3"))]
        BucketUrl::S3(_) => Err(ExportError::GiveUp(
            "bucket: this program was built without S3; build it with --features s3, or take exporter".to_owned(),
        )),
    }
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
