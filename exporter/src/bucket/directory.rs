//! A directory that a web server publishes.
//!
//! Objects are written to a temporary file in their own directory, made durable, and renamed into place, so that a reader sees them whole or not at
//! all. Names that begin with a dot (temporary files, the lock) are no objects; a web server should not serve them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use proto::Timestamp;
use tempfile::NamedTempFile;

use super::directory_files::{
    TEMPORARY, Trouble, directory_of, list_directory, present, read_bounded, remove_temporaries, sync_directory,
};
use super::directory_root::{DirectoryRoot, open_to_readers};
use crate::bucket::{Bucket, Object, ObjectPath, Put, Replaced, Version};
use crate::error::ExportError;

/// A bucket in a directory tree.
#[derive(Debug, Clone)]
pub struct DirectoryBucket {
    root: DirectoryRoot,
}

impl DirectoryBucket {
    /// Opens the directory and creates it if it does not exist.
    ///
    /// # Errors
    /// [`ExportError::GiveUp`] if it is no directory that we can write to.
    pub fn open(root: &Path) -> Result<Self, ExportError> {
        let bucket = Self::at(root);
        bucket.begin().map_err(|why| ExportError::GiveUp(why.to_string()))?;
        Ok(bucket)
    }

    /// The same without a look at it: whatever is asked of it opens it first.
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: DirectoryRoot::at(root) }
    }

    /// See [`DirectoryRoot::begin`].
    pub(crate) fn begin(&self) -> Result<(), ExportError> {
        self.root.begin()
    }

    fn file(&self, path: &ObjectPath) -> PathBuf {
        self.root.path().join(path.as_str())
    }

    /// Runs `operation` on a blocking thread and names the object in its error.
    async fn blocking<T: Send + 'static>(
        &self,
        path: &ObjectPath,
        operation: impl FnOnce(&Self, &Path) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, ExportError> {
        let (bucket, file) = (self.clone(), self.file(path));
        let finished = tokio::task::spawn_blocking(move || {
            bucket.begin()?;
            operation(&bucket, &file).map_err(|trouble| match trouble {
                Trouble::Io(why) => ExportError::io("cannot write or read", &file, &why),
                Trouble::Foreign(what) => ExportError::Corrupt(format!("{}: {what}", file.display())),
            })
        });
        finished.await.unwrap_or_else(|_| Err(ExportError::Retry(format!("{path}: the write was interrupted"))))
    }

    fn put_blocking(&self, file: &Path, bytes: &[u8]) -> Result<Put, Trouble> {
        let lock = self.root.lock_file()?;
        lock.lock_shared()?;
        if fs::exists(file)? {
            return present(file, bytes);
        }
        match self.temporary(file, bytes)?.persist_noclobber(file) {
            Ok(_) => {
                sync_directory(directory_of(file))?;
                Ok(Put::Created)
            }
            Err(lost) if lost.error.kind() == ErrorKind::AlreadyExists => present(file, bytes),
            Err(failed) => Err(failed.error.into()),
        }
    }

    fn replace_blocking(&self, file: &Path, bytes: &[u8], expected: Option<&Version>) -> Result<Replaced, Trouble> {
        let lock = self.root.lock_file()?;
        // Between the comparison and the rename nobody else may replace anything.
        lock.lock()?;
        let current = read_bounded(file)?.map(Object::by_content);
        if current.map(|object| object.version).as_ref() != expected {
            return Ok(Replaced::Lost);
        }
        self.temporary(file, bytes)?.persist(file).map_err(|failed| failed.error)?;
        sync_directory(directory_of(file))?;
        Ok(Replaced::Done)
    }

    fn clock_blocking(&self) -> Result<Timestamp, ExportError> {
        self.begin()?;
        self.time_of_a_file()
            .map_err(|why| ExportError::io("cannot write a file to see its time in", self.root.path(), &why))
    }

    fn time_of_a_file(&self) -> io::Result<Timestamp> {
        let lock = self.root.lock_file()?;
        lock.lock_shared()?;
        let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(self.root.path())?;
        // An empty file may keep the time at which a client made it up.
        temporary.write_all(b"?")?;
        temporary.as_file().sync_all()?;
        let since_1970 = temporary.as_file().metadata()?.modified()?.duration_since(UNIX_EPOCH);
        Ok(Timestamp::from_unix(since_1970.map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX))))
    }

    fn delete_blocking(&self, file: &Path) -> Result<(), Trouble> {
        let lock = self.root.lock_file()?;
        lock.lock_shared()?;
        match fs::remove_file(file) {
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(why.into()),
            _ => {}
        }
        // Also if it was gone: whoever deleted it may have died before that was durable.
        match sync_directory(directory_of(file)) {
            Err(why) if why.kind() != ErrorKind::NotFound => Err(why.into()),
            _ => Ok(()),
        }
    }

    /// A durable temporary file beside `file`.
    fn temporary(&self, file: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let directory = directory_of(file);
        self.create_directories(directory)?;
        let public = fs::Permissions::from_mode(0o644);
        let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).permissions(public).tempfile_in(directory)?;
        temporary.write_all(bytes)?;
        temporary.as_file().sync_all()?;
        Ok(temporary)
    }

    /// Creates what is missing between the root and `directory`, durably: a new directory's name stands in its parent.
    fn create_directories(&self, directory: &Path) -> io::Result<()> {
        if directory.is_dir() {
            return Ok(());
        }
        let parent = directory_of(directory);
        if directory != self.root.path() {
            self.create_directories(parent)?;
        }
        match fs::create_dir(directory) {
            Ok(()) => open_to_readers(directory)?,
            Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
            Err(why) => return Err(why),
        }
        sync_directory(parent)
    }
}

#[async_trait]
impl Bucket for DirectoryBucket {
    async fn put_if_absent(&self, path: &ObjectPath, bytes: &[u8]) -> Result<Put, ExportError> {
        let bytes = bytes.to_vec();
        self.blocking(path, move |bucket, file| bucket.put_blocking(file, &bytes)).await
    }

    async fn get(&self, path: &ObjectPath) -> Result<Option<Object>, ExportError> {
        self.blocking(path, |_, file| Ok(read_bounded(file)?.map(Object::by_content))).await
    }

    async fn replace(
        &self,
        path: &ObjectPath,
        bytes: &[u8],
        expected: Option<&Version>,
    ) -> Result<Replaced, ExportError> {
        let (bytes, expected) = (bytes.to_vec(), expected.cloned());
        self.blocking(path, move |bucket, file| bucket.replace_blocking(file, &bytes, expected.as_ref())).await
    }

    async fn delete(&self, path: &ObjectPath) -> Result<(), ExportError> {
        self.blocking(path, |bucket, file| bucket.delete_blocking(file)).await
    }

    async fn list(&self, under: &ObjectPath) -> Result<BTreeMap<ObjectPath, u64>, ExportError> {
        let prefix = under.clone();
        self.blocking(under, move |_, directory| Ok(list_directory(directory, &prefix)?)).await
    }

    /// When a file that is written now was written, as the file system says: over a network that is the time of the machine that serves it.
    async fn clock(&self) -> Result<Option<Timestamp>, ExportError> {
        let bucket = self.clone();
        let read = tokio::task::spawn_blocking(move || bucket.clock_blocking());
        read.await.unwrap_or_else(|_| Err(ExportError::Retry("the write was interrupted".to_owned()))).map(Some)
    }

    async fn tidy(&self) -> Result<(), ExportError> {
        let bucket = self.clone();
        let tidied = tokio::task::spawn_blocking(move || {
            // Whoever writes next will hear why.
            if bucket.begin().is_err() {
                return Ok(());
            }
            let lock = bucket.root.lock_file()?;
            // Somebody is writing: a later pass will tidy.
            if lock.try_lock().is_err() {
                return Ok(());
            }
            remove_temporaries(bucket.root.path())
        });
        let tidied = tidied.await.unwrap_or_else(|_| Err(io::Error::other("tidying was interrupted")));
        tidied.map_err(|why| ExportError::io("cannot tidy", self.root.path(), &why))
    }
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
