//! What can go wrong in a pass, by what the caller can do about it.

use serde::Serialize;
use store::StoreError;

/// A failed step. What was done before it stays done; the next pass goes on from there.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExportError {
    /// Not now: a database, bucket or host that does not answer, or a read that did not give the frozen digest. Run again.
    #[error("{0}")]
    Retry(String),
    /// Running again will not help until somebody changes a setting, a key file or a right.
    #[error("{0}")]
    GiveUp(String),
    /// What is stored contradicts itself, or a foreign object stands under our name. Nothing was overwritten and nothing was signed; somebody
    /// has to look.
    #[error("corrupt: {0}")]
    Corrupt(String),
}

/// The three kinds, as they stand in reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// See [`ExportError::Retry`].
    Retry,
    /// See [`ExportError::GiveUp`].
    GiveUp,
    /// See [`ExportError::Corrupt`].
    Corrupt,
}

impl FailureKind {
    /// The exit code of a command whose worst failure it is: 1 if it is worth another try, 2 if somebody has to look.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Retry => 1,
            Self::GiveUp | Self::Corrupt => 2,
        }
    }
}

impl ExportError {
    /// Which of the three it is.
    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::Retry(_) => FailureKind::Retry,
            Self::GiveUp(_) => FailureKind::GiveUp,
            Self::Corrupt(_) => FailureKind::Corrupt,
        }
    }

    /// A file or directory that could not be read or written: disks fill up and come back, so it is worth another try.
    pub(crate) fn io(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::Retry(format!("{doing} {}: {error}", path.display()))
    }
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) => Self::Retry(error.to_string()),
            StoreError::NotReady(_) | StoreError::NotFound(_) | StoreError::Exists(_) => {
                Self::GiveUp(error.to_string())
            }
            StoreError::Corrupt(what) => Self::Corrupt(what.clone()),
            // What to type: first what says what would be done, then what does it.
            StoreError::BadEntry(bad) => Self::Corrupt(format!(
                "{bad}; {feed} stands still until it is set aside: exporter quarantine --feed {feed} --entry {entry} --dry-run, and then \
                 with --reason TEXT in place of --dry-run",
                feed = bad.feed,
                entry = bad.entry
            )),
        }
    }
}
