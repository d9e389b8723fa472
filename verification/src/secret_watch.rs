//! The live secrets as their file has them now: a rotated secret counts at once for whoever issues codes, be it this program or another
//! over the same database.

use std::path::Path;
use std::sync::Arc;

use service::Watched;

use crate::error::VerificationError;
use crate::secrets::Secrets;

/// A secret file and what it held when it was last read.
pub(crate) struct SecretWatch(Watched<Secrets>);

impl SecretWatch {
    /// Reads the file for the first time.
    pub(crate) fn open(path: &Path) -> Result<Self, VerificationError> {
        Watched::open(path, Secrets::read).map(Self)
    }

    /// The live secrets. A file that cannot be read any more, or holds none, is complained about once and leaves those that were live.
    pub(crate) fn secrets(&self) -> Arc<Secrets> {
        self.0.current(Secrets::read)
    }
}

impl std::fmt::Debug for SecretWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretWatch").field("path", &self.0.path()).finish_non_exhaustive()
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
