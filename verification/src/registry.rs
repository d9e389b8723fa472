//! The open database and the clock: all that it takes to register authorities and the keys to the API.

use std::sync::Arc;

use proto::Timestamp;
use store::{Clock, CodeStore};

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
    /// Opens the database. A SQLite file is created if it does not exist, and brought to the newest version.
    ///
    /// # Errors
    /// [`VerificationError::Store`] if the database cannot be opened.
    pub async fn open(settings: &DatabaseSettings, clock: Clock) -> Result<Self, VerificationError> {
        let store = store::open_code_store(&settings.database_url).await?;
        Ok(Self { store, clock })
    }

    /// The verification database.
    pub(crate) fn store(&self) -> &dyn CodeStore {
        &*self.store
    }

    /// The clock.
    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
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
