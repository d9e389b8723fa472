//! The secret by which filler is made and known again.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use rand::CryptoRng;
use service::secret_file::exposed;
use sha2::Sha256;
use store::FillerMark;
use zeroize::Zeroizing;

use crate::error::ExportError;

/// The file of the secret, in the directory of the signing keys: 64 hexadecimal digits and a newline, mode 0600. One for all regions, because the
/// people of one feed are published in others too.
pub const FILLER_FILE: &str = "filler.key";

/// Length of a seed.
const SEED: usize = 16;
/// Longer files hold something else.
const MAX_BYTES: u64 = 256;

/// What one draw is known by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FillerSeed([u8; SEED]);

/// With the secret at hand it tells who is filler.
impl std::fmt::Debug for FillerSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FillerSeed(..)")
    }
}

impl FillerSeed {
    /// Draws a seed.
    pub fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut seed = [0; SEED];
        rng.fill_bytes(&mut seed);
        Self(seed)
    }
}

/// The secret: 32 bytes. Everything follows from it by HMAC-SHA256, each use under a name of its own.
#[derive(Clone)]
pub struct FillerSecret(Zeroizing<[u8; 32]>);

/// It belongs into no log.
impl std::fmt::Debug for FillerSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FillerSecret(..)")
    }
}

impl FillerSecret {
    /// The secret with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Draws a new one and writes it as its file holds it.
    pub(crate) fn draw_text(rng: &mut impl CryptoRng) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        Zeroizing::new(format!("{}\n", *Zeroizing::new(hex::encode(bytes.as_slice()))))
    }

    /// Reads the secret of a directory; none if it has none.
    ///
    /// # Errors
    /// [`ExportError::GiveUp`] if others could read the file, or it holds something else.
    pub fn read(dir: &Path) -> Result<Option<Self>, ExportError> {
        let path = dir.join(FILLER_FILE);
        let give_up = |why: String| ExportError::GiveUp(format!("{}: {why}", path.display()));
        let file = match File::open(&path) {
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|why| give_up(why.to_string()))?,
        };
        // The mode of the open file, so that nobody can swap the file between the check and the read.
        let metadata = file.metadata().map_err(|why| give_up(why.to_string()))?;
        if exposed(&metadata) {
            let shown = metadata.permissions().mode() & 0o777;
            return Err(give_up(format!("mode {shown:o} lets others read it; type: chmod 600 {}", path.display())));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_BYTES).read_to_string(&mut text).map_err(|why| give_up(why.to_string()))?;
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim_end(), &mut *bytes)
            .map_err(|_| give_up("must hold 64 hexadecimal digits".to_owned()))?;
        Ok(Some(Self(bytes)))
    }

    /// The 16 bytes of a person's key; `slot` is how many days before the upload it began.
    pub(crate) fn key(&self, seed: FillerSeed, person: u32, slot: u8) -> [u8; 16] {
        first(self.derive("key", &[&seed.0, &person.to_be_bytes(), &[slot]]))
    }

    /// From what a report's keys grow. Nobody keeps it.
    pub(crate) fn report(&self, seed: FillerSeed, person: u32) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.derive("report", &[&seed.0, &person.to_be_bytes()]))
    }

    /// The mark of a draw of which the first `people` came: the seed, their number under a mask, and a tag by which it is known again.
    pub(crate) fn mark(&self, seed: FillerSeed, people: u32) -> FillerMark {
        let mut mark = [0; FillerMark::BYTES];
        let (mask, tag) = self.mask_and_tag(seed, people);
        mark[..SEED].copy_from_slice(&seed.0);
        mark[SEED..SEED + 4].copy_from_slice(&(people ^ mask).to_be_bytes());
        mark[SEED + 4..].copy_from_slice(&tag);
        FillerMark(mark)
    }

    /// What a mark holds; none if it was made without this secret.
    pub(crate) fn open(&self, mark: &FillerMark) -> Option<(FillerSeed, u32)> {
        let seed = FillerSeed(*mark.0.first_chunk()?);
        let masked = u32::from_be_bytes(*mark.0[SEED..].first_chunk()?);
        let people = masked ^ self.mask_and_tag(seed, 0).0;
        (mark.0.ends_with(&self.mask_and_tag(seed, people).1)).then_some((seed, people))
    }

    fn mask_and_tag(&self, seed: FillerSeed, people: u32) -> (u32, [u8; 8]) {
        let mask = u32::from_be_bytes(first(self.derive("mask", &[&seed.0])));
        (mask, first(self.derive("tag", &[&seed.0, &people.to_be_bytes()])))
    }

    fn derive(&self, name: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes a key of any length");
        mac.update(b"pratique/filler/v1/");
        mac.update(name.as_bytes());
        // Parts of one name have one length each, so that no two inputs read alike.
        mac.update(&[0]);
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

/// What a bundle is marked with by who has no secret.
pub(crate) fn blank(rng: &mut impl CryptoRng) -> FillerMark {
    let mut mark = FillerMark::default();
    rng.fill_bytes(&mut mark.0);
    mark
}

fn first<const N: usize>(bytes: [u8; 32]) -> [u8; N] {
    *bytes.first_chunk().expect("no more than 32 bytes are asked for")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_mark_is_opened_by_its_secret_alone() {
        let (mut rng, secret) = (StdRng::seed_from_u64(1), FillerSecret::new([7; 32]));
        for people in [0, 1, 72, u32::MAX] {
            let seed = FillerSeed::draw(&mut rng);
            let mark = secret.mark(seed, people);
            assert_eq!(secret.open(&mark), Some((seed, people)));
            assert_eq!(FillerSecret::new([8; 32]).open(&mark), None);
            for byte in 0..FillerMark::BYTES {
                let mut other = mark;
                other.0[byte] ^= 1;
                assert_eq!(secret.open(&other), None, "byte {byte}");
            }
            assert_eq!(secret.open(&blank(&mut rng)), None);
        }
    }

    #[test]
    fn marks_with_and_without_filler_look_alike() {
        let (mut rng, secret) = (StdRng::seed_from_u64(2), FillerSecret::new([7; 32]));
        // Of each byte, its mean over many marks of either sort: of random bytes it is 127.5, give or take.
        let marks = [0, 72].map(|people| {
            (0..2_000).map(|_| secret.mark(FillerSeed::draw(&mut rng), people)).collect::<Vec<FillerMark>>()
        });
        for of_sort in &marks {
            for byte in 0..FillerMark::BYTES {
                let mean = of_sort.iter().map(|mark| f64::from(mark.0[byte])).sum::<f64>() / 2_000.0;
                assert!((mean - 127.5).abs() < 10.0, "byte {byte}: {mean}");
            }
        }
    }

    #[test]
    fn every_key_is_another_and_the_same_again() {
        let (mut rng, secret) = (StdRng::seed_from_u64(3), FillerSecret::new([7; 32]));
        let (one, other) = (FillerSeed::draw(&mut rng), FillerSeed::draw(&mut rng));
        let keys = |secret: &FillerSecret| {
            let all = [one, other].into_iter().flat_map(|seed| (0..50).map(move |person| (seed, person)));
            all.flat_map(|(seed, person)| (0..16).map(move |slot| (seed, person, slot)))
                .map(|(seed, person, slot)| secret.key(seed, person, slot))
                .collect::<Vec<_>>()
        };
        let found: HashSet<_> = keys(&secret).into_iter().chain(keys(&FillerSecret::new([8; 32]))).collect();
        assert_eq!(found.len(), 2 * 2 * 50 * 16);
        assert_eq!(keys(&secret), keys(&secret.clone()));
    }

    #[test]
    fn a_secret_that_others_could_read_or_that_is_none_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(FillerSecret::read(directory.path()).expect("no file is no failure").is_none());
        let file = directory.path().join(FILLER_FILE);
        let write = |text: &str, mode| {
            fs::write(&file, text).expect("written");
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a mode");
            FillerSecret::read(directory.path())
        };
        let text = FillerSecret::draw_text(&mut StdRng::seed_from_u64(4));
        assert!(write(&text, 0o600).expect("read").is_some());
        assert!(write(&text, 0o640).expect_err("refused").to_string().contains("chmod 600"));
        for bad in ["", "00", &"g".repeat(64), &text.repeat(2)] {
            let refused = write(bad, 0o600).expect_err("refused").to_string();
            assert!(refused.contains("64 hexadecimal digits"), "{refused}");
        }
    }
}
