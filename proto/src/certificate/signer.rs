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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commitment::Commitment;
    use crate::interval::{Interval, Timestamp};
    use crate::report_type::ReportType;

    /// The key of RFC 8037, appendix A.1, as `openssl pkey` writes it.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";

    fn claims() -> Claims {
        Claims {
            issuer: "port".to_owned(),
            audience: "pratique".to_owned(),
            issued_at: Timestamp::from_unix(1_600_000_000),
            expires_at: Timestamp::from_unix(1_600_000_900),
            report_type: ReportType::UserReport,
            symptom_onset: Some(Interval::new(2_666_592)),
            commitment: Commitment::new(&[7; 32]).expect("32 bytes"),
        }
    }

    fn part(certificate: &str, index: usize) -> serde_json::Value {
        let text = certificate.split('.').nth(index).expect("a JWT has three parts");
        serde_json::from_slice(&base64::decode_url(text).expect("base64url")).expect("JSON")
    }

    #[test]
    fn a_certificate_is_a_jwt_with_the_documented_members() {
        let certificate = CertificateSigner::from_pem(PRIVATE).expect("valid").sign(&claims());
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" });
        assert_eq!(part(&certificate, 0), header);
        let payload = json!({
            "iss": "port", "aud": "pratique", "iat": 1_600_000_000, "nbf": 1_599_999_995, "exp": 1_600_000_900,
            "reportType": "user-report", "symptomOnsetInterval": 2_666_592,
            "tekmac": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
        });
        assert_eq!(part(&certificate, 1), payload);
        assert!(certificate.starts_with("eyJ"), "the scheme tag of a JWT");
    }

    #[test]
    fn an_unknown_onset_is_left_out() {
        let signer = CertificateSigner::from_pem(PRIVATE).expect("valid");
        let certificate = signer.sign(&Claims { symptom_onset: None, ..claims() });
        assert!(part(&certificate, 1).get("symptomOnsetInterval").is_none());
    }

    #[test]
    fn the_same_claims_give_the_same_certificate() {
        let signer = CertificateSigner::from_pem(PRIVATE).expect("valid");
        assert_eq!(signer.sign(&claims()), signer.sign(&claims()));
    }

    #[test]
    fn a_text_that_is_no_private_key_is_refused_without_repeating_it() {
        for pem in ["", "secret", &PRIVATE.replace("MC4", "MC5")] {
            let refusal = CertificateSigner::from_pem(pem).err().expect("no such key");
            assert_eq!(refusal.to_string(), "private_key: must be a PKCS #8 PEM with an Ed25519 key");
        }
    }
}
