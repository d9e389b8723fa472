//! `KeyStore` on SQLite.

use std::path::Path;

use super::migrations::{self, KEYS};
use super::pool::Pool;
use crate::clock::Clock;
use crate::error::StoreError;

/// The key database in one file.
#[derive(Clone)]
pub struct SqliteKeyStore {
    _pool: Pool,
    _clock: Clock,
}

impl SqliteKeyStore {
    /// Opens the file, creates it if it does not exist, and runs the migrations that it lacks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the file cannot be opened, [`StoreError::Corrupt`] if it is no database.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, StoreError> {
        Ok(Self { _pool: Pool::open(path, |connection| migrations::run(connection, KEYS))?, _clock: clock })
    }
}
