//! What a place that holds private keys must do.

use std::sync::Arc;

use async_trait::async_trait;
use proto::certificate::{CertificateKey, SIGNATURE};

use crate::error::VerificationError;

/// A private key, wherever it is: in this process, or in a key management service that signs but never gives it out.
#[async_trait]
pub trait Signer: Send + Sync {
    /// Its public half.
    fn public_key(&self) -> CertificateKey;

    /// Signs bytes with the algorithm of the key: `R || S` for EdDSA over the bytes as they are, `r || s` for ES256 over their SHA-256
    /// (services that answer in DER need converting). Called for each certificate while a phone waits, often at the same time, and again
    /// after a failure: it must give up by itself after a few seconds. No phone loses its token by a failure.
    ///
    /// # Errors
    /// [`VerificationError::Signer`] if it could not sign; the text is logged and must hold no secret.
    async fn sign(&self, bytes: &[u8]) -> Result<[u8; SIGNATURE], VerificationError>;
}

/// A place with private keys.
#[async_trait]
pub trait Keyring: Send + Sync {
    /// The private half of an authority's key; none if it is not here. Asked when a key is first needed; what it answered is kept for the
    /// life of the process, and trusted only if its public half is the one that was asked for.
    ///
    /// # Errors
    /// Whatever keeps the place from answering, or what is wrong with the key that is there.
    async fn signer(&self, authority: &str, key: &CertificateKey)
    -> Result<Option<Arc<dyn Signer>>, VerificationError>;
}
