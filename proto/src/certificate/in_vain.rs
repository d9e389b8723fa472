//! The work of a check for certificates that are refused without one, so that the time of an answer does not tell how far somebody got.

use std::hint::black_box;
use std::sync::LazyLock;

use ed25519_dalek::Signature as EdSignature;
use p256::ecdsa::Signature as EsSignature;
use p256::ecdsa::signature::Verifier;

use super::key::CertificateKey;
use crate::api::base64;

/// About as long as what is signed of a certificate.
const SIGNED: [u8; 384] = [b'A'; 384];

/// The public key of RFC 8037, appendix A.2, whose private half everybody knows: nobody is believed under it.
static NOBODY: LazyLock<CertificateKey> = LazyLock::new(|| {
    let bytes = base64::decode_url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap_or_default();
    let key = bytes.try_into().ok().and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok());
    CertificateKey::Ed25519(key.expect("the example of the RFC is a key"))
});

impl CertificateKey {
    /// A key that no authority has, for [`check_in_vain`](Self::check_in_vain).
    pub fn of_nobody() -> &'static Self {
        &NOBODY
    }

    /// Checks a signature that does not hold, for the time that this takes.
    pub fn check_in_vain(&self) {
        match self {
            // R is a point and S in range, so that all of the computation is done before the two sides differ.
            Self::Ed25519(key) => {
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(key.as_bytes());
                signature[32] = 1;
                black_box(key.verify_strict(&SIGNED, &EdSignature::from_bytes(&signature)).is_ok());
            }
            Self::P256(key) => {
                let one: [u8; 32] = std::array::from_fn(|index| u8::from(index == 31));
                if let Ok(signature) = EsSignature::from_scalars(one, one) {
                    black_box(key.verify(&SIGNED, &signature).is_ok());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_checked_in_vain_is_a_signature_of_the_right_form() {
        CertificateKey::of_nobody().check_in_vain();
        let key = p256::ecdsa::SigningKey::from_slice(&[9; 32]).expect("a scalar in range");
        CertificateKey::P256(*key.verifying_key()).check_in_vain();
        let one: [u8; 32] = std::array::from_fn(|index| u8::from(index == 31));
        assert!(EsSignature::from_scalars(one, one).is_ok(), "or P-256 would cost nothing");
    }
}
