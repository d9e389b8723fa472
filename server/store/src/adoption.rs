//! After a restore: taking over from the buckets what the database has forgotten.

use async_trait::async_trait;
use proto::{Feed, Timestamp};

use crate::error::StoreError;

/// What a feed stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedStanding {
    /// The number of its newest index and manifest; 0 before the first seal or announcement.
    pub number: u64,
    /// The sequence that its next bundle gets.
    pub next_sequence: u64,
    /// The end of its newest bundle, and so the start of the next one.
    pub last_end: Timestamp,
    /// The lowest number whose listing can still be told.
    pub oldest_number: u64,
}

/// Takes over what buckets know and the database does not.
#[async_trait]
pub trait Adoptions: Send + Sync {
    /// What a feed stands at.
    async fn standing(&self, feed: &Feed) -> Result<FeedStanding, StoreError>;
}
