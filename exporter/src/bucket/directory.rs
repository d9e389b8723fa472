//! A directory that a web server publishes.
//!
//! Objects are written to a temporary file in their own directory, made durable, and renamed into place, so that a reader sees them whole or not at
//! all. Names that begin with a dot (temporary files, the lock) are no objects; a web server should not serve them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use proto::Timestamp;
use tempfile::NamedTempFile;

use super::directory_root::{DirectoryRoot, open_to_readers};
use crate::bucket::{Bucket, Object, ObjectPath, Put, Replaced, Version};
use crate::error::ExportError;

/// What temporary files are called.
const TEMPORARY: &str = ".put-";

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

/// What went wrong with one file.
enum Trouble {
    Io(io::Error),
    Foreign(&'static str),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The object exists: with these bytes, or with foreign ones. It is made durable again, because whoever wrote it may have died before that.
fn present(file: &Path, bytes: &[u8]) -> Result<Put, Trouble> {
    if read_bounded(file)?.as_deref() != Some(bytes) {
        return Err(Trouble::Foreign("other bytes than ours stand under this name; they were left as they are"));
    }
    File::open(file)?.sync_all()?;
    sync_directory(directory_of(file))?;
    Ok(Put::Present)
}

fn read_bounded(file: &Path) -> Result<Option<Vec<u8>>, Trouble> {
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(why.into()),
    };
    let mut bytes = Vec::new();
    opened.take(Object::MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > Object::MAX_BYTES {
        return Err(Trouble::Foreign("is longer than any object of ours"));
    }
    Ok(Some(bytes))
}

fn list_directory(directory: &Path, under: &ObjectPath) -> io::Result<BTreeMap<ObjectPath, u64>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(why) => return Err(why),
    };
    let mut objects = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        // What is no path of an object (a temporary file, say) is none of ours.
        let Some(path) = name.to_str().and_then(|name| format!("{under}/{name}").parse().ok()) else { continue };
        match entry.metadata() {
            Ok(metadata) if metadata.is_file() => _ = objects.insert(path, metadata.len()),
            // Another exporter has deleted it since it was named.
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(why),
            _ => {}
        }
    }
    Ok(objects)
}

fn remove_temporaries(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            remove_temporaries(&entry.path())?;
        } else if kind.is_file() && entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// The directory in which a file or directory stands: `.` for a bare name.
fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;
