//! Keys that check certificates, as PEM and as JWK.

use p256::pkcs8::{DecodePublicKey, EncodePublicKey, LineEnding};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::api::base64;
use crate::error::Malformed;

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
    /// `public_key` if it is neither, or an Ed25519 key of small order, under which anything verifies.
    pub fn from_pem(pem: &str) -> Result<Self, Malformed> {
        let ed25519 = ed25519_dalek::VerifyingKey::from_public_key_pem(pem).ok().filter(|key| !key.is_weak());
        let p256 = || p256::ecdsa::VerifyingKey::from_public_key_pem(pem).ok();
        let key = ed25519.map(Self::Ed25519).or_else(|| p256().map(Self::P256));
        key.ok_or_else(|| Malformed::new("public_key", "must be a PEM public key, Ed25519 or P-256"))
    }

    /// The key as `SubjectPublicKeyInfo` in PEM.
    pub fn to_pem(&self) -> String {
        let pem = match self {
            Self::Ed25519(key) => key.to_public_key_pem(LineEnding::LF),
            Self::P256(key) => key.to_public_key_pem(LineEnding::LF),
        };
        pem.expect("a valid public key has an encoding of a few dozen bytes")
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
        // Section 3 of the RFC: the required members alone, in lexical order, without white space.
        let members = match self.coordinates() {
            (x, None) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
            (x, Some(y)) => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
        };
        base64::encode_url(&Sha256::digest(members))
    }

    /// The key as a JWK (RFC 7517, RFC 8037) with `kid`, `alg` and `use`.
    pub fn to_jwk(&self) -> serde_json::Value {
        let (kid, alg) = (self.kid(), self.algorithm());
        match self.coordinates() {
            (x, None) => json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": alg, "use": "sig" }),
            (x, Some(y)) => {
                json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "alg": alg, "use": "sig" })
            }
        }
    }

    /// `x` and, for P-256, `y`, as in a JWK.
    fn coordinates(&self) -> (String, Option<String>) {
        match self {
            Self::Ed25519(key) => (base64::encode_url(key.as_bytes()), None),
            Self::P256(key) => {
                // SEC 1, section 2.3.3: an uncompressed point is 04 || x || y, 32 bytes each.
                let point = key.to_sec1_point(false);
                let (x, y) = point.as_bytes()[1..].split_at(32);
                (base64::encode_url(x), Some(base64::encode_url(y)))
            }
        }
    }
}
