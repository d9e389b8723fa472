//! Bundle signatures: ECDSA P-256 for GAEN, Ed25519 for TCN.

use std::fmt;

use ed25519_dalek::ed25519::signature::Signer;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey, LineEnding};
use sha2::{Digest, Sha256};

use crate::bundle::header;
use crate::error::Malformed;
use crate::feed::Kind;

/// Which key signed: what phones look up in their configuration. What is written has the forms given here, which [`new`](Self::new) checks, and
/// the writer once more; what is read from a bundle of others may be any text but the empty one.
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
    pub fn new(id: &str, version: &str) -> Result<Self, Malformed> {
        let fits = |text: &str, most: usize, others: &[u8]| {
            (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
        };
        if !fits(id, 32, b"._-") {
            return Err(Malformed::new("verification_key_id", "must be 1 to 32 letters, digits, '.', '_' and '-'"));
        }
        if !fits(version, 16, b"._") {
            return Err(Malformed::new("verification_key_version", "must be 1 to 16 letters, digits, '.' and '_'"));
        }
        Ok(Self { id: id.to_owned(), version: version.to_owned() })
    }
}

/// `ID-VERSION`, as in a manifest.
impl fmt::Display for SigningKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.id, self.version)
    }
}

impl std::str::FromStr for SigningKeyId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let parts = text.rsplit_once('-');
        let (id, version) = parts.ok_or_else(|| Malformed::new("key", "must be ID-VERSION"))?;
        Self::new(id, version)
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

impl ExportDigest {
    /// The digest of `export.bin`.
    pub fn of(export: &[u8]) -> Self {
        Self(Sha256::digest(export).into())
    }

    /// What Ed25519 signs: the header of 16 bytes, then the digest. It takes its message whole, so the digest stands in for the file, and a
    /// writer can stream; the header keeps these signatures apart from all others that the key might make.
    pub fn tcn_message(&self) -> Vec<u8> {
        [header::name(Kind::Tcn).as_slice(), &self.0].concat()
    }
}

/// The DER (X9.62) of an ECDSA P-256 signature whose halves an HSM gave as `r || s`, 32 bytes each (PKCS #11, JOSE).
///
/// # Errors
/// `signature` if either half is none.
pub fn der_signature(raw: &[u8]) -> Result<Vec<u8>, Malformed> {
    let signature = p256::ecdsa::Signature::from_slice(raw);
    let signature = signature.map_err(|_| Malformed::new("signature", "must be r and s of P-256, 32 bytes each"))?;
    Ok(signature.to_der().as_bytes().to_vec())
}

/// A signing key in memory. A KMS signs the same [`ExportDigest`] elsewhere.
pub enum BundleSigner {
    /// ECDSA P-256 with SHA-256, deterministic (RFC 6979).
    Gaen(p256::ecdsa::SigningKey),
    /// Ed25519 over the 16-byte header and the digest.
    Tcn(ed25519_dalek::SigningKey),
}

/// Shows the kind alone.
impl fmt::Debug for BundleSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BundleSigner({})", self.public_key().kind())
    }
}

impl BundleSigner {
    /// Reads a PKCS #8 PEM: P-256 for GAEN, Ed25519 for TCN.
    ///
    /// # Errors
    /// `private_key` if it is not the key that `kind` needs.
    pub fn from_pem(kind: Kind, pem: &str) -> Result<Self, Malformed> {
        let signer = match kind {
            Kind::Gaen => p256::ecdsa::SigningKey::from_pkcs8_pem(pem).ok().map(Self::Gaen),
            Kind::Tcn => ed25519_dalek::SigningKey::from_pkcs8_pem(pem).ok().map(Self::Tcn),
        };
        signer.ok_or_else(|| Malformed::new("private_key", "must be PKCS #8 PEM: P-256 for gaen, Ed25519 for tcn"))
    }

    /// Signs what the digest stands for.
    pub fn sign(&self, digest: &ExportDigest) -> Vec<u8> {
        match self {
            Self::Gaen(key) => {
                // RFC 6979 draws its nonces from key and digest; of 32 bytes each, it always finds one.
                let signature: p256::ecdsa::Signature =
                    key.sign_prehash(&digest.0).expect("a digest of 32 bytes can always be signed");
                signature.to_der().as_bytes().to_vec()
            }
            Self::Tcn(key) => key.sign(&digest.tcn_message()).to_bytes().to_vec(),
        }
    }

    /// The public half.
    pub fn public_key(&self) -> BundleKey {
        match self {
            Self::Gaen(key) => BundleKey::Gaen(*key.verifying_key()),
            Self::Tcn(key) => BundleKey::Tcn(key.verifying_key()),
        }
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
    pub fn from_pem(pem: &str) -> Result<Self, Malformed> {
        let gaen = p256::ecdsa::VerifyingKey::from_public_key_pem(pem).map(Self::Gaen);
        let key = gaen.or_else(|_| ed25519_dalek::VerifyingKey::from_public_key_pem(pem).map(Self::Tcn));
        key.map_err(|_| Malformed::new("public_key", "must be the PEM of a P-256 or Ed25519 key"))
    }

    /// The key as `SubjectPublicKeyInfo`, DER.
    pub fn to_spki(&self) -> Vec<u8> {
        let spki = match self {
            Self::Gaen(key) => key.to_public_key_der(),
            Self::Tcn(key) => key.to_public_key_der(),
        };
        spki.expect("a public key of fixed length always encodes").into_vec()
    }

    /// Reads a `SubjectPublicKeyInfo`, DER.
    ///
    /// # Errors
    /// `public_key` if the bytes are none.
    pub fn from_spki(der: &[u8]) -> Result<Self, Malformed> {
        let gaen = p256::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::Gaen);
        let key = gaen.or_else(|_| ed25519_dalek::VerifyingKey::from_public_key_der(der).map(Self::Tcn));
        key.map_err(|_| Malformed::new("public_key", "must be the DER of a P-256 or Ed25519 key"))
    }

    /// The key as PEM.
    pub fn to_pem(&self) -> String {
        let pem = match self {
            Self::Gaen(key) => key.to_public_key_pem(LineEnding::LF),
            Self::Tcn(key) => key.to_public_key_pem(LineEnding::LF),
        };
        pem.expect("a public key of fixed length always encodes")
    }

    /// Which kind of bundle it is for.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Gaen(_) => Kind::Gaen,
            Self::Tcn(_) => Kind::Tcn,
        }
    }

    /// Checks one signature.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub fn verify(&self, digest: &ExportDigest, signature: &[u8]) -> Result<(), NotSigned> {
        let verified = match self {
            Self::Gaen(key) => {
                strict_der(signature).is_some_and(|parsed| key.verify_prehash(&digest.0, &parsed).is_ok())
            }
            Self::Tcn(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|parsed| key.verify_strict(&digest.tcn_message(), &parsed).is_ok()),
        };
        if verified { Ok(()) } else { Err(NotSigned) }
    }
}

/// No signature of the bundle verifies under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("export.sig: no signature verifies under this key")]
pub struct NotSigned;

/// Checks that a signature has the form that its kind needs, whoever made it.
pub(super) fn check_form(kind: Kind, signature: &[u8]) -> Result<(), Malformed> {
    match kind {
        Kind::Gaen if strict_der(signature).is_none() => Err(Malformed::new("signature", "must be ECDSA P-256 in DER")),
        Kind::Tcn if signature.len() != 64 => Err(Malformed::new("signature", "must be 64 bytes of Ed25519")),
        _ => Ok(()),
    }
}

/// Reads DER in the one form that encodes the signature: minimal lengths, minimal integers, nothing after them.
fn strict_der(signature: &[u8]) -> Option<p256::ecdsa::Signature> {
    let parsed = p256::ecdsa::Signature::from_der(signature).ok()?;
    (parsed.to_der().as_bytes() == signature).then_some(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signers() -> [BundleSigner; 2] {
        let gaen = p256::ecdsa::SigningKey::from_slice(&[5; 32]).expect("a scalar");
        [BundleSigner::Gaen(gaen), BundleSigner::Tcn(ed25519_dalek::SigningKey::from_bytes(&[5; 32]))]
    }

    #[test]
    fn a_signature_holds_for_its_digest_and_key_alone() {
        let (digest, other) = (ExportDigest([1; 32]), ExportDigest([2; 32]));
        let [gaen, tcn] = signers();
        for signer in [&gaen, &tcn] {
            let signature = signer.sign(&digest);
            assert_eq!(signature, signer.sign(&digest), "deterministic");
            assert_eq!(signer.public_key().verify(&digest, &signature), Ok(()));
            assert_eq!(signer.public_key().verify(&other, &signature), Err(NotSigned));
            check_form(signer.public_key().kind(), &signature).expect("well-formed");
        }
        assert_eq!(gaen.public_key().verify(&digest, &tcn.sign(&digest)), Err(NotSigned));
        assert_eq!(tcn.public_key().verify(&digest, &gaen.sign(&digest)), Err(NotSigned));
    }

    #[test]
    fn halves_of_a_signature_become_der() {
        let [gaen, _] = signers();
        let signature = gaen.sign(&ExportDigest([1; 32]));
        let raw = p256::ecdsa::Signature::from_der(&signature).expect("DER").to_bytes();
        assert_eq!(der_signature(&raw), Ok(signature));
        for bad in [&raw[1..], &[0; 64], &[0xFF; 64], &[]] {
            assert_eq!(der_signature(bad).expect_err("no signature").field, "signature");
        }
    }

    #[test]
    fn public_keys_come_back_from_pem_and_der() {
        for key in signers().map(|signer| signer.public_key()) {
            assert_eq!(BundleKey::from_pem(&key.to_pem()), Ok(key.clone()));
            assert_eq!(BundleKey::from_spki(&key.to_spki()), Ok(key));
        }
        assert_eq!(BundleKey::from_pem("no key").expect_err("no PEM").field, "public_key");
        assert_eq!(BundleKey::from_spki(b"no key").expect_err("no DER").field, "public_key");
    }

    #[test]
    fn a_private_key_is_of_its_kind() {
        use p256::pkcs8::EncodePrivateKey;
        let key = p256::ecdsa::SigningKey::from_slice(&[5; 32]).expect("a scalar");
        let pem = key.to_pkcs8_pem(LineEnding::LF).expect("encodes");
        assert!(BundleSigner::from_pem(Kind::Gaen, &pem).is_ok());
        assert_eq!(BundleSigner::from_pem(Kind::Tcn, &pem).expect_err("another curve").field, "private_key");
    }

    #[test]
    fn der_has_one_form() {
        let [gaen, _] = signers();
        // Searches for a signature whose r is short of a leading zero, so that padding it makes a longer, not a broken integer.
        let signature =
            (0..=u8::MAX).map(|n| gaen.sign(&ExportDigest([n; 32]))).find(|s| s[3] == 32).expect("one in two");
        let mut padded = signature.clone();
        padded.insert(4, 0);
        padded[1] += 1;
        padded[3] += 1;
        let mut trailing = signature.clone();
        trailing.push(0);
        let mut long_length = signature.clone();
        long_length.insert(1, 0x81);
        for malleable in [padded, trailing, long_length, Vec::new(), vec![0x30, 0]] {
            assert!(check_form(Kind::Gaen, &malleable).is_err());
        }
        assert!(check_form(Kind::Tcn, &[0; 63]).is_err());
    }

    #[test]
    fn key_ids_split_at_their_last_hyphen() {
        let key: SigningKeyId = "us-wa.gov-v1".parse().expect("valid");
        assert_eq!((key.id.as_str(), key.version.as_str()), ("us-wa.gov", "v1"));
        assert_eq!(key.to_string(), "us-wa.gov-v1");
        for bad in ["", "310", "310-", "-v1", "3 10-v1", "310-v 1", "310-v1234567890123456"] {
            assert!(bad.parse::<SigningKeyId>().is_err(), "{bad}");
        }
        assert!(SigningKeyId::new("310", "v-1").is_err());
        assert!(SigningKeyId::new(&"3".repeat(33), "v1").is_err());
    }
}
