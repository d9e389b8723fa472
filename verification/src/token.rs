//! Tokens: what a claimed code becomes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use proto::commitment::Commitment;
use sha2::{Digest, Sha256};
use store::CodeId;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The length of the code's id, in bytes.
const ID: usize = 16;
/// The length of a token before it is written in base64: id and MAC, in bytes.
const BYTES: usize = ID + 32;

/// `id || HMAC(secret, id || nonce)`: derived again from the row on a retry, so that the row need not hold it.
pub(crate) struct Token {
    id: CodeId,
    mac: Zeroizing<[u8; 32]>,
}

impl Token {
    /// The token of a code for the phone with this nonce, or for any phone if it sent none.
    pub(crate) fn derive(secret: &Secret, id: CodeId, nonce: Option<&[u8]>) -> Self {
        Self { id, mac: Zeroizing::new(secret.token_mac(id, nonce)) }
    }

    /// A token of no code at all.
    pub(crate) fn random(id: CodeId, mac: [u8; 32]) -> Self {
        Self { id, mac: Zeroizing::new(mac) }
    }

    /// Reads a token as it was given out; none if it cannot be one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let bytes: &[u8; BYTES] = bytes.as_slice().try_into().ok()?;
        let (id, mac) = bytes.split_first_chunk::<ID>()?;
        Some(Self { id: CodeId(*id), mac: Zeroizing::new(mac.try_into().ok()?) })
    }

    /// The token as it travels: 64 characters of base64url.
    pub(crate) fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode([self.id.0.as_slice(), self.mac.as_slice()].concat())
    }

    /// The code that it was.
    pub(crate) fn id(&self) -> CodeId {
        self.id
    }

    /// What the row keeps of it. Nobody can try out 2^256 MACs, so this digest needs no key.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let digest = Sha256::new().chain_update(b"pratique token v1").chain_update(self.id.0);
        digest.chain_update(self.mac.as_slice()).finalize().into()
    }

    /// What the row keeps of a commitment: keyed with the token, so that whoever knows commitments from elsewhere cannot look for them.
    pub(crate) fn commitment_digest(&self, commitment: &Commitment) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.mac.as_slice()).expect("HMAC takes keys of any length");
        mac.update(b"pratique commitment v1");
        mac.update(commitment.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}
