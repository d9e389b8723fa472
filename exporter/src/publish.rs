//! Putting a bundle into a bucket, and reading it back.

use sha2::{Digest, Sha256};
use store::StoreError;

use crate::derive::DerivedBundle;
use crate::error::ExportError;
use crate::pass::{NamedBucket, Pass};

/// Puts a bundle into a bucket if it is absent, reads it back, checks it, and notes that it is there. Whether it is: if it has died since this pass
/// began, because the machine slept for instance, it is taken away again, since nobody would ever come back for it.
pub(crate) async fn put(pass: &Pass<'_>, bucket: &NamedBucket, bundle: &DerivedBundle) -> Result<bool, ExportError> {
    let path = pass.bundle_path(&bundle.row)?;
    let sequence = Some(bundle.row.sequence);
    let written = bucket.bucket.put_if_absent(&path, &bundle.zip);
    pass.step("bundle.put", sequence, Some(bucket), written).await?;

    let there = bucket.bucket.get(&path).await?;
    let there = there.ok_or_else(|| ExportError::Retry(format!("{path} is not there although it was just put")))?;
    // The bytes that were derived are such that a phone accepts them; these must be the same.
    if <[u8; 32]>::from(Sha256::digest(&there.bytes)) != bundle.derived.zip_sha256 {
        return Err(ExportError::Corrupt(format!(
            "{path} in bucket {}: other bytes than those that were put",
            bucket.name
        )));
    }
    drop(there);

    let noted = pass.store.record_put(pass.feed, bundle.row.sequence, &bucket.name);
    match pass.step("bundle.record", sequence, Some(bucket), noted).await {
        Err(StoreError::NotFound(_)) => {
            pass.step("bundle.delete", sequence, Some(bucket), bucket.bucket.delete(&path)).await?;
            Ok(false)
        }
        noted => Ok(noted.map(|()| true)?),
    }
}
