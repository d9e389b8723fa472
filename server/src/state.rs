//! What every handler shares: the store and the clock.

use std::sync::Arc;

use proto::Timestamp;
use store::{Clock, KeyStore};

use crate::config::Settings;
use crate::error::ServerError;

/// An open server. Clones share the store and the clock.
#[derive(Clone)]
pub struct State {
    store: Arc<dyn KeyStore>,
    clock: Clock,
}

impl State {
    /// Opens the database. A SQLite file is created if it does not exist, and brought to the newest version.
    ///
    /// # Errors
    /// [`ServerError::Store`] if the database cannot be opened.
    pub async fn open(settings: &Settings, clock: Clock) -> Result<Self, ServerError> {
        let store = store::open_key_store(&settings.database_url, clock.clone()).await?;
        Ok(Self { store, clock })
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
