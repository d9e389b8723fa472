//! Private keys in a directory: one PKCS #8 PEM file a key, `{authority}.{kid}.key.pem`, for its owner's eyes alone.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use proto::certificate::{Algorithm, CertificateKey, CertificateSigner, SIGNATURE};
use rand::CryptoRng;

use super::contract::{Keyring, Signer};
use crate::error::VerificationError;
use crate::secret_file;

/// The signing key directory.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// The keys in `dir`, which need not exist yet.
    pub(super) fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    /// Where it is.
    pub(super) fn as_path(&self) -> &Path {
        &self.0
    }
}

/// Draws a key and writes its private half into `dir`; the public half is what others need.
pub(crate) fn create(
    dir: &Path,
    authority: &str,
    algorithm: Algorithm,
    rng: &mut impl CryptoRng,
) -> Result<CertificateKey, VerificationError> {
    let signer = CertificateSigner::generate(algorithm, rng);
    let public = signer.public_key();
    secret_file::create(&path(dir, authority, &public.kid()), &signer.to_pem())?;
    Ok(public)
}

/// Where in `dir` the private half of a key lies.
pub(crate) fn path(dir: &Path, authority: &str, kid: &str) -> PathBuf {
    dir.join(format!("{authority}.{kid}.key.pem"))
}

#[async_trait]
impl Keyring for Directory {
    async fn signer(
        &self,
        authority: &str,
        key: &CertificateKey,
    ) -> Result<Option<Arc<dyn Signer>>, VerificationError> {
        let path = path(&self.0, authority, &key.kid());
        let pem = match secret_file::read(&path) {
            Err(VerificationError::File { cause, .. }) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            pem => pem?,
        };
        let signer = CertificateSigner::from_pem(&pem).ok().filter(|signer| signer.public_key() == *key);
        let reason = "must hold the private half of the key that it is named after, as PKCS #8 PEM";
        let signer = signer.ok_or(VerificationError::Content { path, reason })?;
        Ok(Some(Arc::new(signer)))
    }
}

/// A key in this process signs at once.
#[async_trait]
impl Signer for CertificateSigner {
    fn public_key(&self) -> CertificateKey {
        self.public_key()
    }

    async fn sign(&self, bytes: &[u8]) -> Result<[u8; SIGNATURE], VerificationError> {
        Ok(self.sign_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(directory: &Directory, algorithm: Algorithm) -> CertificateKey {
        super::create(&directory.0, "a", algorithm, &mut store::chance::source()).expect("written")
    }

    #[actix_web::test]
    async fn a_key_is_read_from_its_own_file_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let directory = Directory::new(&dir.path().join("keys"));
        let [first, second] = Algorithm::ALL.map(|algorithm| create(&directory, algorithm));
        for key in [&first, &second] {
            let signer = directory.signer("a", key).await.expect("read").expect("there");
            assert_eq!(signer.public_key(), *key);
        }
        assert!(directory.signer("b", &second).await.expect("looked").is_none());

        // The second key's file now holds the first key.
        let [first, path] = [&first, &second].map(|key| path(&directory.0, "a", &key.kid()));
        std::fs::copy(first, path).expect("copied");
        assert!(matches!(directory.signer("a", &second).await, Err(VerificationError::Content { .. })));
    }

    #[actix_web::test]
    async fn a_key_that_others_may_read_does_not_sign() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let directory = Directory::new(dir.path());
        let key = create(&directory, Algorithm::EdDsa);
        for mode in [0o644, 0o640, 0o604] {
            let open = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(path(&directory.0, "a", &key.kid()), open).expect("chmod");
            assert!(matches!(directory.signer("a", &key).await, Err(VerificationError::Exposed(_))), "{mode:o}");
        }
    }
}
