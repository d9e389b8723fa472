//! Signing certificates: what is signed, and with which key.

use ed25519_dalek::Signer;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use p256::elliptic_curve::Generate;
use p256::pkcs8::{self, LineEnding, der::zeroize::Zeroizing};
use rand_core::CryptoRng;
use serde::Serialize;
use serde_json::json;

use super::algorithm::Algorithm;
use super::claims::{Claims, WireClaims};
use super::key::CertificateKey;
use super::stats_token::{StatsClaims, WireStatsClaims};
use crate::api::base64;
use crate::error::Malformed;

/// The length of a signature in bytes, with either algorithm.
pub const SIGNATURE: usize = 64;

/// A certificate that lacks its signature, for keys that are not in this process, such as those of a key management service.
pub struct UnsignedCertificate {
    /// `header.payload`: what the signature covers (RFC 7515, section 5.1).
    signed: String,
}

/// Signs on an authority's behalf, with a key that is in this process.
pub struct CertificateSigner {
    key: PrivateKey,
}

enum PrivateKey {
    Ed25519(ed25519_dalek::SigningKey),
    P256(p256::ecdsa::SigningKey),
}

impl UnsignedCertificate {
    /// What has to be signed with `key` for these claims: a JWT with `typ` = `JWT`, with `kid`, and with the algorithm of the key.
    pub fn new(key: &CertificateKey, claims: &Claims) -> Self {
        Self::of(key, &WireClaims::from_claims(claims))
    }

    /// The same, for a stats token.
    pub fn stats_token(key: &CertificateKey, claims: &StatsClaims) -> Self {
        Self::of(key, &WireStatsClaims::from_claims(claims))
    }

    fn of(key: &CertificateKey, claims: &impl Serialize) -> Self {
        let header = json!({ "alg": key.algorithm(), "kid": key.kid(), "typ": "JWT" });
        let payload = serde_json::to_vec(claims).expect("strings and numbers serialise");
        let header = base64::encode_url(header.to_string().as_bytes());
        Self { signed: format!("{header}.{}", base64::encode_url(&payload)) }
    }

    /// The bytes to sign, as they are: EdDSA takes them whole, ES256 hashes them with SHA-256.
    pub fn as_bytes(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    /// The certificate: a compact JWT. The signature is `R || S` for EdDSA (RFC 8037, section 3.1) and `r || s` for ES256 (RFC 7518,
    /// section 3.4; never DER).
    pub fn with_signature(self, signature: &[u8; SIGNATURE]) -> String {
        format!("{}.{}", self.signed, base64::encode_url(signature))
    }
}

impl CertificateSigner {
    /// A signer over an Ed25519 key.
    pub const fn new(key: ed25519_dalek::SigningKey) -> Self {
        Self { key: PrivateKey::Ed25519(key) }
    }

    /// A signer over a P-256 key, for those who cannot check EdDSA.
    pub const fn es256(key: p256::ecdsa::SigningKey) -> Self {
        Self { key: PrivateKey::P256(key) }
    }

    /// Draws a key.
    pub fn generate(algorithm: Algorithm, rng: &mut impl CryptoRng) -> Self {
        match algorithm {
            Algorithm::EdDsa => Self::new(ed25519_dalek::SigningKey::generate(rng)),
            Algorithm::Es256 => Self::es256(p256::ecdsa::SigningKey::generate_from_rng(rng)),
        }
    }

    /// Reads a PKCS #8 PEM (`BEGIN PRIVATE KEY`) with an Ed25519 or a P-256 key.
    ///
    /// # Errors
    /// `private_key` if it is neither.
    pub fn from_pem(pem: &str) -> Result<Self, Malformed> {
        let ed25519 = ed25519_dalek::SigningKey::from_pkcs8_pem(pem).ok();
        let p256 = || p256::ecdsa::SigningKey::from_pkcs8_pem(pem).ok();
        let signer = ed25519.map(Self::new).or_else(|| p256().map(Self::es256));
        signer.ok_or_else(|| Malformed::new("private_key", "must be a PKCS #8 PEM with an Ed25519 or a P-256 key"))
    }

    /// The private key as PKCS #8 PEM, wiped from memory when it is dropped.
    pub fn to_pem(&self) -> Zeroizing<String> {
        let pem: pkcs8::Result<_> = match &self.key {
            // Without the public half: several readers of PKCS #8 know only its first version (RFC 5958, section 2).
            PrivateKey::Ed25519(key) => {
                KeypairBytes { secret_key: key.to_bytes(), public_key: None }.to_pkcs8_pem(LineEnding::LF)
            }
            PrivateKey::P256(key) => key.to_pkcs8_pem(LineEnding::LF),
        };
        pem.expect("a valid private key has an encoding of a few dozen bytes")
    }

    /// The public half.
    pub fn public_key(&self) -> CertificateKey {
        match &self.key {
            PrivateKey::Ed25519(key) => CertificateKey::Ed25519(key.verifying_key()),
            PrivateKey::P256(key) => CertificateKey::P256(*key.verifying_key()),
        }
    }

    /// Signs the bytes of an [`UnsignedCertificate`]. The same bytes give the same signature, with ES256 too (RFC 6979).
    pub fn sign_bytes(&self, bytes: &[u8]) -> [u8; SIGNATURE] {
        match &self.key {
            PrivateKey::Ed25519(key) => key.sign(bytes).to_bytes(),
            PrivateKey::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(bytes);
                signature.to_bytes().into()
            }
        }
    }

    /// The certificate for these claims. The same claims give the same certificate.
    pub fn sign(&self, claims: &Claims) -> String {
        self.finish(UnsignedCertificate::new(&self.public_key(), claims))
    }

    /// The stats token for these claims.
    pub fn sign_stats_token(&self, claims: &StatsClaims) -> String {
        self.finish(UnsignedCertificate::stats_token(&self.public_key(), claims))
    }

    fn finish(&self, unsigned: UnsignedCertificate) -> String {
        let signature = self.sign_bytes(unsigned.as_bytes());
        unsigned.with_signature(&signature)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::certificate::{Expected, UnverifiedCertificate};
    use crate::commitment::Commitment;
    use crate::interval::{Interval, Timestamp};
    use crate::report_type::ReportType;

    /// The key of RFC 8037, appendix A.1, as `openssl pkey` writes it.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";

    /// The key of RFC 6979, appendix A.2.5, as `openssl pkey` writes it.
    const PRIVATE_P256: &str = "-----BEGIN PRIVATE KEY-----
MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCDJr6nYRbp1FmtcIVdn
sdaTTlDD2zbomxJ7imIrEg9nIQ==
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
        for pem in [PRIVATE, PRIVATE_P256] {
            let signer = CertificateSigner::from_pem(pem).expect("valid");
            assert_eq!(signer.sign(&claims()), signer.sign(&claims()));
        }
    }

    #[test]
    fn es256_signs_as_rfc_6979_has_it() {
        let signer = CertificateSigner::from_pem(PRIVATE_P256).expect("valid");
        // Appendix A.2.5, with SHA-256, message = "sample": r and s.
        let expected = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                        f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
        assert_eq!(hex::encode(signer.sign_bytes(b"sample")), expected);
    }

    #[test]
    fn an_es256_certificate_names_its_algorithm_and_its_key() {
        let signer = CertificateSigner::from_pem(PRIVATE_P256).expect("valid");
        let certificate = signer.sign(&claims());
        assert_eq!(part(&certificate, 0), json!({ "alg": "ES256", "typ": "JWT", "kid": signer.public_key().kid() }));
        let signature = certificate.rsplit_once('.').expect("a JWT has three parts").1;
        assert_eq!(base64::decode_url(signature).expect("base64url").len(), SIGNATURE, "r || s, no DER");
    }

    #[test]
    fn what_either_algorithm_signs_is_believed() {
        let expected = Expected { issuer: "port", audience: "pratique", now: claims().issued_at };
        let drawn = |seed: u8| -> [CertificateSigner; 2] {
            let mut rng = rand::rngs::StdRng::from_seed([seed; 32]);
            Algorithm::ALL.map(|algorithm| CertificateSigner::generate(algorithm, &mut rng))
        };
        for (signer, other) in drawn(1).into_iter().zip(drawn(2)) {
            let certificate = signer.sign(&claims());
            let unverified = UnverifiedCertificate::parse(&certificate).expect("a JWT");
            assert_eq!(unverified.verify(&signer.public_key(), &expected), Ok(claims()));
            assert!(unverified.verify(&other.public_key(), &expected).is_err());
        }
    }

    #[test]
    fn a_private_key_survives_pem() {
        for pem in [PRIVATE, PRIVATE_P256] {
            let signer = CertificateSigner::from_pem(pem).expect("valid");
            let again = CertificateSigner::from_pem(&signer.to_pem()).expect("our own");
            assert_eq!(again.public_key(), signer.public_key());
            assert_eq!(again.sign(&claims()), signer.sign(&claims()));
        }
        let ed25519 = CertificateSigner::from_pem(PRIVATE).expect("valid");
        assert_eq!(ed25519.to_pem().as_str(), PRIVATE, "as openssl writes it");
    }

    #[test]
    fn a_text_that_is_no_private_key_is_refused_without_repeating_it() {
        for pem in ["", "secret", &PRIVATE.replace("MC4", "MC5"), &PRIVATE_P256.replace("MEE", "MEF")] {
            let refusal = CertificateSigner::from_pem(pem).err().expect("no such key");
            assert_eq!(refusal.to_string(), "private_key: must be a PKCS #8 PEM with an Ed25519 or a P-256 key");
        }
    }
}
