//! What keeps a run from beginning, by what its owner can do about it.

use std::io;
use std::path::PathBuf;

use client::ClientError;

/// Nothing was loaded. No variant repeats a key.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A setting is missing or cannot be used: give another one.
    #[error("{field}: {why}")]
    Setting {
        /// The flag, as it is typed, and its variable if it has one.
        field: &'static str,
        /// What is allowed.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("{field}: {}: {source}", path.display())]
    File {
        /// The flag that names it.
        field: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A service did not say that it may be loaded. Start it with `--test-deployment`, if it is one that nobody depends on.
    #[error(
        "{service}: {why}; load aims at nothing that has not said that it may be loaded. If this is a test deployment, start verification and server with --test-deployment HOSTS"
    )]
    NotConfirmed {
        /// Which flag led there.
        service: &'static str,
        /// What it said instead.
        why: String,
    },
    /// The deployment is there and cannot be used as it is.
    #[error("{what}: {source}")]
    Deployment {
        /// What was asked of it.
        what: &'static str,
        /// What it said.
        source: ClientError,
    },
}

impl LoadError {
    /// A setting that will not do.
    pub(crate) fn setting(field: &'static str, why: impl Into<String>) -> Self {
        Self::Setting { field, why: why.into() }
    }
}
