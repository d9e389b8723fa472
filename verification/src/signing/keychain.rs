//! All places with private keys, and what was read from them so far.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use proto::certificate::CertificateKey;

use super::contract::{Keyring, Signer};
use super::directory::{self, Directory};
use super::environment::{self, Environment};
use crate::error::VerificationError;

/// Finds private keys. Each is read when it is first needed, so a key that is made while the service runs is found.
pub(crate) struct Keychain {
    /// Asked in this order.
    places: Vec<Box<dyn Keyring>>,
    environment: Environment,
    directory: Directory,
    /// Guards what was found so far, by `kid`. Held for a moment only, never while a place is asked.
    found: RwLock<HashMap<String, Arc<dyn Signer>>>,
}

impl Keychain {
    /// The keys in `places`, in the environment of this process and in `dir`, none of them read yet.
    pub(crate) fn new(places: Vec<Box<dyn Keyring>>, dir: &Path) -> Self {
        let (environment, directory) = (Environment::of_process(), Directory::new(dir));
        Self { places, environment, directory, found: RwLock::default() }
    }

    /// The private half of an authority's key.
    pub(crate) async fn signer(
        &self,
        authority: &str,
        key: &CertificateKey,
    ) -> Result<Arc<dyn Signer>, VerificationError> {
        let kid = key.kid();
        let known = self.found.read().unwrap_or_else(PoisonError::into_inner).get(&kid).cloned();
        if let Some(signer) = known {
            return Ok(signer);
        }
        let signer = self.find(authority, key).await?.ok_or_else(|| VerificationError::NoPrivateKey {
            path: directory::path(self.directory(), authority, &kid),
            variable: environment::variable(authority),
        })?;
        self.found.write().unwrap_or_else(PoisonError::into_inner).insert(kid, Arc::clone(&signer));
        Ok(signer)
    }

    /// The signing key directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.as_path()
    }

    async fn find(&self, authority: &str, key: &CertificateKey) -> Result<Option<Arc<dyn Signer>>, VerificationError> {
        let own: [&dyn Keyring; 2] = [&self.environment, &self.directory];
        for place in self.places.iter().map(|place| &**place).chain(own) {
            // A place that answers with another key would sign what nobody believes.
            let found = place.signer(authority, key).await?;
            if let Some(signer) = found.filter(|signer| signer.public_key() == *key) {
                return Ok(Some(signer));
            }
        }
        Ok(None)
    }
}
