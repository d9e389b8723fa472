//! The keys of a file.

use std::path::Path;

use proto::Timestamp;
use proto::revision::RevisionKey;
use zeroize::Zeroizing;

use crate::secret_file::{self, SecretFileError};

/// The most keys at a time: phones read no longer list of those that are published.
const MOST: usize = 16;
const UNREADABLE: &str = "must hold a key on each line: its id, 64 hexadecimal digits and, if it retires, when; the command generate writes one";

/// A key with an id, made of 32 random bytes.
pub trait RingKey: Sized {
    /// The key with this id and these bytes; none if they are not 32.
    fn from_bytes(id: u8, bytes: &[u8]) -> Option<Self>;
    /// By what it is named in what it makes.
    fn id(&self) -> u8;
    /// By what operators tell it from others: a digest that may be shown.
    fn sha256(&self) -> [u8; 32];
}

impl RingKey for RevisionKey {
    fn from_bytes(id: u8, bytes: &[u8]) -> Option<Self> {
        Self::new(id, bytes).ok()
    }

    fn id(&self) -> u8 {
        Self::id(self)
    }

    /// Of nothing that opens or seals anything.
    fn sha256(&self) -> [u8; 32] {
        Self::sha256(self)
    }
}

/// The keys that are in a file: at least one.
pub struct KeyRing<K> {
    keys: Vec<HeldKey<K>>,
}

/// A key, and how long it counts.
pub(super) struct HeldKey<K> {
    pub(super) key: K,
    /// From then on it opens nothing; none for a key that was not replaced.
    pub(super) retires: Option<Timestamp>,
}

impl<K: RingKey> KeyRing<K> {
    /// One key that never retires, for those who have no file.
    pub fn of(key: K) -> Self {
        Self { keys: vec![HeldKey { key, retires: None }] }
    }

    /// Reads a key file, which only its owner may read.
    ///
    /// # Errors
    /// Those of reading it, and [`SecretFileError::Content`].
    pub fn read(path: &Path) -> Result<Self, SecretFileError> {
        Self::parse(path, &secret_file::read(path)?)
    }

    /// Reads what a key file holds.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, SecretFileError> {
        let refused = |reason| SecretFileError::Content { path: path.to_owned(), reason };
        let keys: Option<Vec<_>> = lines(text).map(HeldKey::parse).collect();
        let keys = keys.filter(|keys| !keys.is_empty()).ok_or_else(|| refused(UNREADABLE))?;
        if keys.len() > MOST {
            return Err(refused("holds more than 16 keys; the command rotate drops those that have retired"));
        }
        let ring = Self { keys };
        let repeated = ring.keys.iter().enumerate().any(|(at, held)| ring.position(held.key.id()) != Some(at));
        if repeated { Err(refused("holds two keys with one id")) } else { Ok(ring) }
    }

    /// The key that counts now.
    pub fn current(&self) -> &K {
        &self.keys.first().expect("a ring has a key").key
    }

    /// The key with this id, unless it has retired.
    pub fn find(&self, id: u8, now: Timestamp) -> Option<&K> {
        self.live(now).find(|key| key.id() == id)
    }

    /// All that have not retired, the current one first.
    pub fn live(&self, now: Timestamp) -> impl Iterator<Item = &K> {
        self.keys.iter().filter(move |held| held.is_live(now)).map(|held| &held.key)
    }

    /// All of them, the current one first.
    pub(super) fn all(&self) -> &[HeldKey<K>] {
        &self.keys
    }

    fn position(&self, id: u8) -> Option<usize> {
        self.keys.iter().position(|held| held.key.id() == id)
    }
}

impl<K: RingKey> HeldKey<K> {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let id = words.next()?.parse().ok()?;
        let bytes = Zeroizing::new(hex::decode(words.next()?).ok()?);
        let retires = words.next().map(|seconds| seconds.parse().map(Timestamp::from_unix)).transpose().ok()?;
        let key = K::from_bytes(id, &bytes)?;
        words.next().is_none().then_some(Self { key, retires })
    }

    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.retires.is_none_or(|retires| now < retires)
    }
}

/// The lines that say something.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}
