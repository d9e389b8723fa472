//! Bundle signatures: ECDSA P-256 for GAEN, Ed25519 for TCN.

use crate::error::Malformed;
use crate::feed::Kind;

/// Which key signed: what phones look up in their configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SigningKeyId {
    /// `verification_key_id`: for GAEN a country's MCC, for instance `310`. `[A-Za-z0-9._-]{1,32}`.
    pub id: String,
    /// `verification_key_version`, for instance `v1`. `[A-Za-z0-9._]{1,16}`: no hyphen, so that `ID-VERSION` splits at its last one.
    pub version: String,
}

impl SigningKeyId {
    /// Checks both parts.
    ///
    /// # Errors
    /// `verification_key_id` or `verification_key_version`.
    pub fn new(_id: &str, _version: &str) -> Result<Self, Malformed> {
        todo!()
    }
}

/// A signature as it stands in `export.sig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Whose.
    pub key: SigningKeyId,
    /// GAEN: ECDSA in DER (X9.62). TCN: 64 bytes (RFC 8032).
    pub bytes: Vec<u8>,
}

/// SHA-256 of the whole of `export.bin`, header included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportDigest(pub [u8; 32]);

/// A signing key in memory. A KMS signs the same [`ExportDigest`] elsewhere.
pub enum BundleSigner {
    /// ECDSA P-256 with SHA-256, deterministic (RFC 6979).
    Gaen(p256::ecdsa::SigningKey),
    /// Ed25519 over the 16-byte header and the digest.
    Tcn(ed25519_dalek::SigningKey),
}

impl BundleSigner {
    /// Reads a PKCS #8 PEM: P-256 for GAEN, Ed25519 for TCN.
    ///
    /// # Errors
    /// `private_key` if it is not the key that `kind` needs.
    pub fn from_pem(_kind: Kind, _pem: &str) -> Result<Self, Malformed> {
        todo!()
    }

    /// Signs what the digest stands for.
    pub fn sign(&self, _digest: &ExportDigest) -> Vec<u8> {
        todo!()
    }

    /// The public half.
    pub fn public_key(&self) -> BundleKey {
        todo!()
    }
}

/// The public half of a signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BundleKey {
    /// For GAEN bundles.
    Gaen(p256::ecdsa::VerifyingKey),
    /// For TCN bundles.
    Tcn(ed25519_dalek::VerifyingKey),
}

impl BundleKey {
    /// Reads a `SubjectPublicKeyInfo` PEM; the key's own type says which kind of bundle it is for.
    ///
    /// # Errors
    /// `public_key` if it is neither.
    pub fn from_pem(_pem: &str) -> Result<Self, Malformed> {
        todo!()
    }

    /// The key as `SubjectPublicKeyInfo`, DER.
    pub fn to_spki(&self) -> Vec<u8> {
        todo!()
    }

    /// The key as `SubjectPublicKeyInfo`, DER.
    ///
    /// # Errors
    /// `public_key` if the bytes are none.
    pub fn from_spki(_der: &[u8]) -> Result<Self, Malformed> {
        todo!()
    }

    /// The key as PEM.
    pub fn to_pem(&self) -> String {
        todo!()
    }

    /// Checks one signature.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub fn verify(&self, _digest: &ExportDigest, _signature: &[u8]) -> Result<(), NotSigned> {
        todo!()
    }
}

/// No signature of the bundle verifies under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("export.sig: no signature verifies under this key")]
pub struct NotSigned;
