//! What can go wrong outside of a request, by what the operator can do about it.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use proto::Malformed;
use store::StoreError;

/// The service cannot be opened or administered like this.
#[derive(Debug, thiserror::Error)]
pub enum VerificationError {
    /// A file with a secret or a key cannot be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Others than its owner may read a file with a secret.
    #[error("{}: others may read this file; run chmod 600 on it", .0.display())]
    Exposed(PathBuf),
    /// A file does not hold what it should.
    #[error("{}: {reason}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        reason: &'static str,
    },
    /// An authority has no key that signs now.
    #[error("authority {0} has no signing key; run verification keys generate --authority {0}")]
    NoSigningKey(String),
    /// A request that the API would refuse, too.
    #[error("{text} ({code})")]
    Refused {
        /// For programs, as in the API: `missing_date`.
        code: &'static str,
        /// For people.
        text: Cow<'static, str>,
    },
    /// Something about an authority is not as it must be.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
