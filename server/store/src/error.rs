//! What can go wrong in a store, by what the caller can do about it.

use crate::bad_entry::BadEntry;

/// A failed operation. Nothing of it took effect, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or not now: try again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The database does not exist or is of another version: run `migrate`.
    #[error("the database is not ready: {0}")]
    NotReady(String),
    /// What was named does not exist.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// What was to be created exists already, with other content.
    #[error("{0} exists already")]
    Exists(&'static str),
    /// A row breaks an invariant: stop and look; never sign.
    #[error("corrupt: {0}")]
    Corrupt(String),
    /// A key or report breaks an invariant. Nothing was sealed or read; [`set it aside`](crate::Quarantine) and its feed goes on.
    #[error("corrupt: {0}")]
    BadEntry(Box<BadEntry>),
}
