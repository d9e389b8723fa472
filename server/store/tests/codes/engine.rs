//! The engines under test.

use std::path::PathBuf;
use std::sync::Arc;

use store::{CodeStore, SqliteCodeStore};

/// A fresh verification database, which several programs may open at once.
pub(crate) trait Engine: Send + Sync {
    /// A database of its own for one test.
    fn fresh() -> Self
    where
        Self: Sized;

    /// Opens the database as one more program would.
    fn open(&self) -> Arc<dyn CodeStore>;

    /// Every byte that the database has on disk.
    fn disk(&self) -> Vec<u8>;
}

/// SQLite in a temporary directory.
pub(crate) struct Sqlite {
    directory: tempfile::TempDir,
    path: PathBuf,
}

impl Engine for Sqlite {
    fn fresh() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("codes.db");
        Self { directory, path }
    }

    fn open(&self) -> Arc<dyn CodeStore> {
        Arc::new(SqliteCodeStore::open(&self.path).expect("the database opens"))
    }

    fn disk(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.directory.path()).expect("the directory is read");
        files.flat_map(|file| std::fs::read(file.expect("a file").path()).expect("the file is read")).collect()
    }
}
