//! What every handler shares: database, clock, secret, signing keys.

use std::sync::Arc;

use proto::Timestamp;
use proto::certificate::CertificateSigner;
use store::{Clock, CodeStore};

use crate::config::Settings;
use crate::error::VerificationError;
use crate::registry::Registry;
use crate::secret::Secret;
use crate::signers::Signers;

/// An open service. Clones share everything.
#[derive(Clone)]
pub struct State {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    secret: Secret,
    signers: Signers,
}

impl State {
    /// Reads the secret and opens the database. A SQLite file is created if it does not exist, and brought to the newest version.
    ///
    /// # Errors
    /// [`VerificationError::Store`] if the database cannot be opened, and what can be wrong with the secret's file. The signing keys are read
    /// when they are first needed.
    pub async fn open(settings: &Settings, clock: Clock) -> Result<Self, VerificationError> {
        let secret = Secret::read(&settings.secret_file)?;
        let registry = Registry::open(&settings.database, clock).await?;
        let signers = Signers::new(&settings.signing_key_dir);
        Ok(Self { inner: Arc::new(Inner { registry, secret, signers }) })
    }

    /// The verification database.
    pub(crate) fn store(&self) -> &dyn CodeStore {
        self.inner.registry.store()
    }

    /// The secret under which new rows are written.
    pub(crate) fn secret(&self) -> &Secret {
        &self.inner.secret
    }

    /// The private halves of signing keys.
    pub(crate) fn signers(&self) -> &Signers {
        &self.inner.signers
    }

    /// The time now. Each request reads it once.
    pub(crate) fn now(&self) -> Timestamp {
        self.inner.registry.now()
    }

    /// Who signs an authority's certificates now: of its live keys, the one whose turn came last.
    pub(crate) async fn signer(
        &self,
        authority: &str,
        now: Timestamp,
    ) -> Result<Arc<CertificateSigner>, VerificationError> {
        let keys = self.store().issuer_keys(authority, now).await?.unwrap_or_default();
        let current = keys.iter().find(|key| key.signs_from <= now);
        let current = current.ok_or_else(|| VerificationError::NoSigningKey(authority.to_owned()))?;
        self.signers().get(authority, &current.kid)
    }

    /// Whether anybody but the caller still holds this state.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.inner) > 1
    }
}

impl AsRef<Registry> for State {
    fn as_ref(&self) -> &Registry {
        &self.inner.registry
    }
}
