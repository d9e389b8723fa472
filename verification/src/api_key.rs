//! API keys: `{authority}.{device,admin,stats}.{base64url of 32 random bytes}`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::CryptoRng;
use sha2::{Digest, Sha256};
use store::ApiKeyKind;
use zeroize::Zeroizing;

/// An API key in the clear: shown once, when it is made.
#[derive(Clone)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// Draws a key.
    pub(crate) fn draw(authority: &str, kind: ApiKeyKind, rng: &mut impl CryptoRng) -> Self {
        let mut random = Zeroizing::new([0; 32]);
        rng.fill_bytes(random.as_mut_slice());
        let random = Zeroizing::new(URL_SAFE_NO_PAD.encode(random.as_slice()));
        Self(Zeroizing::new(format!("{authority}.{kind}.{}", random.as_str())))
    }

    /// The key as it is sent in `X-API-Key`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its name among the authority's keys, which tells nothing about it.
    pub fn id(&self) -> String {
        id(&self.digest())
    }

    /// What the store knows of it.
    pub(crate) fn digest(&self) -> [u8; 32] {
        digest(&self.0)
    }
}

/// The SHA-256 by which a key is found. Keys are random, so looking one up by its digest tells nobody anything by its timing.
pub(crate) fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

/// The authority whose key this says it is. Whether that is true is for the store to say.
pub(crate) fn authority(key: &str) -> &str {
    key.rsplitn(3, '.').nth(2).unwrap_or_default()
}

/// The name of the key with this digest: its first twelve hexadecimal digits. An authority has a handful of keys.
pub(crate) fn id(digest: &[u8; 32]) -> String {
    digest[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(..)")
    }
}
