//! What can go wrong outside of a request, by what the operator can do about it.

use proto::Malformed;
use store::StoreError;

/// The server cannot be opened or administered like this.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Something about an authority is not as it must be.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
