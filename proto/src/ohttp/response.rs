//! Sealing a reply and opening it (RFC 9458, section 4.4).

use aes_gcm::Aes128Gcm;
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit};
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;

use super::key_config::PUBLIC_BYTES;
use super::suite::Cipher;
use crate::error::Malformed;

/// The media type of a sealed reply.
pub const RESPONSE_MEDIA_TYPE: &str = "message/ohttp-res";
/// The length of a nonce, with either cipher.
const NONCE_BYTES: usize = 12;

/// What both sides know after the request.
pub(super) struct ReplySecret {
    pub(super) cipher: Cipher,
    /// The public key that was drawn for the request.
    pub(super) public: [u8; PUBLIC_BYTES],
    /// As long as the nonce that the reply begins with.
    pub(super) secret: Vec<u8>,
}

/// Seals the one reply to a request.
pub struct ReplySealer(ReplySecret);

/// Opens the one reply to a request.
pub struct ReplyOpener(ReplySecret);

impl ReplySealer {
    pub(super) const fn new(secret: ReplySecret) -> Self {
        Self(secret)
    }

    /// The cipher that the phone chose.
    pub const fn cipher(&self) -> Cipher {
        self.0.cipher
    }

    /// Seals a reply under a nonce of its own.
    ///
    /// # Panics
    /// Never: no reply is as long as what these ciphers cannot seal, 64 GiB.
    pub fn seal(self, reply: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut nonce = vec![0; self.0.cipher.reply_nonce_bytes()];
        rng.fill_bytes(&mut nonce);
        let keys = self.0.keys(&nonce);
        let sealed = match self.0.cipher {
            Cipher::Aes128Gcm => keys.aes().encrypt(&keys.nonce.into(), reply),
            Cipher::ChaCha20Poly1305 => keys.chacha().encrypt(&keys.nonce.into(), reply),
        };
        let sealed = sealed.expect("a reply is shorter than 64 GiB");
        [nonce, sealed].concat()
    }
}

impl ReplyOpener {
    pub(super) const fn new(secret: ReplySecret) -> Self {
        Self(secret)
    }

    /// Opens a reply.
    ///
    /// # Errors
    /// `message/ohttp-res`, if it is not the reply to this request, or was damaged.
    pub fn open(self, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        let (nonce, sealed) = bytes
            .split_at_checked(self.0.cipher.reply_nonce_bytes())
            .ok_or_else(|| Malformed::new("message/ohttp-res", "ends early"))?;
        let keys = self.0.keys(nonce);
        let opened = match self.0.cipher {
            Cipher::Aes128Gcm => keys.aes().decrypt(&keys.nonce.into(), sealed),
            Cipher::ChaCha20Poly1305 => keys.chacha().decrypt(&keys.nonce.into(), sealed),
        };
        opened.map_err(|_| Malformed::new("message/ohttp-res", "is not the reply to this request"))
    }
}

impl ReplySecret {
    /// The key and the nonce under which the reply is sealed.
    fn keys(&self, nonce: &[u8]) -> ReplyKeys {
        let salt = [self.public.as_slice(), nonce].concat();
        let derived = Hkdf::<Sha256>::new(Some(&salt), &self.secret);
        let mut keys = ReplyKeys { key: [0; 32], nonce: [0; NONCE_BYTES] };
        let key = &mut keys.key[..self.cipher.key_bytes()];
        derived.expand(b"key", key).expect("HKDF gives up to 8,160 bytes");
        derived.expand(b"nonce", &mut keys.nonce).expect("HKDF gives up to 8,160 bytes");
        keys
    }
}

struct ReplyKeys {
    /// Of a shorter key, the beginning.
    key: [u8; 32],
    nonce: [u8; NONCE_BYTES],
}

impl ReplyKeys {
    fn aes(&self) -> Aes128Gcm {
        let (key, _) = self.key.split_first_chunk::<16>().expect("32 bytes begin with 16");
        Aes128Gcm::new(key.into())
    }

    fn chacha(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new((&self.key).into())
    }
}
