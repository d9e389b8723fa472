//! C2SP signed notes (c2sp.org/signed-note), Ed25519: a text, a blank line, one signature line a key.

use crate::error::Malformed;

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
    pub fn new(_name: &str, _key: ed25519_dalek::SigningKey) -> Result<Self, Malformed> {
        todo!()
    }

    /// Signs `text`, which ends with a line feed.
    ///
    /// # Errors
    /// `note` if the text has no final line feed or holds control characters.
    pub fn sign(&self, _text: &str) -> Result<String, Malformed> {
        let _ = &self.key;
        todo!()
    }

    /// The public half.
    pub fn verifier(&self) -> NoteVerifier {
        NoteVerifier { name: self.name.clone(), key: self.key.verifying_key() }
    }
}

/// Checks notes.
#[derive(Debug, Clone)]
pub struct NoteVerifier {
    name: String,
    key: ed25519_dalek::VerifyingKey,
}

impl NoteVerifier {
    /// A verifier for `name` with an Ed25519 `SubjectPublicKeyInfo` PEM.
    ///
    /// # Errors
    /// `note name` or `public_key`.
    pub fn from_pem(_name: &str, _pem: &str) -> Result<Self, Malformed> {
        todo!()
    }

    /// The key as PEM.
    pub fn to_pem(&self) -> String {
        todo!()
    }

    /// The text of a note with a good signature of ours; signatures of others are ignored, a bad one of ours is refused.
    ///
    /// # Errors
    /// `note`, and why.
    pub fn open<'n>(&self, _note: &'n [u8]) -> Result<&'n str, Malformed> {
        let _ = (&self.name, &self.key);
        todo!()
    }
}
