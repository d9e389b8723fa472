//! The keys of a gateway, as their file has them: a line each, the newest one first. `ID KEY`, where a key is 32 bytes in hexadecimal;
//! `ID KEY RETIRES` for one that was replaced; `ID KEY RETIRES SERVED-FROM` for one that phones are not given yet, with `-` for RETIRES if it
//! was not replaced. Times are UTC seconds.

use std::path::Path;

use proto::Timestamp;
use proto::ohttp::{PrivateKey, encode_keys};

use crate::secret_file::{self, SecretFileError};

/// The most keys at a time: phones read no longer list.
const MOST: usize = 16;
const UNREADABLE: &str = "must hold a key on each line: its id, 64 hexadecimal digits and, if it retires, when; ohttp-key generate writes one";

/// The keys that are in the file.
pub(super) struct KeyRing {
    keys: Vec<HeldKey>,
}

/// A key, and how long it counts.
pub(super) struct HeldKey {
    pub(super) key: PrivateKey,
    /// From then on it opens nothing; none for a key that was not replaced.
    pub(super) retires: Option<Timestamp>,
    /// From then on phones are given it; none for a key that they were given at once. It opens what is sealed to it before: the clocks of
    /// several servers differ.
    pub(super) served_from: Option<Timestamp>,
}

impl KeyRing {
    /// Reads a key file, which only its owner may read.
    pub(super) fn read(path: &Path) -> Result<Self, SecretFileError> {
        Self::parse(path, &secret_file::read(path)?)
    }

    /// Reads what a key file holds.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, SecretFileError> {
        let refused = |reason| SecretFileError::Content { path: path.to_owned(), reason };
        let keys: Option<Vec<HeldKey>> = lines(text).map(HeldKey::parse).collect();
        let keys = keys.filter(|keys| !keys.is_empty()).ok_or_else(|| refused(UNREADABLE))?;
        if keys.len() > MOST {
            return Err(refused("holds more than 16 keys; ohttp-key rotate drops those that have retired"));
        }
        let ring = Self { keys };
        let repeated = ring.keys.iter().enumerate().any(|(at, held)| ring.position(held.id()) != Some(at));
        if repeated { Err(refused("holds two keys with one id")) } else { Ok(ring) }
    }

    /// All of them, the newest one first.
    pub(super) fn all(&self) -> &[HeldKey] {
        &self.keys
    }

    /// The key with this id, unless it has retired.
    pub(super) fn find(&self, id: u8, now: Timestamp) -> Option<&PrivateKey> {
        self.live(now).find(|held| held.id() == id).map(|held| &held.key)
    }

    /// What phones are given: the keys whose time has come and that have not retired, the newest one first.
    pub(super) fn published(&self, now: Timestamp) -> Vec<u8> {
        encode_keys(self.live(now).filter(|held| held.is_served(now)).map(|held| held.key.config()))
    }

    /// What is to be announced: those, and the keys that phones will be given.
    pub(super) fn to_announce(&self, now: Timestamp) -> Vec<u8> {
        encode_keys(self.live(now).map(|held| held.key.config()))
    }

    fn live(&self, now: Timestamp) -> impl Iterator<Item = &HeldKey> {
        self.keys.iter().filter(move |held| held.is_live(now))
    }

    fn position(&self, id: u8) -> Option<usize> {
        self.keys.iter().position(|held| held.id() == id)
    }
}

impl HeldKey {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let id = words.next()?.parse().ok()?;
        let bytes = zeroize::Zeroizing::new(hex::decode(words.next()?).ok()?);
        let time = |seconds: &str| seconds.parse().map(Timestamp::from_unix);
        let retires = words.next().filter(|word| *word != "-").map(time).transpose().ok()?;
        let served_from = words.next().map(time).transpose().ok()?;
        let key = PrivateKey::new(id, &bytes).ok()?;
        words.next().is_none().then_some(Self { key, retires, served_from })
    }

    /// The line with this key, which is given in hexadecimal.
    pub(super) fn line(id: u8, key: &str, (retires, served_from): (Option<Timestamp>, Option<Timestamp>)) -> String {
        let word = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| time.unix().to_string());
        match (retires, served_from) {
            (None, None) => format!("{id} {key}\n"),
            (retires, None) => format!("{id} {key} {}\n", word(retires)),
            (retires, served_from) => format!("{id} {key} {} {}\n", word(retires), word(served_from)),
        }
    }

    fn is_served(&self, now: Timestamp) -> bool {
        self.served_from.is_none_or(|from| from <= now)
    }

    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.retires.is_none_or(|retires| now < retires)
    }

    pub(super) fn id(&self) -> u8 {
        self.key.config().id()
    }
}

/// The lines that say something.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}
