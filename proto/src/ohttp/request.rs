//! Sealing a request and opening it (RFC 9458, section 4.3).

use hpke::aead::{Aead, AesGcm128, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, setup_receiver, setup_sender_with_rng};
use rand_core::CryptoRng;

use super::key_config::{KeyConfig, PUBLIC_BYTES};
use super::private_key::PrivateKey;
use super::response::{ReplyOpener, ReplySealer, ReplySecret};
use super::suite::{Cipher, KDF, KEM};
use crate::error::Malformed;

/// The media type of a sealed request.
pub const REQUEST_MEDIA_TYPE: &str = "message/ohttp-req";
/// What the request is sealed for.
const REQUEST_LABEL: &[u8] = b"message/bhttp request";
/// What the secret for the reply is derived for.
const RESPONSE_LABEL: &[u8] = b"message/bhttp response";
/// Key id, KEM, KDF, AEAD.
const HEADER_BYTES: usize = 7;

/// A request that was opened, and what seals the reply to it.
pub struct Opened {
    /// The message, in Binary HTTP.
    pub message: Vec<u8>,
    /// Good for one reply.
    pub reply: ReplySealer,
}

/// Why a request cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// It is no sealed request.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is sealed to a key that is not ours, or not ours any more.
    #[error("the request is sealed to a key that is not in use")]
    UnknownKey,
    /// It is sealed with algorithms that we do not take.
    #[error("the request is sealed with an algorithm that is not in use")]
    UnknownAlgorithm,
    /// It was sealed to another key of this id, or damaged.
    #[error("the request cannot be opened with the key that it names")]
    Undecryptable,
}

/// Seals a message to a gateway. Answers what travels, and what opens the reply.
///
/// # Errors
/// `ohttp-keys`, if the gateway's key is one of the few points with which no secret can be agreed on.
pub fn seal_request(
    key: &KeyConfig,
    message: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<(Vec<u8>, ReplyOpener), Malformed> {
    let header = header(key.id(), key.cipher());
    let sealed = match key.cipher() {
        Cipher::Aes128Gcm => seal::<AesGcm128>(key, &header, message, rng),
        Cipher::ChaCha20Poly1305 => seal::<ChaCha20Poly1305>(key, &header, message, rng),
    };
    let (public, sealed, secret) =
        sealed.ok_or_else(|| Malformed::new("ohttp-keys", "has a key that seals nothing"))?;
    let reply = ReplyOpener::new(ReplySecret { cipher: key.cipher(), public, secret });
    Ok(([header.as_slice(), &public, &sealed].concat(), reply))
}

/// Opens a request with the key that it names; `find` answers the keys that are in use.
///
/// # Errors
/// [`Unopened`].
pub fn open_request<'k>(bytes: &[u8], find: impl FnOnce(u8) -> Option<&'k PrivateKey>) -> Result<Opened, Unopened> {
    let short = || Malformed::new("message/ohttp-req", "ends early");
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or_else(short)?;
    let (public, sealed) = rest.split_first_chunk::<PUBLIC_BYTES>().ok_or_else(short)?;
    if sealed.len() < Cipher::TAG_BYTES {
        return Err(short().into());
    }
    let &[id, kem_high, kem_low, kdf_high, kdf_low, cipher_high, cipher_low] = header;
    let [kem, kdf, cipher] =
        [[kem_high, kem_low], [kdf_high, kdf_low], [cipher_high, cipher_low]].map(u16::from_be_bytes);
    let key = find(id).ok_or(Unopened::UnknownKey)?;
    let cipher = Cipher::from_id(cipher).filter(|_| kem == KEM && kdf == KDF).ok_or(Unopened::UnknownAlgorithm)?;
    let opened = match cipher {
        Cipher::Aes128Gcm => open::<AesGcm128>(key, header, public, sealed, cipher),
        Cipher::ChaCha20Poly1305 => open::<ChaCha20Poly1305>(key, header, public, sealed, cipher),
    };
    let (message, secret) = opened.ok_or(Unopened::Undecryptable)?;
    Ok(Opened { message, reply: ReplySealer::new(ReplySecret { cipher, public: *public, secret }) })
}

type Sealed = ([u8; PUBLIC_BYTES], Vec<u8>, Vec<u8>);

/// The public key of this one request, the sealed message, and the secret for the reply.
fn seal<A: Aead>(key: &KeyConfig, header: &[u8], message: &[u8], rng: &mut impl CryptoRng) -> Option<Sealed> {
    let (public, mut context) =
        setup_sender_with_rng::<A, HkdfSha256, X25519HkdfSha256>(&OpModeS::Base, key.public(), &info(header), rng)
            .ok()?;
    let sealed = context.seal(message, &[]).ok()?;
    let mut secret = vec![0; key.cipher().reply_nonce_bytes()];
    context.export(RESPONSE_LABEL, &mut secret).ok()?;
    Some((public.to_bytes().into(), sealed, secret))
}

/// The message, and the secret for the reply.
fn open<A: Aead>(
    key: &PrivateKey,
    header: &[u8],
    public: &[u8],
    sealed: &[u8],
    cipher: Cipher,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let public = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(public).ok()?;
    let (mode, info) = (OpModeR::Base, info(header));
    let mut context = setup_receiver::<A, HkdfSha256, X25519HkdfSha256>(&mode, key.secret(), &public, &info).ok()?;
    let message = context.open(sealed, &[]).ok()?;
    let mut secret = vec![0; cipher.reply_nonce_bytes()];
    context.export(RESPONSE_LABEL, &mut secret).ok()?;
    Some((message, secret))
}

fn header(id: u8, cipher: Cipher) -> [u8; HEADER_BYTES] {
    let [[a, b], [c, d], [e, f]] = [KEM, KDF, cipher.id()].map(u16::to_be_bytes);
    [id, a, b, c, d, e, f]
}

/// Both sides must mean the same key and algorithms.
fn info(header: &[u8]) -> Vec<u8> {
    [REQUEST_LABEL, &[0], header].concat()
}
