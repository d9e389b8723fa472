//! The directory that a bucket lies in: found or created, and looked for again while it is missing.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::error::ExportError;

/// Every writer holds this file's lock while it writes: shared for a put, exclusive for a compare-and-set. The lock dies with the process, so
/// whoever gets it exclusively knows that every temporary file is a dead writer's.
const LOCK: &str = ".lock";

/// The directory of a bucket.
#[derive(Debug, Clone)]
pub(super) struct DirectoryRoot {
    path: PathBuf,
    /// Set once it was there. Then it is not created again: where a disk went away, nothing must seem to be empty.
    begun: Arc<OnceLock<()>>,
}

impl DirectoryRoot {
    /// At a place that was not looked at yet.
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), begun: Arc::default() }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Sees to it that it is there, as before everything that is done with the bucket.
    ///
    /// # Errors
    /// [`ExportError::GiveUp`] if something else than a directory stands there, else [`ExportError::Retry`]: disks come back.
    pub(super) fn begin(&self) -> Result<(), ExportError> {
        if self.begun.get().is_some() && self.path.is_dir() {
            return Ok(());
        }
        let what = |why: io::Error| format!("bucket {}: {why}", self.path.display());
        match self.create().and_then(|()| self.lock_file()) {
            Ok(_) => self.begun.get_or_init(|| ()),
            Err(why) if why.kind() == ErrorKind::NotADirectory => return Err(ExportError::GiveUp(what(why))),
            Err(why) => return Err(ExportError::Retry(what(why))),
        };
        Ok(())
    }

    /// What writers lock.
    pub(super) fn lock_file(&self) -> io::Result<File> {
        File::options().create(true).truncate(false).write(true).open(self.path.join(LOCK))
    }

    fn create(&self) -> io::Result<()> {
        match fs::metadata(&self.path) {
            Ok(there) if there.is_dir() => return Ok(()),
            Ok(_) => return Err(ErrorKind::NotADirectory.into()),
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(why),
            // What a link names is made by whoever made the link.
            Err(why) if self.begun.get().is_some() || self.path.is_symlink() => return Err(why),
            Err(_) => {}
        }
        fs::create_dir_all(&self.path).and_then(|()| open_to_readers(&self.path))
    }
}

/// A web server reads what is published, whatever the mask of the process that publishes takes away.
pub(super) fn open_to_readers(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
}
