//! What a gateway publishes of its key (RFC 9458, section 3).

use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, Serializable};
use sha2::{Digest, Sha256};

use super::suite::{Cipher, KDF, KEM};
use crate::error::Malformed;

/// The media type of a list of key configurations.
pub const KEYS_MEDIA_TYPE: &str = "application/ohttp-keys";
/// The length of an X25519 key, in bytes.
pub(super) const PUBLIC_BYTES: usize = 32;
/// More keys than a gateway accepts at a time.
const MOST: usize = 16;

/// The public half of a gateway's key, and the ciphers that it takes.
#[derive(Clone)]
pub struct KeyConfig {
    id: u8,
    public: <X25519HkdfSha256 as Kem>::PublicKey,
    /// In the gateway's order of preference; at least one.
    ciphers: Vec<Cipher>,
    /// The configuration as it was read: what others do not know counts for its hash.
    encoded: Vec<u8>,
}

impl KeyConfig {
    /// A configuration of our own key, with both ciphers.
    pub(super) fn new(id: u8, public: <X25519HkdfSha256 as Kem>::PublicKey) -> Self {
        let ciphers = Cipher::ALL.to_vec();
        let encoded = encode(id, &public, &ciphers);
        Self { id, public, ciphers, encoded }
    }

    /// Reads one configuration; none if it is for a key or for ciphers that we do not know.
    ///
    /// # Errors
    /// `ohttp-keys`, and why.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut rest = bytes;
        let id = take::<1>(&mut rest)?[0];
        if u16::from_be_bytes(take(&mut rest)?) != KEM {
            // How long another kind of key is, only those know who know it.
            return Ok(None);
        }
        let public: [u8; PUBLIC_BYTES] = take(&mut rest)?;
        let public = Deserializable::from_bytes(&public).map_err(|_| refused("has a key that is none of X25519"))?;
        let length = usize::from(u16::from_be_bytes(take(&mut rest)?));
        if length != rest.len() || length == 0 || !length.is_multiple_of(4) {
            return Err(refused("must end with its list of algorithms"));
        }
        let pairs = rest.chunks_exact(4).map(|pair| (number(&pair[..2]), number(&pair[2..])));
        let ciphers: Vec<Cipher> =
            pairs.filter(|(kdf, _)| *kdf == KDF).filter_map(|(_, id)| Cipher::from_id(id)).collect();
        Ok((!ciphers.is_empty()).then(|| Self { id, public, ciphers, encoded: bytes.to_vec() }))
    }

    /// The configuration as it travels.
    pub fn as_bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// By what the key is named in a request: 0 to 255, to be used again once a key is forgotten.
    pub const fn id(&self) -> u8 {
        self.id
    }

    /// SHA-256 of the configuration as it travels: by this a phone knows that everybody is given the same one.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.encoded).into()
    }

    /// The cipher that the gateway prefers.
    pub(super) fn cipher(&self) -> Cipher {
        self.ciphers[0]
    }

    pub(super) const fn public(&self) -> &<X25519HkdfSha256 as Kem>::PublicKey {
        &self.public
    }

    /// The same with one cipher, to be used whatever the gateway prefers; none if the gateway does not take it.
    #[must_use]
    pub fn with_cipher(&self, cipher: Cipher) -> Option<Self> {
        self.ciphers.contains(&cipher).then(|| Self { ciphers: vec![cipher], ..self.clone() })
    }
}

/// Two configurations are the same if they travel as the same bytes.
impl PartialEq for KeyConfig {
    fn eq(&self, other: &Self) -> bool {
        self.encoded == other.encoded
    }
}

impl std::fmt::Debug for KeyConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyConfig({}, {})", self.id, hex::encode(self.sha256()))
    }
}

/// A list of configurations, the preferred one first: each behind its length in two bytes.
pub fn encode_keys<'a>(keys: impl IntoIterator<Item = &'a KeyConfig>) -> Vec<u8> {
    let mut list = Vec::new();
    for key in keys {
        // What was read had a length of two bytes; ours have 45 bytes.
        list.extend(u16::try_from(key.encoded.len()).unwrap_or(u16::MAX).to_be_bytes());
        list.extend(&key.encoded);
    }
    list
}

/// Reads a list of configurations and leaves out those that are not for us.
///
/// # Errors
/// `ohttp-keys`, and why. An empty list is none: a gateway without a key has nothing to publish.
pub fn decode_keys(bytes: &[u8]) -> Result<Vec<KeyConfig>, Malformed> {
    let (mut rest, mut keys, mut count) = (bytes, Vec::new(), 0);
    while !rest.is_empty() {
        let length = usize::from(u16::from_be_bytes(take(&mut rest)?));
        let (one, others) = rest.split_at_checked(length).ok_or_else(|| refused("ends early"))?;
        keys.extend(KeyConfig::decode(one)?);
        rest = others;
        count += 1;
    }
    if (1..=MOST).contains(&count) { Ok(keys) } else { Err(refused("must be 1 to 16 configurations")) }
}

fn encode(id: u8, public: &<X25519HkdfSha256 as Kem>::PublicKey, ciphers: &[Cipher]) -> Vec<u8> {
    let mut bytes = vec![id];
    bytes.extend(KEM.to_be_bytes());
    bytes.extend(public.to_bytes());
    // Four bytes each, and there are two of them at most.
    let length = ciphers.len() as u16 * 4;
    bytes.extend(length.to_be_bytes());
    for cipher in ciphers {
        bytes.extend(KDF.to_be_bytes());
        bytes.extend(cipher.id().to_be_bytes());
    }
    bytes
}

/// The next `N` bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (first, others) = rest.split_first_chunk().ok_or_else(|| refused("ends early"))?;
    *rest = others;
    Ok(*first)
}

fn number(two: &[u8]) -> u16 {
    u16::from_be_bytes([two[0], two[1]])
}

fn refused(reason: &'static str) -> Malformed {
    Malformed::new("ohttp-keys", reason)
}

#[cfg(test)]
mod tests {
    use super::super::PrivateKey;
    use super::*;

    fn key(id: u8) -> KeyConfig {
        PrivateKey::new(id, &[id; 32]).expect("a key").config().clone()
    }

    #[test]
    fn what_is_written_is_read() {
        let keys = [key(7), key(0), key(255)];
        let list = encode_keys(&keys);
        assert_eq!(decode_keys(&list).expect("read"), keys);
        assert_ne!(keys[0].sha256(), keys[1].sha256());
        for cut in 0..list.len() {
            // A cut between two configurations leaves a shorter list.
            assert_eq!(decode_keys(&list[..cut]).is_ok(), cut > 0 && cut % 47 == 0, "{cut}");
        }
        assert!(decode_keys(&[list.as_slice(), &[0]].concat()).is_err());
        let many: Vec<KeyConfig> = (0..17).map(key).collect();
        assert!(decode_keys(&encode_keys(&many[..16])).is_ok());
        assert!(decode_keys(&encode_keys(&many)).is_err());
    }

    #[test]
    fn what_is_for_others_is_left_out() {
        let ours = key(1);
        let mut post_quantum = ours.as_bytes().to_vec();
        post_quantum[1..3].copy_from_slice(&[0x64, 0x7a]);
        assert_eq!(KeyConfig::decode(&post_quantum), Ok(None));
        // HKDF-SHA512, or AES-256-GCM, alone.
        for other in [[0, 3, 0, 1], [0, 1, 0, 2]] {
            let bytes = [&ours.as_bytes()[..35], &[0, 4], &other].concat();
            assert_eq!(KeyConfig::decode(&bytes), Ok(None));
            // Beside one of ours it does no harm, and the hash is still over all of it.
            let bytes = [&ours.as_bytes()[..35], &[0, 8], &other, &[0, 1, 0, 3]].concat();
            let both = KeyConfig::decode(&bytes).expect("read").expect("for us");
            assert_eq!((both.cipher(), both.as_bytes()), (Cipher::ChaCha20Poly1305, bytes.as_slice()));
            assert!(both.with_cipher(Cipher::Aes128Gcm).is_none());
        }
        for broken in [[0, 0].as_slice(), &[0, 3, 0, 1, 0], &[0, 4, 0, 1, 0], &[0, 4, 0, 1, 0, 1, 0]] {
            assert!(KeyConfig::decode(&[&ours.as_bytes()[..35], broken].concat()).is_err(), "{broken:?}");
        }
    }
}
