//! The engines under test.

use std::path::PathBuf;
use std::sync::Arc;

use store::{Clock, KeyStore, SqliteKeyStore, StoreError};

/// A fresh database, which several programs may open at once. They share a clock, so that a test can move it.
pub(crate) trait Engine: Send + Sync {
    /// A database of its own for one test.
    fn fresh() -> Self
    where
        Self: Sized;

    /// Opens the database as one more program would.
    fn try_open(&self) -> Result<Arc<dyn KeyStore>, StoreError>;

    /// The clock of all programs.
    fn clock(&self) -> &Clock;

    /// Opens the database.
    fn open(&self) -> Arc<dyn KeyStore> {
        self.try_open().expect("the database opens")
    }
}

/// Where temporary databases stand: in memory where there is such a directory, since no test here is about what a disk keeps.
fn temporary() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary directory")
}

/// SQLite in a temporary directory.
pub(crate) struct Sqlite {
    _directory: tempfile::TempDir,
    path: PathBuf,
    clock: Clock,
}

impl Engine for Sqlite {
    fn fresh() -> Self {
        let directory = temporary();
        let path = directory.path().join("keys.db");
        Self { _directory: directory, path, clock: Clock::system() }
    }

    fn try_open(&self) -> Result<Arc<dyn KeyStore>, StoreError> {
        Ok(Arc::new(SqliteKeyStore::open(&self.path, self.clock.clone())?))
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}
