//! Thirty-two random bytes that a phone keeps until its upload has succeeded.

use std::fmt;

use proto::Malformed;
use proto::api::base64;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

/// A nonce or an HMAC key: 32 random bytes, base64 in storage and in JSON, never in a log.
///
/// Draw it, store it, and only then use it: a retry with the same secret is answered like the first time, one with another is refused.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret([u8; 32]);

impl Secret {
    /// Draws a secret.
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The bytes in base64, as the services expect them.
    pub fn to_base64(&self) -> String {
        base64::encode(&self.0)
    }
}

impl TryFrom<String> for Secret {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        let bytes = base64::decode("secret", &text)?;
        let bytes = bytes.try_into().map_err(|_| Malformed::new("secret", "must be 32 bytes"))?;
        Ok(Self(bytes))
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.to_base64()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
