//! Making keys for a gateway, putting new ones in their place, and telling what is published of them, for the programs' commands.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use proto::Timestamp;
use proto::ohttp::PrivateKey;
use rand_core::CryptoRng;
use serde::Serialize;
use zeroize::Zeroizing;

use super::key_ring::{HeldKey, KeyRing, lines};
use crate::secret_file::{self, SecretFileError};

/// What may be said of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyNote {
    /// By what a request names it.
    pub id: u8,
    /// SHA-256 of what is published of it, in hexadecimal.
    pub sha256: String,
    /// When it retires, in UTC seconds; none for a key that was not replaced.
    pub retires: Option<i64>,
    /// From when on phones are given it, in UTC seconds; none for a key that they were given at once.
    pub served_from: Option<i64>,
}

/// When which key counts, as one is replaced by the next.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// The time now: keys that have retired by then are dropped.
    pub now: Timestamp,
    /// From when on phones are given the new key. Until then it can be announced.
    pub served_from: Timestamp,
    /// When those before it retire, unless they do so sooner.
    pub retire: Timestamp,
}

/// Draws a first key and writes it into a new file that only its owner may read. An existing file is never touched.
///
/// # Errors
/// Those of writing it.
pub fn create(path: &Path, rng: &mut impl CryptoRng) -> Result<Vec<KeyNote>, SecretFileError> {
    let text = Zeroizing::new(HeldKey::line(1, &drawn(rng), (None, None)));
    secret_file::create(path, &text)?;
    list(path)
}

/// Draws a key and makes it the newest one.
///
/// # Errors
/// Those of reading and writing the file, which then is as it was.
pub fn rotate(path: &Path, rotation: Rotation, rng: &mut impl CryptoRng) -> Result<Vec<KeyNote>, SecretFileError> {
    let Rotation { now, served_from, retire } = rotation;
    let drawn = drawn(rng);
    secret_file::replace(path, |text| {
        let before = KeyRing::parse(path, text)?;
        let served_from = Some(served_from).filter(|from| *from > now);
        let mut after = Zeroizing::new(HeldKey::line(next_id(before.all()), &drawn, (None, served_from)));
        for (held, old) in before.all().iter().zip(lines(text)).filter(|(held, _)| held.is_live(now)) {
            // Its second word is the key as it was written.
            let key = old.split_ascii_whitespace().nth(1).unwrap_or_default();
            let retires = held.retires.map_or(retire, |retires| retires.min(retire));
            after.push_str(&Zeroizing::new(HeldKey::line(held.id(), key, (Some(retires), held.served_from))));
        }
        let notes = notes(&KeyRing::parse(path, &after)?);
        Ok::<_, SecretFileError>((after, notes))
    })
}

/// The keys that a file holds, the newest one first.
///
/// # Errors
/// Those of reading it.
pub fn list(path: &Path) -> Result<Vec<KeyNote>, SecretFileError> {
    KeyRing::read(path).map(|ring| notes(&ring))
}

/// Writes what is to be announced of the keys, those included that phones are not given yet, into a file that anybody may read: a list of
/// key configurations (RFC 9458, section 3). A list that is there is replaced at once, and left alone if it says the same.
///
/// # Errors
/// Those of reading the one file and writing the other.
pub fn export(path: &Path, public: &Path, now: Timestamp) -> Result<Vec<KeyNote>, SecretFileError> {
    let ring = KeyRing::read(path)?;
    let list = ring.to_announce(now);
    if fs::read(public).is_ok_and(|there| there == list) {
        return Ok(notes(&ring));
    }
    let mut beside = public.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // The exporter reads it, which is another user, whatever the mask of whoever types this takes away.
    let open = || fs::set_permissions(&beside, fs::Permissions::from_mode(0o644));
    let written = fs::write(&beside, list).and_then(|()| open()).and_then(|()| fs::rename(&beside, public));
    written.map_err(|cause| SecretFileError::File { path: public.to_owned(), cause })?;
    Ok(notes(&ring))
}

fn notes(ring: &KeyRing) -> Vec<KeyNote> {
    let note = |held: &HeldKey| KeyNote {
        id: held.id(),
        sha256: hex::encode(held.key.config().sha256()),
        retires: held.retires.map(Timestamp::unix),
        served_from: held.served_from.map(Timestamp::unix),
    };
    ring.all().iter().map(note).collect()
}

/// The id after that of the newest key, or the first after it that is free.
fn next_id(held: &[HeldKey]) -> u8 {
    let newest = held.first().map_or(0, HeldKey::id);
    let free = (1..=255).map(|step| newest.wrapping_add(step)).find(|id| held.iter().all(|held| held.id() != *id));
    free.unwrap_or(newest)
}

fn drawn(rng: &mut impl CryptoRng) -> Zeroizing<String> {
    Zeroizing::new(hex::encode(*Zeroizing::new(PrivateKey::draw(rng))))
}

impl fmt::Display for KeyNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>3}  {}", self.id, self.sha256)?;
        if let Some(seconds) = self.served_from {
            write!(f, "  given to phones from {seconds} on (UTC seconds)")?;
        }
        match self.retires {
            Some(seconds) => write!(f, "  retires at {seconds} (UTC seconds)"),
            None if self.served_from.is_none() => f.write_str("  current"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::ohttp::{KeyConfig, decode_keys};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds)
    }

    /// A key that phones are given at once.
    fn at_once(now: i64, retire: i64) -> Rotation {
        Rotation { now: at(now), served_from: at(now), retire: at(retire) }
    }

    fn ids(path: &Path) -> Vec<(u8, Option<i64>)> {
        list(path).expect("read").into_iter().map(|note| (note.id, note.retires)).collect()
    }

    #[test]
    fn a_key_that_was_replaced_counts_until_it_retires() {
        let (dir, mut rng) = (tempfile::tempdir().expect("a directory"), StdRng::seed_from_u64(1));
        let path = dir.path().join("ohttp.keys");
        let first = create(&path, &mut rng).expect("written");
        assert!(matches!(create(&path, &mut rng), Err(SecretFileError::Content { .. })), "kept");
        let second = rotate(&path, at_once(100, 200), &mut rng).expect("rotated");
        assert_eq!(second[1].sha256, first[0].sha256);
        assert_eq!(ids(&path), [(2, None), (1, Some(200))]);
        let ring = KeyRing::read(&path).expect("read");
        for (now, live) in [(199, true), (200, false)] {
            assert_eq!(ring.find(1, at(now)).is_some(), live);
            assert_eq!(ring.published(at(now)).len(), if live { 94 } else { 47 });
            assert!(ring.find(2, at(now)).is_some() && ring.find(3, at(now)).is_none());
        }
        rotate(&path, at_once(199, 400), &mut rng).expect("rotated");
        assert_eq!(ids(&path), [(3, None), (2, Some(400)), (1, Some(200))]);
        rotate(&path, at_once(200, 300), &mut rng).expect("rotated");
        assert_eq!(ids(&path), [(4, None), (3, Some(300)), (2, Some(300))]);
    }

    #[test]
    fn a_key_is_announced_before_phones_are_given_it() {
        let (dir, mut rng) = (tempfile::tempdir().expect("a directory"), StdRng::seed_from_u64(1));
        let [path, public] = ["ohttp.keys", "ohttp.public"].map(|name| dir.path().join(name));
        create(&path, &mut rng).expect("written");
        let rotation = Rotation { now: at(100), served_from: at(200), retire: at(500) };
        let notes = rotate(&path, rotation, &mut rng).expect("rotated");
        assert_eq!((notes[0].served_from, notes[0].retires, notes[1].retires), (Some(200), None, Some(500)));
        let ring = KeyRing::read(&path).expect("read");
        // Before, only the old key; then both, the new one first; then the new one alone. It opens all the time.
        for (now, given, announced) in [(100, vec![1], 2), (199, vec![1], 2), (200, vec![2, 1], 2), (500, vec![2], 1)] {
            let ids = |list: &[u8]| decode_keys(list).expect("a list").iter().map(KeyConfig::id).collect::<Vec<_>>();
            assert_eq!(ids(&ring.published(at(now))), given, "{now}");
            assert_eq!(ids(&ring.to_announce(at(now))).len(), announced, "{now}");
            assert!(ring.find(2, at(now)).is_some());
            assert_eq!(export(&path, &public, at(now)).expect("written"), notes);
            assert_eq!(fs::read(&public).expect("read"), ring.to_announce(at(now)));
        }
        // A second rotation before the first has come to its end keeps to the order.
        let rotation = Rotation { now: at(150), served_from: at(250), retire: at(900) };
        rotate(&path, rotation, &mut rng).expect("rotated");
        assert_eq!(ids(&path), [(3, None), (2, Some(900)), (1, Some(500))]);
        let ring = KeyRing::read(&path).expect("read");
        let first = |now| decode_keys(&ring.published(at(now))).expect("a list")[0].id();
        assert_eq!([150, 200, 250].map(first), [1, 2, 3]);
        assert_eq!(fs::read_dir(dir.path()).expect("read").count(), 2, "nothing lies beside them");
    }

    #[test]
    fn ids_go_round() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("keys");
        let key = "0a".repeat(32);
        secret_file::create(&path, &format!("255 {key}\n0 {key}\n1 {key} 5000\n")).expect("written");
        rotate(&path, at_once(0, 1), &mut StdRng::seed_from_u64(1)).expect("rotated");
        assert_eq!(ids(&path), [(2, None), (255, Some(1)), (0, Some(1)), (1, Some(1))]);
    }

    #[test]
    fn a_file_that_does_not_hold_keys_is_refused() {
        let (path, key) = (Path::new("keys"), "0a".repeat(32));
        assert!(KeyRing::parse(path, &format!("\n 7  {key} \n")).is_ok());
        let many: String = (0..17).map(|id| format!("{id} {key}\n")).collect();
        let broken = [
            String::new(),
            key.clone(),
            format!("256 {key}"),
            format!("1 {key}0a"),
            format!("1 {}", &key[2..]),
            format!("1 {key} soon"),
            format!("1 {key} 5 soon"),
            format!("1 {key} - -"),
            format!("1 {key} 5 5 5"),
            format!("1 {key}\n1 {key}"),
            many,
        ];
        for text in broken {
            let refusal = KeyRing::parse(path, &text).err().expect("refused").to_string();
            assert!(!refusal.contains("0a0a"), "{refusal}");
        }
    }
}
