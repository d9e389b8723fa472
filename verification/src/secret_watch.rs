//! The live secrets as their file has them now.
//!
//! A rotated secret counts at once for whoever issues codes, be it this program or another over the same database. Were the others to go on
//! with what they read when they started, they would not know these codes. So each request looks whether the file is still the one that was
//! read, which costs one system call.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::VerificationError;
use crate::file_stamp::FileStamp;
use crate::secrets::Secrets;

/// A secret file and what it held when it was last read.
pub(crate) struct SecretWatch {
    path: PathBuf,
    /// Guards what was read, and which file that was.
    seen: RwLock<(FileStamp, Arc<Secrets>)>,
}

impl SecretWatch {
    /// Reads the file for the first time.
    pub(crate) fn open(path: &Path) -> Result<Self, VerificationError> {
        let stamp = FileStamp::of(path);
        let secrets = Arc::new(Secrets::read(path)?);
        Ok(Self { path: path.to_owned(), seen: RwLock::new((stamp, secrets)) })
    }

    /// The live secrets. A file that cannot be read any more, or holds none, is complained about once and leaves those that were live.
    pub(crate) fn secrets(&self) -> Arc<Secrets> {
        let stamp = FileStamp::of(&self.path);
        let (seen, secrets) = self.seen.read().unwrap_or_else(PoisonError::into_inner).clone();
        if stamp == seen {
            return secrets;
        }
        let secrets = match Secrets::read(&self.path) {
            Ok(changed) => Arc::new(changed),
            Err(error) => {
                tracing::error!(%error, "the secret file has changed and cannot be used; going on with what it held before");
                secrets
            }
        };
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = (stamp, Arc::clone(&secrets));
        secrets
    }
}

impl std::fmt::Debug for SecretWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretWatch").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_rotated_secret_counts_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        let rng = &mut store::chance::source();
        Secrets::create(&path, rng).expect("written");
        let watch = SecretWatch::open(&path).expect("read");
        let first = watch.secrets();
        assert!(Arc::ptr_eq(&first, &watch.secrets()), "what has not changed is not read again");
        Secrets::rotate(&path, &[], rng).expect("rotated");
        let second = watch.secrets();
        assert_ne!(second.current().pepper(), first.current().pepper());
        assert!(second.get(first.current().pepper()).is_some());
    }

    #[test]
    fn a_file_that_is_gone_or_broken_leaves_the_secrets_live() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        Secrets::create(&path, &mut store::chance::source()).expect("written");
        let watch = SecretWatch::open(&path).expect("read");
        let pepper = watch.secrets().current().pepper().to_owned();
        let kept = fs::read(&path).expect("read");
        for broken in [Some("no secret"), None] {
            fs::remove_file(&path).expect("removed");
            if let Some(text) = broken {
                crate::secret_file::create(&path, text).expect("written");
            }
            assert_eq!(watch.secrets().current().pepper(), pepper);
        }
        crate::secret_file::create(&path, &String::from_utf8(kept).expect("text")).expect("written");
        assert_eq!(watch.secrets().current().pepper(), pepper);
    }
}
