//! What a bucket promises.

use std::collections::BTreeMap;

use async_trait::async_trait;
use proto::Timestamp;
use sha2::{Digest, Sha256};

use crate::bucket::ObjectPath;
use crate::error::ExportError;

/// An object store, or something that behaves like one.
///
/// **Durability.** When a write has answered `Ok`, the object survives the loss of power. A write that answered with an error may have taken effect
/// all the same; the caller repeats it.
///
/// **Consistency.** A reader sees an object whole or not at all, never a part of it. What was written is what every later [`get`](Self::get) and
/// [`list`](Self::list) sees, whoever asks.
///
/// **Concurrency.** Several exporters may write at once. [`put_if_absent`](Self::put_if_absent) and [`replace`](Self::replace) decide atomically, so
/// of two that race one wins and the other is told.
///
/// **Retries.** A bucket may try again by itself what is safe to repeat; what it then cannot do it reports as [`ExportError::Retry`]. A
/// bucket behind a network gives up after a while.
///
/// **Kinds of objects.** Bundles (`*.zip`) are written by `put_if_absent` alone, never change, and end by `delete`. Index and manifest are written by `replace`
/// alone, and stay. `ready` is written by `replace` and comes and goes. Content type and caching follow from the path's last segment.
#[async_trait]
pub trait Bucket: Send + Sync {
    /// Writes an object that does not exist. If it does, with the same bytes, all is well; it is never overwritten.
    ///
    /// # Errors
    /// [`ExportError::Corrupt`] if other bytes stand under the path: somebody has to look.
    async fn put_if_absent(&self, path: &ObjectPath, bytes: &[u8]) -> Result<Put, ExportError>;

    /// Reads an object, up to [`Object::MAX_BYTES`]; none if there is none.
    ///
    /// # Errors
    /// [`ExportError::Corrupt`] if it is longer.
    async fn get(&self, path: &ObjectPath) -> Result<Option<Object>, ExportError>;

    /// Writes an object if it stands at `expected` (none: if it does not exist), by compare-and-set.
    async fn replace(
        &self,
        path: &ObjectPath,
        bytes: &[u8],
        expected: Option<&Version>,
    ) -> Result<Replaced, ExportError>;

    /// Deletes an object for good. If it is not there, all is well.
    async fn delete(&self, path: &ObjectPath) -> Result<(), ExportError>;

    /// The objects directly under a path, such as a feed's, with their sizes in bytes.
    async fn list(&self, under: &ObjectPath) -> Result<BTreeMap<ObjectPath, u64>, ExportError>;

    /// The time as whoever keeps the objects tells it, in UTC seconds: a machine that serves files or objects has a clock of its own. None if it
    /// tells no time. Nothing that could ever be read is written for it.
    async fn clock(&self) -> Result<Option<Timestamp>, ExportError> {
        Ok(None)
    }

    /// Clears what writers that died left behind, unless somebody is writing now. Nothing that could ever be read is touched.
    async fn tidy(&self) -> Result<(), ExportError> {
        Ok(())
    }
}

/// What [`Bucket::put_if_absent`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Nothing was there: the object was written.
    Created,
    /// The same bytes were there.
    Present,
}

/// What [`Bucket::replace`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// The object stood where it was expected, and was replaced.
    Done,
    /// Somebody else was faster. Read again and decide again.
    Lost,
}

/// An object that was read.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What [`Bucket::replace`] compares.
    pub version: Version,
}

impl Object {
    /// Longer objects are not ours: phones stop at 16 MB.
    pub const MAX_BYTES: u64 = 16_000_000;

    /// An object whose version is its content.
    pub(crate) fn by_content(bytes: Vec<u8>) -> Self {
        let version = Version::of_content(&bytes);
        Self { bytes, version }
    }
}

/// Which version of an object: an ETag, or a digest of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// What the store itself calls it.
    #[cfg(feature = "s3")]
    pub(crate) const fn of_store(etag: String) -> Self {
        Self(etag)
    }

    /// What the store itself calls it.
    #[cfg(feature = "s3")]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The SHA-256 of the content, for buckets that keep no version of their own.
    pub(crate) fn of_content(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }
}
