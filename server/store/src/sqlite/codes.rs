//! `CodeStore` on SQLite.

use std::path::Path;

use async_trait::async_trait;

use super::migrations::{self, VERIFICATION};
use super::pool::Pool;
use crate::codes::CodeStore;
use crate::error::StoreError;

/// The verification database in one file.
#[derive(Clone)]
pub struct SqliteCodeStore {
    pool: Pool,
}

impl SqliteCodeStore {
    /// Opens the file, creates it if it does not exist, and runs the migrations that it lacks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the file cannot be opened, [`StoreError::Corrupt`] if it is no database.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { pool: Pool::open(path, |connection| migrations::run(connection, VERIFICATION))? })
    }
}

#[async_trait]
impl CodeStore for SqliteCodeStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.pool.read("ping", |_| Ok(())).await
    }
}
