//! The open database and the clock: all that it takes to register authorities and the keys to the API.

use std::sync::Arc;

use proto::Timestamp;
use store::{Clock, CodeStore, SqliteCodeStore};

use crate::config::DatabaseSettings;
use crate::error::VerificationError;

/// An open verification database. Clones share it.
///
/// Neither the service's secret nor a signing key is needed to keep it, so whoever administrates need not have them.
#[derive(Clone)]
pub struct Registry {
    store: Arc<dyn CodeStore>,
    clock: Clock,
}

impl Registry {
    /// Opens the database, creates it if it does not exist, and brings it to the newest version.
    ///
    /// # Errors
    /// [`VerificationError::DatabaseUrl`] for a URL of another kind, [`VerificationError::Store`] if the database cannot be opened.
    pub fn open(settings: &DatabaseSettings, clock: Clock) -> Result<Self, VerificationError> {
        let store = Arc::new(SqliteCodeStore::open(&settings.database_file()?)?);
        Ok(Self { store, clock })
    }

    /// The verification database.
    pub(crate) fn store(&self) -> &dyn CodeStore {
        &*self.store
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl AsRef<Self> for Registry {
    fn as_ref(&self) -> &Self {
        self
    }
}
