//! The files that an authority's settings come from.

use std::fs;
use std::path::{Path, PathBuf};

use service::FileStamp;
use zeroize::Zeroizing;

use super::fields::Secret;
use super::outgoing::{Outgoing, OutgoingSettings};
use crate::error::VerificationError;
use crate::secret_file;

/// Files that were read, or were to be, each as it was looked at before. Paths are relative to the delivery directory.
pub(super) struct Sources {
    dir: PathBuf,
    read: Vec<(PathBuf, FileStamp)>,
}

impl Sources {
    /// None yet.
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), read: Vec::new() }
    }

    /// Where a file is that the settings name.
    pub(super) fn path(&self, name: &Path) -> PathBuf {
        self.dir.join(name)
    }

    /// Reads a file that nobody else may read.
    pub(super) fn secret(&mut self, name: &Path) -> Result<Zeroizing<String>, VerificationError> {
        secret_file::read(&self.note(name))
    }

    fn public(&mut self, name: &Path) -> Result<Vec<u8>, VerificationError> {
        let path = self.note(name);
        fs::read(&path).map_err(|cause| VerificationError::File { path, cause })
    }

    /// A secret from the settings, or from the file that they name.
    pub(super) fn key(&mut self, key: &Secret) -> Result<Zeroizing<String>, VerificationError> {
        match key {
            Secret::Here(secret) => Ok(secret.clone()),
            Secret::In(name) => Ok(Zeroizing::new(self.secret(name)?.trim().to_owned())),
        }
    }

    /// A provider that can be asked.
    pub(super) fn outgoing(&mut self, settings: &OutgoingSettings) -> Result<Outgoing, VerificationError> {
        let ca = settings.ca_file.as_deref().map(|name| self.public(name)).transpose()?;
        Ok(Outgoing::open(settings, ca.as_deref())?)
    }

    /// Whether all of them are as they were.
    pub(super) fn are_current(&self) -> bool {
        self.read.iter().all(|(path, stamp)| FileStamp::of(path) == *stamp)
    }

    fn note(&mut self, name: &Path) -> PathBuf {
        let path = self.path(name);
        self.read.push((path.clone(), FileStamp::of(&path)));
        path
    }
}
