//! The private halves of certificate signing keys: one PKCS #8 PEM file a key, `{authority}.{kid}.key.pem`, for its owner's eyes alone.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{EncodePrivateKey, KeypairBytes, spki::der::pem::LineEnding};
use proto::certificate::{CertificateKey, CertificateSigner};
use rand::CryptoRng;

use crate::error::VerificationError;
use crate::secret_file;

/// The signing keys in one directory. Each is read when it is first needed, so a key that is made while the service runs is found.
pub(crate) struct Signers {
    dir: PathBuf,
    /// Guards what was read so far, by `kid`.
    read: RwLock<HashMap<String, Arc<CertificateSigner>>>,
}

impl Signers {
    /// The signing keys in `dir`, none of them read yet.
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), read: RwLock::default() }
    }

    /// The signer with this public key.
    pub(crate) fn get(&self, authority: &str, kid: &str) -> Result<Arc<CertificateSigner>, VerificationError> {
        let known = self.read.read().unwrap_or_else(PoisonError::into_inner).get(kid).cloned();
        if let Some(signer) = known {
            return Ok(signer);
        }
        let signer = Arc::new(self.load(authority, kid)?);
        self.read.write().unwrap_or_else(PoisonError::into_inner).insert(kid.to_owned(), Arc::clone(&signer));
        Ok(signer)
    }

    /// Draws a key and writes its private half; the public half is what others need.
    pub(crate) fn create(
        &self,
        authority: &str,
        rng: &mut impl CryptoRng,
    ) -> Result<CertificateKey, VerificationError> {
        let key = SigningKey::generate(rng);
        let public = CertificateKey::Ed25519(key.verifying_key());
        // Without the public half: several readers of PKCS #8 know only its first version (RFC 5958, section 2).
        let pair = KeypairBytes { secret_key: key.to_bytes(), public_key: None };
        let pem = pair.to_pkcs8_pem(LineEnding::LF).expect("32 bytes have an encoding");
        secret_file::create(&self.path(authority, &public.kid()), &pem)?;
        Ok(public)
    }

    /// Where the private half of a key lies.
    pub(crate) fn path(&self, authority: &str, kid: &str) -> PathBuf {
        self.dir.join(format!("{authority}.{kid}.key.pem"))
    }

    fn load(&self, authority: &str, kid: &str) -> Result<CertificateSigner, VerificationError> {
        let path = self.path(authority, kid);
        let pem = secret_file::read(&path)?;
        let signer = CertificateSigner::from_pem(&pem).ok().filter(|signer| signer.public_key().kid() == kid);
        let reason = "must hold the private half of the key that it is named after, as PKCS #8 PEM";
        signer.ok_or(VerificationError::Content { path, reason })
    }
}

impl std::fmt::Debug for Signers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signers").field("dir", &self.dir).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_its_own_file_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let signers = Signers::new(&dir.path().join("keys"));
        let [first, second] = [(); 2].map(|()| signers.create("a", &mut store::chance::source()).expect("written"));
        assert_eq!(signers.get("a", &first.kid()).expect("read").public_key(), first);

        // The second key's file now holds the first key.
        std::fs::copy(signers.path("a", &first.kid()), signers.path("a", &second.kid())).expect("copied");
        assert!(matches!(signers.get("a", &second.kid()), Err(VerificationError::Content { .. })));
        assert!(matches!(signers.get("b", &second.kid()), Err(VerificationError::File { .. })));
    }

    #[test]
    fn a_key_that_others_may_read_does_not_sign() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let signers = Signers::new(dir.path());
        let kid = signers.create("a", &mut store::chance::source()).expect("written").kid();
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(signers.path("a", &kid), open).expect("chmod");
        assert!(matches!(signers.get("a", &kid), Err(VerificationError::Exposed(_))));
    }
}
