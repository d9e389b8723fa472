//! What operators did, for those who have to answer for it later.

use async_trait::async_trait;
use proto::Timestamp;

use crate::error::StoreError;

/// Something that an operator does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// When. It may be exact: an operator's act says nothing about when people report.
    pub at: Timestamp,
    /// What: the command, with `begun` or `done` behind it if it takes long; 1 to 64 characters.
    pub act: String,
    /// To what: JSON in the terms of the command.
    pub subject: String,
    /// What came of it: JSON, counts as a rule; `{}` if there is nothing to say.
    pub outcome: String,
    /// Why, in the operator's words: at most 500 characters, empty where no reason is asked for. Nothing about people belongs in here.
    pub reason: String,
    /// Who the operating system says it is.
    pub os_user: String,
}

/// Something that an operator did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAct {
    /// Rises with every act.
    pub number: u64,
    /// What it was.
    pub act: Act,
    /// Who the database says it was; empty in a file, which knows no users.
    pub database_user: String,
}

/// The audit: written by commands of operators, never changed, never deleted. The services' own roles neither read nor write it.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Writes an act down.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for what is longer than it may be, or no JSON.
    async fn record(&self, act: &Act) -> Result<(), StoreError>;

    /// The last `limit` acts, oldest first.
    async fn acts(&self, limit: u32) -> Result<Vec<RecordedAct>, StoreError>;
}
