//! The key database in one file.

use std::path::Path;
use std::sync::Arc;

use super::migrations::{self, KEYS};
use super::pool::Pool;
use crate::clock::Clock;
use crate::error::StoreError;
use crate::observer::{Observed, Observer};

/// The key database in one file: `KeyStore` on SQLite. Clones share their connections; several programs may open the file.
#[derive(Clone)]
pub struct SqliteKeyStore {
    pub(super) pool: Pool,
    pub(super) clock: Clock,
}

impl SqliteKeyStore {
    /// Opens the file, creates it if it does not exist, and runs the migrations that it lacks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the file cannot be opened, [`StoreError::Corrupt`] if it is no database, [`StoreError::NotReady`] if a
    /// newer program wrote it.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        let pool = Pool::open(path, |connection| migrations::run(connection, KEYS))?;
        Ok(Self { pool, clock })
    }

    /// Empties the write-ahead log of what no longer stands in the tables. What was done before is done, whether or not this can be done now: the
    /// next seal tries again.
    pub(super) async fn empty_log(&self) {
        match self.pool.checkpoint().await {
            Ok(true) => {}
            Ok(false) => {
                tracing::info!("the write-ahead log is being read and was not emptied; the next seal tries again")
            }
            Err(error) => tracing::warn!(%error, "the write-ahead log could not be emptied; the next seal tries again"),
        }
    }
}

impl Observed for SqliteKeyStore {
    fn observe(&self, observer: Arc<dyn Observer>) {
        self.pool.watch(observer);
    }
}
