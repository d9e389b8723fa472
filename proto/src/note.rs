//! C2SP signed notes (c2sp.org/signed-note), Ed25519: a text, a blank line, one signature line a key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::ed25519::signature::Signer;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey};
use sha2::{Digest, Sha256};

use crate::error::Malformed;

/// The byte that stands for Ed25519 in a key id (C2SP signed-note, "Signature types").
const ED25519: u8 = 1;
/// Before a signature line's name: an em dash and a space.
const SIGNATURE: &str = "— ";
/// A note has at most this many signature lines.
const MAX_SIGNATURES: usize = 100;

/// Signs notes under a name.
pub struct NoteSigner {
    name: String,
    key: ed25519_dalek::SigningKey,
}

impl NoteSigner {
    /// A signer. The name has no white space and no plus sign.
    ///
    /// # Errors
    /// `note name`.
    pub fn new(name: &str, key: ed25519_dalek::SigningKey) -> Result<Self, Malformed> {
        Ok(Self { name: check_name(name)?, key })
    }

    /// A signer for `name` with an Ed25519 PKCS #8 PEM.
    ///
    /// # Errors
    /// `note name` or `private_key`.
    pub fn from_pem(name: &str, pem: &str) -> Result<Self, Malformed> {
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(pem);
        Self::new(name, key.map_err(|_| Malformed::new("private_key", "must be PKCS #8 PEM: Ed25519"))?)
    }

    /// Signs `text`, which ends with a line feed.
    ///
    /// # Errors
    /// `note` if the text has no final line feed or holds control characters.
    pub fn sign(&self, text: &str) -> Result<String, Malformed> {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        assemble(text, &self.name, &[(self.key.verifying_key(), signature)])
    }

    /// The public half.
    pub fn verifier(&self) -> NoteVerifier {
        NoteVerifier { name: self.name.clone(), keys: vec![self.key.verifying_key()] }
    }
}

/// A note of `text` with signatures that were made elsewhere, by a KMS for instance: each is Ed25519 over the bytes of the text. Several keys may
/// sign under one name; a reader that knows one of them is content.
///
/// # Errors
/// `note name` or `note`.
pub fn assemble(
    text: &str,
    name: &str,
    signatures: &[(ed25519_dalek::VerifyingKey, [u8; 64])],
) -> Result<String, Malformed> {
    check_text(text)?;
    let name = check_name(name)?;
    let mut note = format!("{text}\n");
    for (key, signature) in signatures {
        let signature = [&key_id(&name, key)[..], signature].concat();
        note.push_str(&format!("{SIGNATURE}{name} {}\n", STANDARD.encode(signature)));
    }
    Ok(note)
}

/// Checks notes.
#[derive(Debug, Clone)]
pub struct NoteVerifier {
    name: String,
    /// Any of them will do; none is there twice.
    keys: Vec<ed25519_dalek::VerifyingKey>,
}

impl NoteVerifier {
    /// A verifier for `name` with an Ed25519 `SubjectPublicKeyInfo` PEM.
    ///
    /// # Errors
    /// `note name` or `public_key`.
    pub fn from_pem(name: &str, pem: &str) -> Result<Self, Malformed> {
        let key = ed25519_dalek::VerifyingKey::from_public_key_pem(pem);
        let key = key.map_err(|_| Malformed::new("public_key", "must be the PEM of an Ed25519 key"))?;
        Self::new(name, vec![key])
    }

    /// A verifier for `name` that is content with a signature of any of `keys`.
    ///
    /// # Errors
    /// `note name`, or `public_key` if there is none.
    pub fn new(name: &str, mut keys: Vec<ed25519_dalek::VerifyingKey>) -> Result<Self, Malformed> {
        keys.sort_by_key(ed25519_dalek::VerifyingKey::to_bytes);
        keys.dedup();
        if keys.is_empty() {
            return Err(Malformed::new("public_key", "must be at least one"));
        }
        Ok(Self { name: check_name(name)?, keys })
    }

    /// The same, content with a signature of another's keys as well: while a key is being replaced, an app pins the old one and the new one.
    ///
    /// # Errors
    /// `note name` if the other one is for another name.
    pub fn or(self, other: Self) -> Result<Self, Malformed> {
        if self.name != other.name {
            return Err(Malformed::new("note name", "must be the same for keys that replace each other"));
        }
        Self::new(&self.name, [self.keys, other.keys].concat())
    }

    /// The name under which notes must be signed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Each key as PEM.
    pub fn to_pems(&self) -> Vec<String> {
        let pem = |key: &ed25519_dalek::VerifyingKey| key.to_public_key_pem(LineEnding::LF);
        self.keys.iter().map(|key| pem(key).expect("a public key of fixed length always encodes")).collect()
    }

    /// The text of a note with a good signature of one of our keys; signatures of others are ignored, a bad one of ours is refused.
    ///
    /// # Errors
    /// `note`, and why.
    pub fn open<'n>(&self, note: &'n [u8]) -> Result<&'n str, Malformed> {
        let note = std::str::from_utf8(note).map_err(|_| malformed("must be UTF-8"))?;
        // The text may hold blank lines itself: the last one ends it.
        let end = note.rfind("\n\n").ok_or_else(|| malformed("must have a blank line before its signatures"))?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        check_text(text)?;
        let lines = lines.strip_suffix('\n').ok_or_else(|| malformed("must end with a line feed"))?;
        let mut ours = 0;
        for (position, line) in lines.split('\n').enumerate() {
            if position == MAX_SIGNATURES {
                return Err(malformed("must not have more than 100 signatures"));
            }
            let (name, id, signature) = read_signature(line)?;
            let known = self.keys.iter().find(|key| name == self.name && id == key_id(&self.name, key));
            if let Some(key) = known {
                check(key, text, &signature)?;
                ours += 1;
            }
        }
        if ours == 0 { Err(malformed("must be signed by the expected key")) } else { Ok(text) }
    }
}

fn check(key: &ed25519_dalek::VerifyingKey, text: &str, signature: &[u8]) -> Result<(), Malformed> {
    let signature = ed25519_dalek::Signature::from_slice(signature);
    let good = signature.is_ok_and(|signature| key.verify_strict(text.as_bytes(), &signature).is_ok());
    if good { Ok(()) } else { Err(malformed("must have a good signature")) }
}

/// Name, key id and signature of a signature line.
fn read_signature(line: &str) -> Result<(&str, [u8; 4], Vec<u8>), Malformed> {
    let unreadable = || malformed("must have well-formed signature lines");
    let (name, encoded) = line.strip_prefix(SIGNATURE).and_then(|rest| rest.split_once(' ')).ok_or_else(unreadable)?;
    check_name(name)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| unreadable())?;
    let (id, signature) = bytes.split_first_chunk().filter(|(_, rest)| !rest.is_empty()).ok_or_else(unreadable)?;
    Ok((name, *id, signature.to_vec()))
}

/// The first four bytes of SHA-256 over name, line feed, signature type and public key.
fn key_id(name: &str, key: &ed25519_dalek::VerifyingKey) -> [u8; 4] {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', ED25519]).chain_update(key.as_bytes()).finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

fn check_name(name: &str) -> Result<String, Malformed> {
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+') {
        return Err(Malformed::new("note name", "must have no white space, control character or plus sign"));
    }
    Ok(name.to_owned())
}

fn check_text(text: &str) -> Result<(), Malformed> {
    if !text.ends_with('\n') {
        return Err(malformed("must have a text that ends with a line feed"));
    }
    if text.contains(|c: char| c < ' ' && c != '\n') {
        return Err(malformed("must not hold control characters"));
    }
    Ok(())
}

fn malformed(reason: &'static str) -> Malformed {
    Malformed::new("note", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use signed_note::{Note, StandardVerifier, VerifierList};

    const NAME: &str = "pratique/NO";

    fn signer(seed: u8) -> NoteSigner {
        NoteSigner::new(NAME, ed25519_dalek::SigningKey::from_bytes(&[seed; 32])).expect("a good name")
    }

    /// The public key as the independent implementation spells it: name, key id in hex, then type and key in base64.
    fn foreign_key(signer: &NoteSigner) -> String {
        let key = signer.key.verifying_key();
        let encoded = STANDARD.encode([&[ED25519][..], key.as_bytes()].concat());
        format!("{NAME}+{}+{encoded}", hex::encode(key_id(NAME, &key)))
    }

    proptest! {
        #[test]
        fn an_independent_implementation_opens_our_notes(text in "[ -~\\n]{0,80}\\n") {
            let signer = signer(1);
            let note = signer.sign(&text).expect("clean text");
            let foreign = Note::from_bytes(note.as_bytes()).expect("a note");
            let known = StandardVerifier::new(&foreign_key(&signer)).expect("a key");
            foreign.verify(&VerifierList::new(vec![Box::new(known)])).expect("verifies");
            prop_assert_eq!(foreign.text(), text.as_bytes());
        }

        #[test]
        fn we_open_notes_of_an_independent_implementation(text in "[ -~\\n]{0,80}\\n", seed: u8) {
            let ours = signer(seed);
            let secret = STANDARD.encode([&[ED25519][..], ours.key.as_bytes()].concat());
            let id = hex::encode(key_id(NAME, &ours.key.verifying_key()));
            let key = signed_note::StandardSigner::new(&format!("PRIVATE+KEY+{NAME}+{id}+{secret}")).expect("a key");
            let mut foreign = Note::new(text.as_bytes(), &[]).expect("clean text");
            foreign.add_sigs(&[&key]).expect("signs");
            let note = foreign.to_bytes();
            prop_assert_eq!(ours.verifier().open(&note), Ok(text.as_str()));
        }

        #[test]
        fn no_bytes_are_too_strange_to_refuse(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(signer(1).verifier().open(&bytes).is_err());
        }
    }

    #[test]
    fn any_changed_byte_of_a_note_is_refused() {
        let note = signer(1).sign("a line\n\nanother\n").expect("clean text").into_bytes();
        for position in 0..note.len() {
            for flip in [0x01, 0x20, 0x80, 0xFF] {
                let mut changed = note.clone();
                changed[position] ^= flip;
                assert!(signer(1).verifier().open(&changed).is_err(), "byte {position} ^ {flip:#x}");
            }
        }
    }

    #[test]
    fn signatures_of_others_are_ignored_and_a_bad_one_of_ours_is_refused() {
        let text = "text\n";
        let (ours, other) = (signer(1), signer(2));
        let line = |note: &str| note.lines().last().expect("a signature").to_owned();
        let our_note = ours.sign(text).expect("clean text");
        let other_line = line(&other.sign(text).expect("clean text"));
        let both = format!("{our_note}{other_line}\n");
        assert_eq!(ours.verifier().open(both.as_bytes()), Ok(text));
        assert_eq!(other.verifier().open(both.as_bytes()), Ok(text));
        assert!(other.verifier().open(our_note.as_bytes()).is_err());

        let elsewhere = line(&ours.sign("another\n").expect("clean text"));
        let with_a_bad_one = format!("{our_note}{elsewhere}\n");
        assert!(ours.verifier().open(with_a_bad_one.as_bytes()).is_err());
    }

    #[test]
    fn while_a_key_is_replaced_a_reader_of_either_opens_the_note() {
        let (old, new, stranger) = (signer(1), signer(2), signer(3));
        let text = "text\n";
        let sign = |signer: &NoteSigner| (signer.key.verifying_key(), signer.key.sign(text.as_bytes()).to_bytes());
        let note = assemble(text, NAME, &[sign(&old), sign(&new)]).expect("a note");
        for signer in [&old, &new] {
            assert_eq!(signer.verifier().open(note.as_bytes()), Ok(text));
        }
        assert!(stranger.verifier().open(note.as_bytes()).is_err());

        // An app that pins both reads the notes of the old key alone, of both, and of the new key alone.
        let both = old.verifier().or(new.verifier()).expect("one name");
        for note in [old.sign(text), new.sign(text), Ok(note.clone())] {
            assert_eq!(both.open(note.expect("a note").as_bytes()), Ok(text));
        }
        assert!(both.open(stranger.sign(text).expect("a note").as_bytes()).is_err());
        // One of ours that is bad spoils the note, whatever the others are worth.
        let (_, elsewhere) = sign(&stranger);
        let spoilt = assemble(text, NAME, &[sign(&old), (new.key.verifying_key(), elsewhere)]).expect("a note");
        assert!(both.open(spoilt.as_bytes()).is_err());
        assert_eq!(old.verifier().open(spoilt.as_bytes()), Ok(text));

        let foreign = Note::from_bytes(note.as_bytes()).expect("a note");
        for signer in [&old, &new] {
            let known = StandardVerifier::new(&foreign_key(signer)).expect("a key");
            foreign.verify(&VerifierList::new(vec![Box::new(known)])).expect("an independent reader opens it too");
        }
    }

    #[test]
    fn a_key_signs_under_its_name_alone() {
        let note = signer(1).sign("text\n").expect("clean text");
        let verifier = NoteVerifier::from_pem("pratique/SE", &signer(1).verifier().to_pems()[0]).expect("a verifier");
        assert!(verifier.open(note.as_bytes()).is_err());
        let again = NoteVerifier::from_pem(NAME, &signer(1).verifier().to_pems()[0]).expect("a verifier");
        assert_eq!(again.open(note.as_bytes()), Ok("text\n"));
    }

    #[test]
    fn a_text_that_cannot_be_a_note_is_not_signed() {
        for text in ["", "no line feed", "tab\there\n", "return\r\n", "zero\0\n"] {
            assert_eq!(signer(1).sign(text).expect_err(text).field, "note");
        }
        for name in ["", "two words", "a+b", "a\u{a0}b", "a\nb"] {
            let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
            assert!(NoteSigner::new(name, key).is_err(), "{name}");
        }
    }
}
