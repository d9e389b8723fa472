//! A file as it is now.
//!
//! What changes in a file of secrets counts at once for every program over the same file: were one to go on with what it read when it
//! started, it would not know what another has made under a new secret. So each request looks whether the file is still the one that was
//! read, which costs one system call.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::file_stamp::FileStamp;

/// A file and what it held when it was last read.
pub struct Watched<T> {
    path: PathBuf,
    /// Guards what was read, and which file that was.
    seen: RwLock<(FileStamp, Arc<T>)>,
}

impl<T> Watched<T> {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn open<E>(path: &Path, read: impl FnOnce(&Path) -> Result<T, E>) -> Result<Self, E> {
        let stamp = FileStamp::of(path);
        let content = Arc::new(read(path)?);
        Ok(Self { path: path.to_owned(), seen: RwLock::new((stamp, content)) })
    }

    /// What it holds. A file that cannot be read any more is complained about once, and what it held before still counts.
    pub fn current<E: Display>(&self, read: impl FnOnce(&Path) -> Result<T, E>) -> Arc<T> {
        let stamp = FileStamp::of(&self.path);
        let (seen, content) = self.seen.read().unwrap_or_else(PoisonError::into_inner).clone();
        if stamp == seen {
            return content;
        }
        let content = match read(&self.path) {
            Ok(changed) => Arc::new(changed),
            Err(error) => {
                tracing::error!(%error, file.path = %self.path.display(), "a file has changed and cannot be used; going on with what it held before");
                content
            }
        };
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = (stamp, Arc::clone(&content));
        content
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
