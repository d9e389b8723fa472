//! What tells one state of a file from the next, for those who look whether it has changed since they read it.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// A file as it was looked at; that it could not be looked at is a state, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp(Option<(u64, u64, Option<SystemTime>)>);

impl FileStamp {
    /// Looks at a file. To be taken before it is read: should it change in between, it is read once more than it had to be.
    pub fn of(path: &Path) -> Self {
        Self(fs::metadata(path).ok().map(|metadata| {
            #[cfg(unix)]
            let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
            #[cfg(not(unix))]
            let inode = 0;
            (inode, metadata.len(), metadata.modified().ok())
        }))
    }
}
