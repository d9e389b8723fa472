//! Putting a bundle into a bucket, and reading it back as a phone would.

use proto::bundle::{Bundle, BundleKey, Limits};
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
    check(pass, bundle, there.bytes).await.map_err(|why| match why {
        ExportError::Corrupt(what) => ExportError::Corrupt(format!("{path} in bucket {}: {what}", bucket.name)),
        other => other,
    })?;

    let noted = pass.store.record_put(pass.feed, bundle.row.sequence, &bucket.name);
    match pass.step("bundle.record", sequence, Some(bucket), noted).await {
        Err(StoreError::NotFound(_)) => {
            pass.step("bundle.delete", sequence, Some(bucket), bucket.bucket.delete(&path)).await?;
            Ok(false)
        }
        noted => Ok(noted.map(|()| true)?),
    }
}

/// Whether bytes from a bucket are the bundle, and such that the strictest phone accepts them.
async fn check(pass: &Pass<'_>, bundle: &DerivedBundle, zip: Vec<u8>) -> Result<(), ExportError> {
    let corrupt = |what: &str| Err(ExportError::Corrupt(what.to_owned()));
    if <[u8; 32]>::from(Sha256::digest(&zip)) != bundle.derived.zip_sha256 {
        return corrupt("other bytes than those that were put");
    }
    // A bundle that was signed before a rotation is known by its digest alone: its key is no longer at hand.
    let signer = &pass.keys.signer;
    let key = (bundle.row.signing.first() == Some(signer.id())).then(|| signer.public_key());
    let export_sha256 = bundle.derived.export_sha256;
    let checked = tokio::task::spawn_blocking(move || as_a_phone(&zip, key.as_ref(), &export_sha256)).await;
    match checked {
        Ok(Ok(())) => Ok(()),
        Ok(Err(why)) => corrupt(&why),
        Err(_) => Err(ExportError::Retry("the check of a bundle was interrupted".to_owned())),
    }
}

fn as_a_phone(zip: &[u8], key: Option<&BundleKey>, export_sha256: &[u8; 32]) -> Result<(), String> {
    let read = Bundle::read(zip, &Limits::default()).map_err(|why| format!("a phone would refuse it: {why}"))?;
    if read.digest.0 != *export_sha256 {
        return Err("another export.bin than the one that was signed".to_owned());
    }
    match key {
        Some(key) => read.verify(key).map_err(|why| format!("a phone would refuse it: {why}")),
        None => Ok(()),
    }
}
