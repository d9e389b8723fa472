//! Keys that check certificates, as PEM and as JWK.

use p256::pkcs8::{DecodePublicKey, EncodePublicKey, LineEnding};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::algorithm::Algorithm;
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
            Self::Ed25519(_) => Algorithm::EdDsa.as_str(),
            Self::P256(_) => Algorithm::Es256.as_str(),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 8037, appendix A.2, as `openssl pkey -pubout` writes it.
    const ED25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
";
    /// The key of RFC 9449, section 4.1, as `openssl pkey -pubout` writes it.
    const P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEl8tFrhx+34tV3hRICRDY9zCkDlpB
hF42UQUfWVAWBFv1UTiN/86T+jrjNtNOVy40lqMea3q/1MNWtTQJ28ZEMA==
-----END PUBLIC KEY-----
";

    #[test]
    fn a_kid_is_the_thumbprint_of_the_key() {
        let ed25519 = CertificateKey::from_pem(ED25519).expect("valid");
        // RFC 8037, appendix A.3.
        assert_eq!(ed25519.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let p256 = CertificateKey::from_pem(P256).expect("valid");
        // RFC 9449, section 6.1: `jkt` is the thumbprint.
        assert_eq!(p256.kid(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn a_key_survives_pem() {
        for (pem, algorithm) in [(ED25519, "EdDSA"), (P256, "ES256")] {
            let key = CertificateKey::from_pem(pem).expect("valid");
            assert_eq!(key.algorithm(), algorithm);
            assert_eq!(key.to_pem(), pem);
            let crlf = CertificateKey::from_pem(&pem.replace('\n', "\r\n")).expect("as written on Windows");
            assert_eq!(crlf, key);
        }
    }

    #[test]
    fn a_jwk_shows_the_key_and_what_it_is_for() {
        let jwk = |pem| CertificateKey::from_pem(pem).expect("valid").to_jwk();
        let expected = json!({
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "alg": "EdDSA", "use": "sig",
        });
        assert_eq!(jwk(ED25519), expected);
        let expected = json!({
            "kty": "EC", "crv": "P-256", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
            "kid": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "alg": "ES256", "use": "sig",
        });
        assert_eq!(jwk(P256), expected);
    }

    #[test]
    fn another_kind_of_key_is_refused() {
        let x25519 = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VuAyEAZzgix2RqHWLQJDbqM6G9SLyO1ZWKSbfBbsfIaepoMxg=
-----END PUBLIC KEY-----
";
        // The neutral element of the curve: small order, so that one signature fits every message.
        let weak = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
-----END PUBLIC KEY-----
";
        let private = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";
        let cut = &ED25519[..60];
        for pem in [x25519, weak, private, cut, "", "key"] {
            assert_eq!(CertificateKey::from_pem(pem).expect_err("no such key").field, "public_key");
        }
    }
}
