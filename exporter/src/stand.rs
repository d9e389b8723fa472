//! Where a bucket stands: its index and manifest, read once a pass and before anything is written.

use proto::index::index_path;
use proto::manifest::{Manifest, manifest_path};

use crate::bucket::Object;
use crate::error::ExportError;
use crate::pass::{NamedBucket, Pass, object_path};

/// What a bucket says of a feed.
pub(crate) struct Stand {
    /// Its index, if it has one.
    pub(crate) index: Option<Object>,
    /// Its manifest, if it has one, as bytes and as what they say.
    pub(crate) manifest: Option<(Object, Manifest)>,
}

impl Stand {
    /// Reads both. The index is read first and written last: whoever overtakes us with a higher number has changed one of the two since, and our
    /// compare-and-set loses.
    ///
    /// # Errors
    /// [`ExportError::Corrupt`] if the manifest is none of ours, [`ExportError::Retry`] if the bucket does not answer.
    pub(crate) async fn read(pass: &Pass<'_>, bucket: &NamedBucket) -> Result<Self, ExportError> {
        let index = bucket.bucket.get(&object_path(&index_path(pass.feed))?).await?;
        let path = object_path(&manifest_path(pass.feed))?;
        let manifest = match bucket.bucket.get(&path).await? {
            None => None,
            Some(object) => {
                let opened = Manifest::open(&object.bytes, &pass.keys.verifier(pass.feed)?, pass.feed);
                let manifest = opened.map_err(|why| {
                    ExportError::Corrupt(format!(
                        "{path} in bucket {} is none of ours: {why}; it was left as it is. If nobody needs it, write it anew with: exporter index \
                         rebuild",
                        bucket.name
                    ))
                })?;
                Some((object, manifest))
            }
        };
        Ok(Self { index, manifest })
    }

    /// The number of its manifest; 0 if it has none, as a new bucket.
    pub(crate) fn number(&self) -> u64 {
        self.manifest.as_ref().map_or(0, |(_, manifest)| manifest.number)
    }
}
