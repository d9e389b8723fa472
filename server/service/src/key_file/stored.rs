//! Making keys and putting new ones in their place, for the programs' commands.

use std::fmt;
use std::path::Path;

use proto::Timestamp;
use rand_core::CryptoRng;
use serde::Serialize;
use zeroize::Zeroizing;

use super::ring::{HeldKey, KeyRing, RingKey, lines};
use crate::secret_file::{self, SecretFileError};

/// The length of a key, in bytes.
const BYTES: usize = 32;

/// What may be said of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyNote {
    /// By what it is named in what it makes.
    pub id: u8,
    /// By what to tell it from others: SHA-256 of what is published of it, if anything is, in hexadecimal.
    pub sha256: String,
    /// When it retires, in UTC seconds; none for a key that was not replaced.
    pub retires: Option<i64>,
}

/// Draws a first key and writes it into a new file that only its owner may read. An existing file is never touched.
///
/// # Errors
/// Those of writing it.
pub fn create<K: RingKey>(path: &Path, rng: &mut impl CryptoRng) -> Result<Vec<KeyNote>, SecretFileError> {
    let text = Zeroizing::new(line(1, &drawn(rng), None));
    secret_file::create(path, &text)?;
    list::<K>(path)
}

/// Draws a key and makes it the current one. Those before it retire at `retire`, unless they do so sooner; those that have retired by
/// `now` are dropped.
///
/// # Errors
/// Those of reading and writing the file, which then is as it was.
pub fn rotate<K: RingKey>(
    path: &Path,
    (now, retire): (Timestamp, Timestamp),
    rng: &mut impl CryptoRng,
) -> Result<Vec<KeyNote>, SecretFileError> {
    let drawn = drawn(rng);
    secret_file::replace(path, |text| {
        let before = KeyRing::<K>::parse(path, text)?;
        let mut after = Zeroizing::new(line(next_id(before.all()), &drawn, None));
        for (held, old) in before.all().iter().zip(lines(text)).filter(|(held, _)| held.is_live(now)) {
            // Its second word is the key as it was written.
            let key = old.split_ascii_whitespace().nth(1).unwrap_or_default();
            let retires = held.retires.map_or(retire, |retires| retires.min(retire));
            after.push_str(&Zeroizing::new(line(held.key.id(), key, Some(retires))));
        }
        let notes = notes(&KeyRing::<K>::parse(path, &after)?);
        Ok::<_, SecretFileError>((after, notes))
    })
}

/// The keys that a file holds, the current one first.
///
/// # Errors
/// Those of reading it.
pub fn list<K: RingKey>(path: &Path) -> Result<Vec<KeyNote>, SecretFileError> {
    KeyRing::<K>::read(path).map(|ring| notes(&ring))
}

fn notes<K: RingKey>(ring: &KeyRing<K>) -> Vec<KeyNote> {
    let note = |held: &HeldKey<K>| KeyNote {
        id: held.key.id(),
        sha256: hex::encode(held.key.sha256()),
        retires: held.retires.map(Timestamp::unix),
    };
    ring.all().iter().map(note).collect()
}

/// The id after that of the newest key, or the first after it that is free.
fn next_id<K: RingKey>(held: &[HeldKey<K>]) -> u8 {
    let newest = held.first().map_or(0, |newest| newest.key.id());
    let free = (1..=255).map(|step| newest.wrapping_add(step)).find(|id| held.iter().all(|held| held.key.id() != *id));
    free.unwrap_or(newest)
}

fn drawn(rng: &mut impl CryptoRng) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    rng.fill_bytes(bytes.as_mut_slice());
    Zeroizing::new(hex::encode(bytes.as_slice()))
}

fn line(id: u8, key: &str, retires: Option<Timestamp>) -> String {
    match retires {
        Some(retires) => format!("{id} {key} {}\n", retires.unix()),
        None => format!("{id} {key}\n"),
    }
}

impl fmt::Display for KeyNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>3}  {}  ", self.id, self.sha256)?;
        match self.retires {
            Some(seconds) => write!(f, "retires at {seconds} (UTC seconds)"),
            None => f.write_str("current"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    /// Its bytes are all there is to it.
    struct Plain(u8, [u8; 32]);

    impl RingKey for Plain {
        fn from_bytes(id: u8, bytes: &[u8]) -> Option<Self> {
            bytes.try_into().ok().map(|bytes| Self(id, bytes))
        }

        fn id(&self) -> u8 {
            self.0
        }

        fn sha256(&self) -> [u8; 32] {
            self.1
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds)
    }

    fn ids(path: &Path) -> Vec<(u8, Option<i64>)> {
        list::<Plain>(path).expect("read").into_iter().map(|note| (note.id, note.retires)).collect()
    }

    #[test]
    fn a_key_that_was_replaced_counts_until_it_retires() {
        let (dir, mut rng) = (tempfile::tempdir().expect("a directory"), StdRng::seed_from_u64(1));
        let path = dir.path().join("ohttp.keys");
        let first = create::<Plain>(&path, &mut rng).expect("written");
        assert!(matches!(create::<Plain>(&path, &mut rng), Err(SecretFileError::Content { .. })), "kept");
        let second = rotate::<Plain>(&path, (at(100), at(200)), &mut rng).expect("rotated");
        assert_eq!(second[1].sha256, first[0].sha256);
        assert_eq!(ids(&path), [(2, None), (1, Some(200))]);
        let ring = KeyRing::<Plain>::read(&path).expect("read");
        for (now, live) in [(199, true), (200, false)] {
            assert_eq!(ring.find(1, at(now)).is_some(), live);
            assert_eq!(
                ring.live(at(now)).map(RingKey::id).collect::<Vec<_>>(),
                if live { vec![2, 1] } else { vec![2] }
            );
            assert_eq!(ring.current().id(), 2);
            assert!(ring.find(2, at(now)).is_some() && ring.find(3, at(now)).is_none());
        }
        rotate::<Plain>(&path, (at(199), at(400)), &mut rng).expect("rotated");
        assert_eq!(ids(&path), [(3, None), (2, Some(400)), (1, Some(200))]);
        rotate::<Plain>(&path, (at(200), at(300)), &mut rng).expect("rotated");
        assert_eq!(ids(&path), [(4, None), (3, Some(300)), (2, Some(300))]);
    }

    #[test]
    fn ids_go_round() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("keys");
        let key = "0a".repeat(32);
        secret_file::create(&path, &format!("255 {key}\n0 {key}\n1 {key} 5000\n")).expect("written");
        rotate::<Plain>(&path, (at(0), at(1)), &mut StdRng::seed_from_u64(1)).expect("rotated");
        assert_eq!(ids(&path), [(2, None), (255, Some(1)), (0, Some(1)), (1, Some(1))]);
    }

    #[test]
    fn a_file_that_does_not_hold_keys_is_refused() {
        let (path, key) = (Path::new("keys"), "0a".repeat(32));
        assert!(KeyRing::<Plain>::parse(path, &format!("\n 7  {key} \n")).is_ok());
        let many: String = (0..17).map(|id| format!("{id} {key}\n")).collect();
        let broken = [
            String::new(),
            key.clone(),
            format!("256 {key}"),
            format!("1 {key}0a"),
            format!("1 {}", &key[2..]),
            format!("1 {key} soon"),
            format!("1 {key} 5 5"),
            format!("1 {key}\n1 {key}"),
            many,
        ];
        for text in broken {
            let refusal = KeyRing::<Plain>::parse(path, &text).err().expect("refused").to_string();
            assert!(!refusal.contains("0a0a"), "{refusal}");
        }
    }
}
