//! The two keys that follow from a temporary exposure key.

use std::sync::LazyLock;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC under HKDF's default salt (RFC 5869, section 2.2: 32 zero bytes), computed once: a third of what a derivation would cost.
static EXTRACT: LazyLock<Hmac<Sha256>> =
    LazyLock::new(|| Hmac::new_from_slice(&[0; 32]).expect("HMAC takes a key of any length"));

/// RPIK: the key under which identifiers are made.
pub(super) fn identifier_key(key: &[u8; 16]) -> [u8; 16] {
    derive(key, b"EN-RPIK")
}

/// AEMK: the key under which metadata is encrypted.
pub(super) fn metadata_key(key: &[u8; 16]) -> [u8; 16] {
    derive(key, b"EN-AEMK")
}

/// HKDF-SHA256 (RFC 5869) without salt, 16 bytes long, which is one step of its expansion.
fn derive(key: &[u8; 16], info: &[u8; 7]) -> [u8; 16] {
    let pseudorandom_key = EXTRACT.clone().chain_update(key).finalize().into_bytes();
    let expand = Hmac::<Sha256>::new_from_slice(&pseudorandom_key).expect("HMAC takes a key of any length");
    // T(1) = HMAC(PRK, T(0) || info || 0x01) with an empty T(0).
    let okm = expand.chain_update(info).chain_update([1]).finalize().into_bytes();
    *okm.first_chunk().expect("SHA-256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_keys_are_those_of_the_specification() {
        // GAEN cryptography v1.2, test vectors.
        let key = hex::decode("75c734c6dd1a782de7a965da5eb93125").expect("hex").try_into().expect("16 bytes");
        assert_eq!(hex::encode(identifier_key(&key)), "185ad91db69ec7dd048960f1f3ba6175");
        assert_eq!(hex::encode(metadata_key(&key)), "d57c46af7a1d83965b9bed8bd152936a");
    }

    #[test]
    fn the_derivation_is_hkdf() {
        for seed in 0..=255 {
            let mut expected = [0; 16];
            let hkdf = hkdf::Hkdf::<Sha256>::new(None, &[seed; 16]);
            hkdf.expand(b"EN-RPIK", &mut expected).expect("16 bytes are short enough");
            assert_eq!(identifier_key(&[seed; 16]), expected);
        }
    }
}
