//! One secret of the service, and what is derived from it: lookup digests, seals, tokens.
//!
//! A database without the secret neither tells codes nor lets anybody try them out; a secret without the database tells nothing.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use proto::api::base64;
use rand::CryptoRng;
use sha2::Sha256;
use store::{CodeId, Peppered};
use zeroize::{Zeroize, Zeroizing};

use crate::phone::PhoneNumber;

/// The length of the secret, in bytes.
const BYTES: usize = 32;
/// The length of a ChaCha20-Poly1305 nonce (RFC 8439, section 2.8), in bytes.
const SEAL_NONCE: usize = 12;

type Key = Zeroizing<[u8; 32]>;

/// What a digest of a phone number is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PhonePurpose {
    /// Whether a person who reports about themselves has done so already.
    Report,
    /// How many messages a number got.
    Budget,
    /// How many messages the numbers of its block got.
    BlockBudget,
}

/// Keys for one purpose each, by HKDF-SHA256 (RFC 5869) from the secret.
pub(crate) struct Secret {
    /// Names this secret in rows, so that a later one can take over while it still opens what it sealed.
    pepper: String,
    lookup: Key,
    request: Key,
    seal: Key,
    token: Key,
    phone: Key,
    prefix: Key,
}

impl Secret {
    /// Reads a secret: 32 bytes in hexadecimal or base64.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        decode(text).map(|secret| Self::derive(&secret))
    }

    /// Draws a secret, as it is written into a file.
    pub(crate) fn draw(rng: &mut impl CryptoRng) -> Zeroizing<String> {
        let mut secret = Zeroizing::new([0; BYTES]);
        rng.fill_bytes(secret.as_mut_slice());
        Zeroizing::new(base64::encode(secret.as_slice()))
    }

    fn derive(secret: &[u8; BYTES]) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, secret);
        let key = |label: &str| {
            let mut key = Key::default();
            let info = format!("pratique verification v1 {label}");
            hkdf.expand(info.as_bytes(), key.as_mut_slice()).expect("32 bytes are within HKDF's limit of 8,160");
            key
        };
        // Eight bytes of a key that serves no other purpose: enough to tell secrets apart.
        let name = key("name").iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self {
            pepper: name,
            lookup: key("lookup"),
            request: key("request"),
            seal: key("seal"),
            token: key("token"),
            phone: key("phone"),
            prefix: key("prefix"),
        }
    }

    /// The secret's name in rows.
    pub(crate) fn pepper(&self) -> &str {
        &self.pepper
    }

    /// By what a code is found: a digest over authority and normalised text.
    pub(crate) fn code_digest(&self, authority: &str, text: &str) -> Peppered {
        // A slug has no zero byte, so the two cannot run into each other.
        self.peppered(&self.lookup, &[authority.as_bytes(), &[0], text.as_bytes()])
    }

    /// The same of a code that only the phone with this nonce may find.
    pub(crate) fn bound_code_digest(&self, authority: &str, text: &str, nonce: &[u8]) -> Peppered {
        // Nor has a code a zero byte.
        self.peppered(&self.lookup, &[authority.as_bytes(), &[0], text.as_bytes(), &[0], nonce])
    }

    /// By what a repeated issue request is known.
    pub(crate) fn request_digest(&self, request: &[u8]) -> Peppered {
        self.peppered(&self.request, &[request])
    }

    /// By what an authority's person is known by their phone, for as long as something about it is remembered. Another `purpose` gives
    /// another digest, so that tables tell nothing of one another.
    pub(crate) fn phone_digest(&self, purpose: PhonePurpose, authority: &str, number: &PhoneNumber) -> Peppered {
        let (tag, text) = match purpose {
            PhonePurpose::Report => (0, number.e164()),
            PhonePurpose::Budget => (1, number.e164()),
            PhonePurpose::BlockBudget => (2, number.block()),
        };
        self.peppered(&self.phone, &[&[tag], authority.as_bytes(), &[0], text.as_bytes()])
    }

    /// By what a network that failed is known for a day. There are few enough networks to try them all, so without the key nobody can.
    pub(crate) fn prefix_digest(&self, prefix: &[u8]) -> [u8; 32] {
        mac(&self.prefix, &[prefix])
    }

    /// By what all messages of an authority are counted.
    pub(crate) fn tally_digest(&self, authority: &str) -> Peppered {
        self.peppered(&self.phone, &[&[3], authority.as_bytes()])
    }

    /// By what the messages are counted that the phones of a network ask for.
    pub(crate) fn network_digest(&self, authority: &str, prefix: &[u8]) -> Peppered {
        self.peppered(&self.phone, &[&[5], authority.as_bytes(), &[0], prefix])
    }

    /// The name of the message that carries a code, for whoever sends it: without the secret it does not lead to the code's row.
    pub(crate) fn message_id(&self, authority: &str, uuid: [u8; 16]) -> String {
        let mac = mac(&self.phone, &[&[4], authority.as_bytes(), &[0], &uuid]);
        mac.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Encrypts a code for its row alone: moved to another, it does not open.
    pub(crate) fn seal(&self, id: CodeId, text: &str, rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut sealed = vec![0; SEAL_NONCE];
        rng.fill_bytes(&mut sealed);
        let nonce = Nonce::try_from(sealed.as_slice()).expect("the nonce was made with this length");
        let payload = Payload { msg: text.as_bytes(), aad: &id.0 };
        let text = self.cipher().encrypt(&nonce, payload).expect("a code is within the cipher's limit of 256 GB");
        sealed.extend(text);
        sealed
    }

    /// Decrypts a code; none if it was sealed for another row or by another secret.
    pub(crate) fn open(&self, id: CodeId, sealed: &[u8]) -> Option<Zeroizing<String>> {
        let (nonce, text) = sealed.split_at_checked(SEAL_NONCE)?;
        let payload = Payload { msg: text, aad: &id.0 };
        let text = self.cipher().decrypt(&Nonce::try_from(nonce).ok()?, payload).ok()?;
        String::from_utf8(text).ok().map(Zeroizing::new)
    }

    /// The part of a token that nobody can guess. The same phone, known by its nonce, gets the same one again.
    pub(crate) fn token_mac(&self, id: CodeId, nonce: Option<&[u8]>) -> [u8; 32] {
        // The first byte keeps "no nonce" apart from every nonce; the id has a fixed length.
        match nonce {
            None => mac(&self.token, &[&[0], &id.0]),
            Some(nonce) => mac(&self.token, &[&[1], &id.0, nonce]),
        }
    }

    fn peppered(&self, key: &Key, parts: &[&[u8]]) -> Peppered {
        Peppered { pepper: self.pepper.clone(), digest: mac(key, parts) }
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new_from_slice(self.seal.as_slice()).expect("the key has 32 bytes")
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// HMAC-SHA256 over the concatenation of `parts`.
fn mac(key: &Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn decode(text: &str) -> Option<Zeroizing<[u8; BYTES]>> {
    let mut bytes = from_hex(text).or_else(|| base64::decode("secret", text).ok())?;
    let secret = <[u8; BYTES]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new);
    bytes.zeroize();
    secret
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let hexadecimal = text.len() == 2 * BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hexadecimal {
        return None;
    }
    (0..BYTES).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: CodeId = CodeId([1; 16]);

    #[test]
    fn a_sealed_code_opens_in_its_own_row_under_its_own_secret_alone() {
        let secret = Secret::derive(&[7; 32]);
        let sealed = secret.seal(ID, "12345678", &mut store::chance::source());
        assert_eq!(secret.open(ID, &sealed).expect("opens").as_str(), "12345678");
        assert!(secret.open(CodeId([2; 16]), &sealed).is_none());
        assert!(Secret::derive(&[8; 32]).open(ID, &sealed).is_none());
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(secret.open(ID, &bent).is_none(), "byte {at}");
            assert!(secret.open(ID, &sealed[..at]).is_none(), "length {at}");
        }
    }

    #[test]
    fn each_purpose_has_its_own_key() {
        let secret = Secret::derive(&[7; 32]);
        let keys = [&secret.lookup, &secret.request, &secret.seal, &secret.token, &secret.phone, &secret.prefix];
        for (i, key) in keys.iter().enumerate() {
            assert!(keys.iter().skip(i + 1).all(|other| other != key));
            assert!(key.as_slice() != [7; 32]);
        }
        assert_ne!(secret.pepper(), Secret::derive(&[8; 32]).pepper());
    }

    #[test]
    fn a_code_of_one_authority_is_no_code_of_another() {
        let secret = Secret::derive(&[7; 32]);
        assert!(secret.code_digest("a", "12345678") == secret.code_digest("a", "12345678"));
        assert!(secret.code_digest("a", "12345678") != secret.code_digest("b", "12345678"));
    }

    #[test]
    fn a_bound_code_is_found_with_its_nonce_alone() {
        let secret = Secret::derive(&[7; 32]);
        let bound = |nonce: &[u8]| secret.bound_code_digest("a", "12345678", nonce);
        assert!(bound(&[1; 256]) == bound(&[1; 256]));
        assert!(bound(&[1; 256]) != bound(&[2; 256]) && bound(&[1; 256]) != bound(&[]));
        assert!(bound(&[]) != secret.code_digest("a", "12345678"));
    }

    #[test]
    fn a_phone_is_known_to_one_authority_for_one_purpose() {
        let secret = Secret::derive(&[7; 32]);
        let number = |text| PhoneNumber::parse(text, None).expect("a number");
        let [one, again, neighbour] = ["+4791234567", "0047 912 34 567", "+4791239999"].map(number);
        let digest = |purpose, authority, number: &PhoneNumber| secret.phone_digest(purpose, authority, number).digest;
        let kinds = [PhonePurpose::Report, PhonePurpose::Budget, PhonePurpose::BlockBudget];
        let mut digests: Vec<_> =
            kinds.iter().flat_map(|kind| ["a", "b"].map(|who| digest(*kind, who, &one))).collect();
        assert_eq!(digest(kinds[0], "a", &one), digest(kinds[0], "a", &again));
        assert_ne!(digest(kinds[1], "a", &one), digest(kinds[1], "a", &neighbour));
        assert_eq!(digest(kinds[2], "a", &one), digest(kinds[2], "a", &neighbour));
        assert_ne!(digest(kinds[0], "a", &one), Secret::derive(&[8; 32]).phone_digest(kinds[0], "a", &one).digest);
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), 6);
    }

    #[test]
    fn a_secret_file_holds_32_bytes_in_either_spelling() {
        assert_eq!(*decode(&"0a".repeat(32)).expect("hexadecimal"), [10; 32]);
        assert_eq!(*decode(&base64::encode(&[10; 32])).expect("base64"), [10; 32]);
        for text in ["", "0a", &"0a".repeat(31), &base64::encode(&[10; 31]), &"zz".repeat(32)] {
            assert!(decode(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::derive(&[7; 32])), "Secret(..)");
    }
}
