//! What tells one state of a file from the next, for those who look whether it has changed since they read it.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// A file as it was looked at; that it could not be looked at is a state, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp(Option<(Identity, u64, Option<SystemTime>)>);

/// Its inode, and when that was changed last, in seconds and nanoseconds: who forbids others to read it changes nothing else.
type Identity = (u64, i64, i64);

impl FileStamp {
    /// Looks at a file. To be taken before it is read: should it change in between, it is read once more than it had to be.
    pub fn of(path: &Path) -> Self {
        Self(fs::metadata(path).ok().map(|metadata| {
            #[cfg(unix)]
            let identity = {
                use std::os::unix::fs::MetadataExt;
                (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
            };
            #[cfg(not(unix))]
            let identity = (0, 0, 0);
            (identity, metadata.len(), metadata.modified().ok())
        }))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn who_may_read_a_file_is_part_of_its_state() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        let none = FileStamp::of(&path);
        fs::write(&path, "text").expect("written");
        let written = FileStamp::of(&path);
        assert!(none != written && written == FileStamp::of(&path));
        // Clocks of file systems tick some hundred times a second: until one did, two changes look like one.
        while FileStamp::of(&path) == written {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
        }
    }
}
