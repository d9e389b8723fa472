//! The live secrets of the service: the current one, under which rows are written, and older ones, which still open what they wrote.

use std::path::Path;

use rand::CryptoRng;
use store::Peppered;
use zeroize::Zeroizing;

use crate::error::VerificationError;
use crate::phone::PhoneNumber;
use crate::secret::{PhonePurpose, Secret};
use crate::secret_file;

/// More live secrets than rows could need: each look-up tries all of them, and a row lives three days at most.
const MOST: usize = 8;

/// The live secrets, the current one first.
pub(crate) struct Secrets {
    current: Secret,
    older: Vec<Secret>,
}

impl Secrets {
    /// Reads a secret file: one secret a line, the current one first, readable by its owner alone.
    pub(crate) fn read(path: &Path) -> Result<Self, VerificationError> {
        Self::parse(path, &secret_file::read(path)?)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, VerificationError> {
        let refused = |reason| VerificationError::Content { path: path.to_owned(), reason };
        let live: Option<Vec<Secret>> = lines(text).map(Secret::parse).collect();
        let mut live = live.unwrap_or_default().into_iter();
        let Some(current) = live.next() else {
            return Err(refused(
                "must hold 32 bytes in hexadecimal or base64 on each line; verification secret create writes one",
            ));
        };
        let older: Vec<_> = live.collect();
        if older.len() >= MOST {
            return Err(refused(
                "holds more than 8 secrets; verification secret rotate drops those that nothing needs",
            ));
        }
        let secrets = Self { current, older };
        let repeated = secrets.live().enumerate().any(|(at, secret)| secrets.find(secret.pepper()) != Some(at));
        if repeated { Err(refused("holds a secret twice")) } else { Ok(secrets) }
    }

    /// Draws a secret and writes it into a new file.
    pub(crate) fn create(path: &Path, rng: &mut impl CryptoRng) -> Result<(), VerificationError> {
        secret_file::create(path, &written(&[&Secret::draw(rng)]))
    }

    /// Draws a secret, makes it the current one, and drops those of the older ones that `needed` does not name. Answers how many are live now.
    /// Whoever reads the file meanwhile finds it as it was or as it will be.
    pub(crate) fn rotate(path: &Path, needed: &[String], rng: &mut impl CryptoRng) -> Result<usize, VerificationError> {
        let drawn = Secret::draw(rng);
        secret_file::replace(path, |text| Self::put_first(path, &drawn, text, needed))
    }

    /// The text of the file with `drawn` as its first line, and how many lines it has.
    fn put_first(
        path: &Path,
        drawn: &str,
        text: &str,
        needed: &[String],
    ) -> Result<(Zeroizing<String>, usize), VerificationError> {
        let before = Self::parse(path, text)?;
        // Rows may be on their way under the one that was current until now, whatever the database says of it.
        let is_kept = |at: usize, secret: &Secret| at == 0 || needed.iter().any(|name| name == secret.pepper());
        let kept = lines(text).zip(before.live()).enumerate().filter(|(at, (_, secret))| is_kept(*at, secret));
        let live: Vec<&str> = [drawn].into_iter().chain(kept.map(|(_, (line, _))| line)).collect();
        if live.len() > MOST {
            let reason = "holds 8 secrets that codes or tokens still need; rotate again when these have expired";
            return Err(VerificationError::Content { path: path.to_owned(), reason });
        }
        Ok((written(&live), live.len()))
    }

    /// The secret under which rows are written.
    pub(crate) fn current(&self) -> &Secret {
        &self.current
    }

    /// The live secret with this name.
    pub(crate) fn get(&self, pepper: &str) -> Option<&Secret> {
        self.live().find(|secret| secret.pepper() == pepper)
    }

    /// By what a code is found under each live secret, the current one first.
    pub(crate) fn code_digests(&self, authority: &str, text: &str) -> Vec<Peppered> {
        self.live().map(|secret| secret.code_digest(authority, text)).collect()
    }

    /// By what a code is found that is bound to a phone's nonce, the same way.
    pub(crate) fn bound_code_digests(&self, authority: &str, text: &str, nonce: &[u8]) -> Vec<Peppered> {
        self.live().map(|secret| secret.bound_code_digest(authority, text, nonce)).collect()
    }

    /// By what a repeated issue request is known, the same way.
    pub(crate) fn request_digests(&self, request: &[u8]) -> Vec<Peppered> {
        self.live().map(|secret| secret.request_digest(request)).collect()
    }

    /// By what a phone is known, the same way.
    pub(crate) fn phone_digests(&self, purpose: PhonePurpose, authority: &str, number: &PhoneNumber) -> Vec<Peppered> {
        self.live().map(|secret| secret.phone_digest(purpose, authority, number)).collect()
    }

    /// By what an authority's messages are counted, the same way.
    pub(crate) fn tally_digests(&self, authority: &str) -> Vec<Peppered> {
        self.live().map(|secret| secret.tally_digest(authority)).collect()
    }

    /// By what the messages are counted that a network's phones ask for, the same way.
    pub(crate) fn network_digests(&self, authority: &str, prefix: &[u8]) -> Vec<Peppered> {
        self.live().map(|secret| secret.network_digest(authority, prefix)).collect()
    }

    fn live(&self) -> impl Iterator<Item = &Secret> {
        [&self.current].into_iter().chain(&self.older)
    }

    fn find(&self, pepper: &str) -> Option<usize> {
        self.live().position(|secret| secret.pepper() == pepper)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn written(secrets: &[&str]) -> Zeroizing<String> {
    Zeroizing::new(secrets.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written_file(secrets: &[&str]) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        secret_file::create(&path, &written(secrets)).expect("written");
        (dir, path)
    }

    fn names(path: &Path) -> Vec<String> {
        let secrets = Secrets::read(path).expect("read");
        secrets.live().map(|secret| secret.pepper().to_owned()).collect()
    }

    #[test]
    fn the_first_line_is_current_and_all_are_live() {
        let (_dir, path) = written_file(&[&"0a".repeat(32), "", "  ", &"0b".repeat(32)]);
        let [new, old] = ["0a", "0b"].map(|byte| Secret::parse(&byte.repeat(32)).expect("a secret"));
        let secrets = Secrets::read(&path).expect("read");
        assert_eq!(secrets.current().pepper(), new.pepper());
        assert_eq!(secrets.get(old.pepper()).expect("live").pepper(), old.pepper());
        assert!(secrets.get("another").is_none());
        let digests = secrets.code_digests("no", "12345678");
        assert!(digests == [new.code_digest("no", "12345678"), old.code_digest("no", "12345678")]);
        let digests = secrets.request_digests(b"request");
        assert!(digests == [new.request_digest(b"request"), old.request_digest(b"request")]);
    }

    #[test]
    fn a_file_that_does_not_hold_secrets_is_refused() {
        let nine: Vec<String> = (0..9).map(|number| format!("{number:02x}").repeat(32)).collect();
        let nine: Vec<&str> = nine.iter().map(String::as_str).collect();
        assert_eq!(names(&written_file(&nine[..8]).1).len(), 8);
        for secrets in [&[""][..], &["0a"], &[&"0a".repeat(32), "0b"], &[nine[0], nine[1], nine[0]], &nine] {
            let (_dir, path) = written_file(secrets);
            assert!(matches!(Secrets::read(&path), Err(VerificationError::Content { .. })), "{secrets:?}");
        }
    }

    #[test]
    fn a_rotation_keeps_what_is_needed_and_what_was_current() {
        let rng = &mut store::chance::source();
        let (_dir, path) = written_file(&[&"0a".repeat(32), &"0b".repeat(32), &"0c".repeat(32)]);
        let before = names(&path);
        assert_eq!(Secrets::rotate(&path, &before[2..], rng).expect("rotated"), 3);
        let after = names(&path);
        assert_eq!(after[1..], [before[0].clone(), before[2].clone()]);
        assert!(!before.contains(&after[0]));
        assert_eq!(Secrets::rotate(&path, &[], rng).expect("rotated"), 2);
        assert_eq!(names(&path)[1..], after[..1]);
    }

    #[test]
    fn a_rotation_never_drops_what_is_needed() {
        let rng = &mut store::chance::source();
        let (_dir, path) = written_file(&[&"0a".repeat(32)]);
        for count in 2..=MOST {
            assert_eq!(Secrets::rotate(&path, &names(&path), rng).expect("rotated"), count);
        }
        let before = names(&path);
        assert!(matches!(Secrets::rotate(&path, &before, rng), Err(VerificationError::Content { .. })));
        assert_eq!(names(&path), before);
    }
}
