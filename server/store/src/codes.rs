//! Codes, tokens and certificates: the contract of the verification database.

use async_trait::async_trait;

use crate::error::StoreError;

/// The verification database.
#[async_trait]
pub trait CodeStore: Send + Sync {
    /// Answers if the database does.
    async fn ping(&self) -> Result<(), StoreError>;
}
