//! The algorithms: numbers of RFC 9180, section 7.

/// DHKEM(X25519, HKDF-SHA256).
pub(super) const KEM: u16 = 0x0020;
/// HKDF-SHA256.
pub(super) const KDF: u16 = 0x0001;

/// How requests and replies are sealed, once both sides have agreed on a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// AES-128-GCM: the faster one where processors know AES.
    Aes128Gcm,
    /// ChaCha20-Poly1305: the faster one where they do not.
    ChaCha20Poly1305,
}

impl Cipher {
    /// Both, in the order of our preference.
    pub const ALL: [Self; 2] = [Self::Aes128Gcm, Self::ChaCha20Poly1305];

    /// How many bytes a message grows by being sealed: those of the tag, with either cipher.
    pub(super) const TAG_BYTES: usize = 16;

    /// The cipher with a number; none if it is not one of ours.
    pub(super) fn from_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.id() == id)
    }

    /// Its number.
    pub(super) const fn id(self) -> u16 {
        match self {
            Self::Aes128Gcm => 0x0001,
            Self::ChaCha20Poly1305 => 0x0003,
        }
    }

    /// The length of its key, in bytes.
    pub(super) const fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::ChaCha20Poly1305 => 32,
        }
    }

    /// The length of the nonce that a reply begins with (RFC 9458, section 4.4): the longer of key and nonce, and both have 12-byte nonces.
    pub(super) const fn reply_nonce_bytes(self) -> usize {
        self.key_bytes()
    }

    /// How much longer a sealed reply is than the message in it, in bytes.
    pub const fn reply_overhead(self) -> usize {
        self.reply_nonce_bytes() + Self::TAG_BYTES
    }
}
