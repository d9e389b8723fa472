//! Replacing a key by another one, announced first; and going back to one that is there.
//!
//! Files are written in an order that lets an interrupted rotation be finished by repeating it: private key, public key, and at last the turn, which
//! is what makes the key the next one.

use std::path::{Path, PathBuf};

use proto::bundle::SigningKeyId;
use proto::{Kind, Region, Timestamp};

use super::schedule::{VersionTurn, read_turns, turns_file, write_turns};
use super::version::{KeyFile, is_version};
use super::{KeyPurpose, make};
use crate::error::ExportError;
use crate::pem_keyring::read_private;

/// The shortest announcement that reaches phones, in seconds: as long as a bundle is listed, so that whoever still finds the first bundle of the new
/// key was online while the key was announced.
pub const MINIMUM_OVERLAP: i64 = store::LISTED_FOR;
/// Turns begin on a full hour, which leaves more time than any cache keeps a manifest.
const GRAIN: i64 = 3_600;

/// Whose keys, where, and what time it is.
#[derive(Debug, Clone, Copy)]
pub struct Rotating<'a> {
    /// The directory of keys.
    pub dir: &'a Path,
    /// Whose keys.
    pub region: &'a Region,
    /// What phones know the first key by.
    pub first: &'a SigningKeyId,
    /// The time now.
    pub now: Timestamp,
}

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// What the key signs.
    pub purpose: KeyPurpose,
    /// Its version.
    pub version: String,
    /// From when on it signs; none of a manifest key, which signs from the next pass on, beside the others.
    pub takes_over: Option<Timestamp>,
    /// The files that were written.
    pub files: Vec<PathBuf>,
}

/// Makes the next key for each of `purposes`, which takes over in `overlap` seconds or up to an hour later. All of them or none begin.
///
/// # Errors
/// [`ExportError::GiveUp`] if one has no key yet, if a rotation of it is pending, or if the version is in use or none; [`ExportError::Retry`] if a file
/// cannot be written.
pub fn rotate(
    rotating: &Rotating<'_>,
    purposes: &[KeyPurpose],
    overlap: i64,
    version: Option<&str>,
) -> Result<Vec<Rotated>, ExportError> {
    let mut planned = Vec::with_capacity(purposes.len());
    for &purpose in purposes {
        planned.push(rotating.plan(purpose, version)?);
    }
    let takes_over = rotating.now.plus(overlap).ceil(GRAIN);
    planned.into_iter().map(|(key, turns)| rotating.begin(key, turns, takes_over)).collect()
}

/// Gives the turn to a key that is there already, in `overlap` seconds or at once, and to no other: what was planned is planned no more.
///
/// # Errors
/// [`ExportError::GiveUp`] if there is no such key, or it is its turn anyway and nothing else is planned; [`ExportError::Retry`] if the file cannot be
/// written.
pub fn rotate_to(
    rotating: &Rotating<'_>,
    kinds: &[Kind],
    overlap: i64,
    version: &str,
) -> Result<Vec<Rotated>, ExportError> {
    let mut planned = Vec::with_capacity(kinds.len());
    for &kind in kinds {
        planned.push((kind, rotating.plan_return(kind, overlap, version)?));
    }
    let write = |(kind, turns): (Kind, Vec<VersionTurn>)| {
        write_turns(rotating.dir, rotating.region, kind, &turns)?;
        let takes_over = turns.last().filter(|turn| turn.version == version).map_or(rotating.now, |turn| turn.from);
        let files = vec![turns_file(rotating.dir, rotating.region, kind)];
        let purpose = KeyPurpose::Bundle(kind);
        Ok(Rotated { purpose, version: version.to_owned(), takes_over: Some(takes_over), files })
    };
    planned.into_iter().map(write).collect()
}

impl Rotating<'_> {
    /// The key to be made and the turns before it, if it may be made.
    fn plan(&self, purpose: KeyPurpose, version: Option<&str>) -> Result<(KeyFile, Vec<VersionTurn>), ExportError> {
        let files = self.files(purpose)?;
        let turns = match purpose {
            KeyPurpose::Bundle(kind) => self.turns(kind)?,
            KeyPurpose::Manifest => Vec::new(),
        };
        if let Some(pending) = turns.iter().find(|turn| turn.from > self.now) {
            return Err(self.refused(purpose, &format!(
                "version {} is announced and takes over at {}: one rotation at a time. To call it off, give the turn back with --to",
                pending.version,
                pending.from.unix()
            )));
        }
        // A version that is there and has no turn was left by a rotation that was interrupted; this one finishes it. Manifest keys have no turns.
        let mut used: Vec<&str> = vec![&self.first.version];
        used.extend(turns.iter().map(|turn| turn.version.as_str()));
        if purpose == KeyPurpose::Manifest {
            used.extend(
                files.iter().filter(|file| file.public(self.dir).exists()).filter_map(|file| file.version.as_deref()),
            );
        }
        let version = match version {
            Some(version) => version.to_owned(),
            None => following(&used).ok_or_else(|| {
                self.refused(
                    purpose,
                    "versions are not called v1, v2 and so on: say what the next one is called with --version",
                )
            })?,
        };
        if used.contains(&version.as_str()) || !is_version(&version) {
            return Err(self.refused(
                purpose,
                &format!("version: {version} is in use, or none: 1 to 16 letters, digits, '.' and '_'"),
            ));
        }
        Ok((KeyFile { region: self.region.clone(), purpose, version: Some(version) }, turns))
    }

    fn begin(&self, key: KeyFile, mut turns: Vec<VersionTurn>, from: Timestamp) -> Result<Rotated, ExportError> {
        let mut files = make(self.dir, &key)?;
        let (purpose, version) = (key.purpose, key.version.unwrap_or_default());
        let KeyPurpose::Bundle(kind) = purpose else {
            return Ok(Rotated { purpose, version, takes_over: None, files });
        };
        // A turn that lies ahead of this machine's clock would have been refused as pending.
        turns.push(VersionTurn { version: version.clone(), from });
        write_turns(self.dir, self.region, kind, &turns)?;
        files.push(turns_file(self.dir, self.region, kind));
        Ok(Rotated { purpose, version, takes_over: Some(from), files })
    }

    /// The turns after going back to a version.
    fn plan_return(&self, kind: Kind, overlap: i64, version: &str) -> Result<Vec<VersionTurn>, ExportError> {
        let purpose = KeyPurpose::Bundle(kind);
        let known = |file: &KeyFile| file.version.as_ref().unwrap_or(&self.first.version) == version;
        if !self.files(purpose)?.iter().any(known) {
            return Err(self.refused(
                purpose,
                &format!("to: there is no key of version {version}; `keys list` shows those that there are"),
            ));
        }
        let before = self.turns(kind)?;
        let mut turns: Vec<VersionTurn> = before.iter().filter(|turn| turn.from <= self.now).cloned().collect();
        let current = turns.last().map_or(&self.first.version, |turn| &turn.version);
        if current != version {
            let earliest = turns.last().map_or(self.now, |last| last.from.plus(1));
            turns.push(VersionTurn { version: version.to_owned(), from: self.now.plus(overlap).max(earliest) });
        }
        match turns == before {
            true => Err(self.refused(purpose, &format!("to: it is the turn of {version} already"))),
            false => Ok(turns),
        }
    }

    /// The keys that are there, which nobody else may read. There must be one.
    fn files(&self, purpose: KeyPurpose) -> Result<Vec<KeyFile>, ExportError> {
        let files = KeyFile::of(self.dir, self.region, purpose)?;
        for file in &files {
            read_private(&file.private(self.dir))?;
        }
        match files.is_empty() {
            true => Err(self.refused(purpose, "there is no key yet; make it with: exporter keys generate")),
            false => Ok(files),
        }
    }

    fn turns(&self, kind: Kind) -> Result<Vec<VersionTurn>, ExportError> {
        read_turns(self.dir, self.region, kind)
    }

    fn refused(&self, purpose: KeyPurpose, why: &str) -> ExportError {
        ExportError::GiveUp(format!("{} {}: {why}", self.region, purpose.as_str()))
    }
}

/// The version after the highest of v1, v2 and so on; none if one is called otherwise.
fn following(used: &[&str]) -> Option<String> {
    let numbers: Option<Vec<u32>> = used.iter().map(|version| version.strip_prefix('v')?.parse().ok()).collect();
    Some(format!("v{}", numbers?.into_iter().max()?.checked_add(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_counted() {
        assert_eq!(following(&["v1"]).as_deref(), Some("v2"));
        assert_eq!(following(&["v9", "v10", "v2"]).as_deref(), Some("v11"));
        assert_eq!(following(&["v1", "2027"]), None);
        assert_eq!(following(&["v4294967295"]), None);
    }
}
