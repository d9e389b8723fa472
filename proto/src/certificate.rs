//! Certificates: an authority's signed word that a commitment may be published. JWTs (RFC 7519) with two algorithms, EdDSA and ES256.

use crate::commitment::Commitment;
use crate::error::Malformed;
use crate::interval::{Interval, Timestamp};
use crate::report_type::ReportType;

/// What a certificate says.
#[derive(Clone)]
pub struct Claims {
    /// `iss`: selects the authority.
    pub issuer: String,
    /// `aud`: whom it is meant for.
    pub audience: String,
    /// `iat`; `nbf` is five seconds earlier.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
    /// `reportType`.
    pub report_type: ReportType,
    /// `symptomOnsetInterval`: the interval of UTC midnight of the onset, if known.
    pub symptom_onset: Option<Interval>,
    /// `tekmac`.
    pub commitment: Commitment,
}

/// Why a certificate is not believed. The caller is told none of this; it is for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Disbelief {
    /// Not a JWT with the claims we need.
    #[error("malformed")]
    Malformed,
    /// The header's `alg` is not the algorithm of the key.
    #[error("algorithm")]
    Algorithm,
    /// The signature does not hold.
    #[error("signature")]
    Signature,
    /// Another issuer.
    #[error("issuer")]
    Issuer,
    /// Meant for somebody else.
    #[error("audience")]
    Audience,
    /// `nbf` or `iat` lies in the future beyond the leeway.
    #[error("not yet valid")]
    NotYetValid,
    /// `exp` has passed beyond the leeway.
    #[error("expired")]
    Expired,
}

/// The public half of a certificate signing key. It knows its algorithm; a header is never asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateKey {
    /// Ed25519, `alg` = `EdDSA`.
    Ed25519(ed25519_dalek::VerifyingKey),
    /// ECDSA P-256 with SHA-256, `alg` = `ES256`.
    P256(p256::ecdsa::VerifyingKey),
}

impl CertificateKey {
    /// Reads a `SubjectPublicKeyInfo` in PEM (`BEGIN PUBLIC KEY`) with an Ed25519 or a P-256 key.
    ///
    /// # Errors
    /// `public_key` if it is neither.
    pub fn from_pem(_pem: &str) -> Result<Self, Malformed> {
        todo!()
    }

    /// The key as `SubjectPublicKeyInfo` in PEM.
    pub fn to_pem(&self) -> String {
        todo!()
    }

    /// `EdDSA` or `ES256`.
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
        }
    }

    /// The key's id: its RFC 7638 thumbprint, 43 characters.
    pub fn kid(&self) -> String {
        todo!()
    }

    /// The key as a JWK (RFC 7517, RFC 8037) with `kid`, `alg` and `use`.
    pub fn to_jwk(&self) -> serde_json::Value {
        todo!()
    }
}

/// A certificate as received: parsed, nothing believed yet.
pub struct UnverifiedCertificate<'a> {
    text: &'a str,
}

impl<'a> UnverifiedCertificate<'a> {
    /// Splits a compact JWT. Bounded: at most 4,096 bytes.
    ///
    /// # Errors
    /// [`Disbelief::Malformed`].
    pub fn parse(_text: &'a str) -> Result<Self, Disbelief> {
        todo!()
    }

    /// The header's `kid`, if it has one: only a hint which key to try.
    pub fn kid(&self) -> Option<&str> {
        let _ = self.text;
        todo!()
    }

    /// Checks algorithm, signature, issuer, audience and times (leeway 60 s), in this order.
    ///
    /// # Errors
    /// The first [`Disbelief`].
    pub fn verify(&self, _key: &CertificateKey, _expected: &Expected<'_>) -> Result<Claims, Disbelief> {
        todo!()
    }
}

/// What a certificate is checked against.
pub struct Expected<'a> {
    /// `iss` must be this.
    pub issuer: &'a str,
    /// `aud` must be this, or an array that contains it.
    pub audience: &'a str,
    /// The time of the check.
    pub now: Timestamp,
}

/// Signs with Ed25519 on an authority's behalf.
pub struct CertificateSigner {
    key: ed25519_dalek::SigningKey,
}

impl CertificateSigner {
    /// A signer over an Ed25519 key.
    pub fn new(key: ed25519_dalek::SigningKey) -> Self {
        Self { key }
    }

    /// Reads a PKCS #8 PEM (`BEGIN PRIVATE KEY`) with an Ed25519 key.
    ///
    /// # Errors
    /// `private_key` if it is none.
    pub fn from_pem(_pem: &str) -> Result<Self, Malformed> {
        todo!()
    }

    /// The public half.
    pub fn public_key(&self) -> CertificateKey {
        CertificateKey::Ed25519(self.key.verifying_key())
    }

    /// The certificate for these claims: a compact JWT, `typ` = `JWT`, with `kid`.
    pub fn sign(&self, _claims: &Claims) -> String {
        todo!()
    }
}
