//! The key of a gateway.

use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem};
use rand_core::CryptoRng;

use super::key_config::KeyConfig;
use crate::error::Malformed;

/// The length of a private key, in bytes.
const BYTES: usize = 32;

/// A gateway's key: whoever has it can read what was ever sealed to it.
pub struct PrivateKey {
    secret: <X25519HkdfSha256 as Kem>::PrivateKey,
    config: KeyConfig,
}

impl PrivateKey {
    /// Reads the 32 bytes of an X25519 key.
    ///
    /// # Errors
    /// `ohttp-key`, if they are not 32.
    pub fn new(id: u8, bytes: &[u8]) -> Result<Self, Malformed> {
        let refused = |_| Malformed::new("ohttp-key", "must be 32 bytes");
        let secret: <X25519HkdfSha256 as Kem>::PrivateKey = Deserializable::from_bytes(bytes).map_err(refused)?;
        let config = KeyConfig::new(id, X25519HkdfSha256::sk_to_pk(&secret));
        Ok(Self { secret, config })
    }

    /// Draws the bytes of a key.
    pub fn draw(rng: &mut impl CryptoRng) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        rng.fill_bytes(&mut bytes);
        bytes
    }

    /// What is published of it.
    pub const fn config(&self) -> &KeyConfig {
        &self.config
    }

    pub(super) const fn secret(&self) -> &<X25519HkdfSha256 as Kem>::PrivateKey {
        &self.secret
    }
}

/// Never a secret in a log.
impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey({:?})", self.config)
    }
}
