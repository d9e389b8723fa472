//! Sealing tokens and opening them.

use chacha20poly1305::aead::{Aead, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::token::{PLAIN, RevisionToken};
use crate::api::base64;
use crate::error::Malformed;

/// The field in which a token stands.
const FIELD: &str = "revisionToken";
/// The version of what follows.
const VERSION: u8 = 1;
/// The length of an XChaCha20-Poly1305 nonce (draft-irtf-cfrg-xchacha-03, section 2.3.1), in bytes.
const NONCE: usize = 24;
/// The length of its tag.
const TAG: usize = 16;
/// What stands before the nonce: the version, and the id of the key.
const HEAD: usize = 2;
/// The length of every sealed token, in bytes.
const SEALED: usize = HEAD + NONCE + PLAIN + TAG;

/// A key under which a server seals tokens: whoever has it can read them all, and revise what was uploaded with them.
pub struct RevisionKey {
    id: u8,
    /// Encrypts.
    seal: [u8; 32],
    /// Makes the nonce out of what is encrypted.
    nonce: [u8; 32],
    sha256: [u8; 32],
}

impl RevisionKey {
    /// The key with this id and these 32 bytes.
    ///
    /// # Errors
    /// `revision-key`, if they are not 32.
    pub fn new(id: u8, bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() != 32 {
            return Err(Malformed::new("revision-key", "must be 32 bytes"));
        }
        let hkdf = Hkdf::<Sha256>::new(None, bytes);
        let derive = |label: &[u8]| {
            let mut key = [0; 32];
            hkdf.expand(label, &mut key).expect("32 bytes are within HKDF's limit of 8,160");
            key
        };
        Ok(Self {
            id,
            seal: derive(b"pratique revision token v1 seal"),
            nonce: derive(b"pratique revision token v1 nonce"),
            // Of a key of its own, so that it tells nothing of the others.
            sha256: Sha256::digest(derive(b"pratique revision token v1 name")).into(),
        })
    }

    /// By what a token names it.
    pub const fn id(&self) -> u8 {
        self.id
    }

    /// By what operators tell it from others.
    pub const fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Seals a token for the uploads of one authority: 1,258 characters, the same for the same token. The nonce is made of all that is sealed
    /// (as in SIV modes), so that none serves twice unless nothing differs.
    pub fn seal(&self, token: &RevisionToken, authority: &str) -> String {
        let (head, plain) = ([VERSION, self.id], token.encode());
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.nonce).expect("HMAC takes a key of any length");
        // What is sealed has a fixed length, and so the two cannot run into each other.
        mac.update(&plain);
        mac.update(authority.as_bytes());
        let nonce = mac.finalize().into_bytes();
        let nonce: &[u8; NONCE] = nonce.first_chunk().expect("an HMAC-SHA256 has 32 bytes");
        let bound = bound(head, authority);
        let payload = Payload { msg: &plain, aad: &bound };
        let sealed = self.cipher().encrypt(&XNonce::from(*nonce), payload);
        let sealed = sealed.expect("a token is within the cipher's limit of 256 GB");
        base64::encode_url(&[&head[..], nonce, &sealed].concat())
    }

    /// Opens a token.
    ///
    /// # Errors
    /// `revisionToken`, if it was not sealed with this key for this authority.
    pub fn open(&self, sealed: &SealedToken, authority: &str) -> Result<RevisionToken, Malformed> {
        let foreign = || Malformed::new(FIELD, "was not given out by this server for this authority");
        let (head, rest) = sealed.0.split_first_chunk::<HEAD>().ok_or_else(foreign)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE>().ok_or_else(foreign)?;
        let bound = bound(*head, authority);
        let plain = self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: text, aad: &bound });
        let plain: Option<[u8; PLAIN]> = plain.ok().and_then(|plain| plain.try_into().ok());
        plain.and_then(|plain| RevisionToken::decode(&plain)).ok_or_else(foreign)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&self.seal).into())
    }
}

/// Never a secret in a log.
impl std::fmt::Debug for RevisionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RevisionKey({})", self.id)
    }
}

/// A token as phones keep it, not opened yet.
pub struct SealedToken([u8; SEALED]);

impl SealedToken {
    /// Reads one: base64 in any alphabet, of the one length and version that there is.
    ///
    /// # Errors
    /// `revisionToken`.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let bytes = base64::decode(FIELD, text)?;
        let sealed = bytes.try_into().ok().filter(|sealed: &[u8; SEALED]| sealed[0] == VERSION);
        sealed.map(Self).ok_or_else(|| Malformed::new(FIELD, "has another form than those of this server"))
    }

    /// The key that sealed it, as it says.
    pub const fn key_id(&self) -> u8 {
        self.0[1]
    }
}

/// What a token is tied to without saying so.
fn bound(head: [u8; HEAD], authority: &str) -> Vec<u8> {
    [&head[..], authority.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::super::token::tests::token;
    use super::*;

    fn key(id: u8, byte: u8) -> RevisionKey {
        RevisionKey::new(id, &[byte; 32]).expect("32 bytes")
    }

    fn sealed(text: &str) -> SealedToken {
        SealedToken::parse(text).expect("a token")
    }

    #[test]
    fn every_token_has_one_length_and_the_same_upload_has_the_same() {
        for keys in [0, 1, 14, 30] {
            let text = key(7, 1).seal(&token(keys), "north");
            assert_eq!((text.len(), text.is_ascii()), (1_258, true));
            assert_eq!(key(7, 1).seal(&token(keys), "north"), text);
            assert_eq!(sealed(&text).key_id(), 7);
            assert_eq!(key(7, 1).open(&sealed(&text), "north"), Ok(token(keys)));
            let padded = base64::encode(&sealed(&text).0);
            assert_eq!(key(7, 1).open(&sealed(&padded), "north"), Ok(token(keys)), "in any alphabet");
        }
    }

    #[test]
    fn a_token_opens_for_its_authority_under_its_key_alone() {
        let text = key(7, 1).seal(&token(14), "north");
        for (other, authority) in [(key(7, 1), "south"), (key(7, 1), "nort"), (key(7, 2), "north")] {
            let refusal = other.open(&sealed(&text), authority).expect_err("refused");
            assert_eq!(refusal.field, "revisionToken");
        }
        // Of two keys with one secret and different ids, one does not open what the other sealed.
        let mut renamed = sealed(&text);
        renamed.0[1] = 8;
        assert!(key(8, 1).open(&renamed, "north").is_err());
    }

    #[test]
    fn a_token_with_any_bit_changed_is_none() {
        let bytes = sealed(&key(7, 1).seal(&token(14), "north")).0;
        for position in 0..bytes.len() {
            let mut bent = bytes;
            bent[position] ^= 1;
            let opened = SealedToken::parse(&base64::encode(&bent)).and_then(|bent| key(7, 1).open(&bent, "north"));
            assert!(opened.is_err(), "{position}");
        }
        for text in ["", "!", "AQ", &base64::encode(&bytes[1..]), &base64::encode(&[&bytes[..], b"x"].concat())] {
            assert_eq!(SealedToken::parse(text).err().expect("refused").field, "revisionToken");
        }
    }

    #[test]
    fn two_tokens_never_share_a_nonce() {
        let nonce = |text: &str| sealed(text).0[HEAD..HEAD + NONCE].to_vec();
        let mut nonces: Vec<_> = (0..30).map(|keys| nonce(&key(7, 1).seal(&token(keys), "north"))).collect();
        nonces.push(nonce(&key(7, 1).seal(&token(14), "south")));
        nonces.push(nonce(&key(7, 2).seal(&token(14), "north")));
        let count = nonces.len();
        nonces.sort();
        nonces.dedup();
        assert_eq!(nonces.len(), count);
    }

    #[test]
    fn a_key_has_32_bytes_and_is_not_shown() {
        assert_eq!(RevisionKey::new(1, &[0; 31]).expect_err("too short").field, "revision-key");
        assert_eq!(format!("{:?}", key(9, 1)), "RevisionKey(9)");
        assert_ne!(key(1, 1).sha256(), key(1, 2).sha256());
    }
}
