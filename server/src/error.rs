//! What can go wrong outside of a request, by what the operator can do about it.

use std::path::PathBuf;

use proto::Malformed;
use service::secret_file::SecretFileError;
use store::StoreError;

use crate::key_sets::Unfetched;

/// The server cannot be opened or administered like this.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Something about an authority is not as it must be.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The secret under which challenges are sealed cannot be used.
    #[error("the challenge secret {}: {why}", path.display())]
    Secret {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file with a secret, or with the gateway's keys, is not as it must be.
    #[error(transparent)]
    KeyFile(#[from] SecretFileError),
    /// The keys that an authority publishes cannot be fetched.
    #[error("the keys cannot be fetched: {0}")]
    Unfetched(#[from] Unfetched),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
