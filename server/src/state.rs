//! What every handler shares: the store and the clock.

use std::sync::Arc;

use proto::Timestamp;
use store::{Clock, KeyStore};

use crate::admission::Admission;
use crate::config::{SelfReportSettings, Settings};
use crate::error::ServerError;

/// An open server. Clones share the store and the clock.
#[derive(Clone)]
pub struct State {
    store: Arc<dyn KeyStore>,
    clock: Clock,
    admission: Arc<Admission>,
}

impl State {
    /// Opens the database. A SQLite file is created if it does not exist, and brought to the newest version. Reports without a certificate are
    /// taken by the default settings, see [`with_self_reports`](Self::with_self_reports).
    ///
    /// # Errors
    /// [`ServerError::Store`] if the database cannot be opened.
    pub async fn open(settings: &Settings, clock: Clock) -> Result<Self, ServerError> {
        let store = store::open_key_store(&settings.database_url, clock.clone()).await?;
        let admission = Arc::new(Admission::new(&SelfReportSettings::default(), store::chance::bytes())?);
        Ok(Self { store, clock, admission })
    }

    /// The same, with other settings for reports without a certificate.
    ///
    /// # Errors
    /// [`ServerError::Malformed`] for a difficulty out of bounds, [`ServerError::Secret`] for a file that cannot be read or is too short.
    pub fn with_self_reports(self, settings: &SelfReportSettings) -> Result<Self, ServerError> {
        let admission = Arc::new(Admission::new(settings, store::chance::bytes())?);
        Ok(Self { admission, ..self })
    }

    /// What admitting a report without a certificate takes.
    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
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
