//! Every key of a directory, and whose turn it is. Private halves are read and shown to nobody.

use std::path::Path;

use proto::Timestamp;
use proto::bundle::{BundleSigner, SigningKeyId};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::schedule::read_turns;
use super::version::KeyFile;
use super::{KeyPurpose, kind_of};
use crate::error::ExportError;
use crate::pem_keyring::{read_private, schedule};

/// What a key is for at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// It signs what is sealed now.
    Current,
    /// It is announced, and will sign.
    Next,
    /// It signed, and signs what was sealed for it; one can go back to it.
    Standby,
    /// It never had a turn: a rotation was interrupted. Repeat it.
    Unused,
}

/// A key, as `keys list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyStanding {
    /// Whose key.
    pub region: String,
    /// `gaen`, `tcn` or `manifest`.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// `ID-VERSION`, as in bundles. Keys of manifests are known by themselves alone.
    pub key: Option<String>,
    /// What it is for now.
    pub state: KeyState,
    /// From when on it signs, in UTC seconds, if that was ever said.
    pub from: Option<i64>,
    /// SHA-256 of the public key (SubjectPublicKeyInfo, DER), in hex.
    pub spki_sha256: String,
    /// The name of the private key's file.
    pub file: String,
}

/// Every key of a directory, by region and use. `first` says what phones know a region's first key by.
///
/// # Errors
/// [`ExportError::GiveUp`] if a key cannot be read, others could read it, or a file of turns says what it should not.
pub fn list(
    dir: &Path,
    now: Timestamp,
    first: impl Fn(&proto::Region) -> Result<SigningKeyId, ExportError>,
) -> Result<Vec<KeyStanding>, ExportError> {
    if !dir.is_dir() {
        return Err(ExportError::GiveUp(format!("dir: {} is no directory", dir.display())));
    }
    let mut listed = Vec::new();
    for file in KeyFile::all(dir)? {
        let path = file.private(dir);
        let signer = BundleSigner::from_pem(kind_of(file.purpose), &read_private(&path)?);
        let signer = signer.map_err(|why| ExportError::GiveUp(format!("{}: {why}", path.display())))?;
        let (key, state, from) = match file.purpose {
            KeyPurpose::Manifest => (None, KeyState::Current, None),
            KeyPurpose::Bundle(kind) => {
                let first = first(&file.region)?;
                let mut id = first.clone();
                id.version = file.version.clone().unwrap_or(id.version);
                let turns = schedule(first, read_turns(dir, &file.region, kind)?)?;
                let (state, from) = standing(&turns, &id, now);
                (Some(id.to_string()), state, from)
            }
        };
        listed.push(KeyStanding {
            region: file.region.to_string(),
            usage: file.purpose.as_str(),
            key,
            state,
            from: from.map(Timestamp::unix),
            spki_sha256: hex::encode(Sha256::digest(signer.public_key().to_spki())),
            file: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        });
    }
    Ok(listed)
}

/// What a key is for, and when the turn began or begins that makes it so.
fn standing(turns: &crate::turns::Turns, id: &SigningKeyId, now: Timestamp) -> (KeyState, Option<Timestamp>) {
    let latest = |holds: &dyn Fn(Option<Timestamp>) -> bool| {
        turns.all().filter(|(key, from)| *key == id && holds(*from)).map(|(_, from)| from).last()
    };
    let past = latest(&|from| from.is_none_or(|from| from <= now));
    let coming = latest(&|from| from.is_some_and(|from| from > now));
    match (past, coming) {
        (Some(from), _) if turns.current(now) == id => (KeyState::Current, from),
        (_, Some(from)) => (KeyState::Next, from),
        (Some(from), None) => (KeyState::Standby, from),
        (None, None) => (KeyState::Unused, None),
    }
}
