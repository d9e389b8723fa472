//! What every handler shares: the store and the clock.

use std::sync::Arc;

use proto::Timestamp;
use store::{Clock, KeyStore, SqliteKeyStore};

use crate::config::Settings;
use crate::error::ServerError;

/// An open server. Clones share the store and the clock.
#[derive(Clone)]
pub struct State {
    store: Arc<dyn KeyStore>,
    clock: Clock,
}

impl State {
    /// Opens the database, creates it if it does not exist, and brings it to the newest version.
    ///
    /// # Errors
    /// [`ServerError::DatabaseUrl`] for a URL of another kind, [`ServerError::Store`] if the database cannot be opened.
    pub fn open(settings: &Settings, clock: Clock) -> Result<Self, ServerError> {
        let store = SqliteKeyStore::open(&settings.database_file()?, clock.clone())?;
        Ok(Self { store: Arc::new(store), clock })
    }

    /// The key database.
    pub(crate) fn store(&self) -> &dyn KeyStore {
        &*self.store
    }

    /// The time now. Each request reads it once.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
