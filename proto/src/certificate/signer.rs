//! Signing certificates.

use ed25519_dalek::Signer;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use serde_json::json;

use super::claims::{Claims, WireClaims};
use super::key::CertificateKey;
use crate::api::base64;
use crate::error::Malformed;

/// Signs with Ed25519 on an authority's behalf.
pub struct CertificateSigner {
    key: ed25519_dalek::SigningKey,
    /// The encoded header, the same for every certificate of a key.
    header: String,
}

impl CertificateSigner {
    /// A signer over an Ed25519 key.
    pub fn new(key: ed25519_dalek::SigningKey) -> Self {
        let public = CertificateKey::Ed25519(key.verifying_key());
        let header = json!({ "alg": public.algorithm(), "kid": public.kid(), "typ": "JWT" });
        Self { key, header: base64::encode_url(header.to_string().as_bytes()) }
    }

    /// Reads a PKCS #8 PEM (`BEGIN PRIVATE KEY`) with an Ed25519 key.
    ///
    /// # Errors
    /// `private_key` if it is none.
    pub fn from_pem(pem: &str) -> Result<Self, Malformed> {
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(pem);
        key.map(Self::new).map_err(|_| Malformed::new("private_key", "must be a PKCS #8 PEM with an Ed25519 key"))
    }

    /// The public half.
    pub fn public_key(&self) -> CertificateKey {
        CertificateKey::Ed25519(self.key.verifying_key())
    }

    /// The certificate for these claims: a compact JWT, `typ` = `JWT`, with `kid`. The same claims give the same certificate.
    pub fn sign(&self, claims: &Claims) -> String {
        let payload = serde_json::to_vec(&WireClaims::from_claims(claims));
        let payload = base64::encode_url(&payload.expect("strings and numbers serialise"));
        let signed = format!("{}.{payload}", self.header);
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{}", base64::encode_url(&signature.to_bytes()))
    }
}
