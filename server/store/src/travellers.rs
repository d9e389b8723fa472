//! Feeds that take the keys of people who travelled.

use async_trait::async_trait;
use proto::{Feed, Kind};

use crate::error::StoreError;

/// What a feed takes beside what its region's authorities send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPolicy {
    /// Which feed.
    pub feed: Feed,
    /// Whether it takes the keys of people who travelled, whichever authority certified them.
    pub travellers: bool,
}

/// Says which feeds take travellers.
#[async_trait]
pub trait Travellers: Send + Sync {
    /// All feeds by path, each with what it takes.
    async fn feed_policies(&self) -> Result<Vec<FeedPolicy>, StoreError>;

    /// Lets a feed take travellers or not, from now on. What waits or is sealed there stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown feed.
    async fn set_travellers(&self, feed: &Feed, travellers: bool) -> Result<(), StoreError>;
}

/// Those of some feeds that take travellers, of one kind.
pub fn for_travellers(policies: Vec<FeedPolicy>, kind: Kind) -> impl Iterator<Item = Feed> {
    policies.into_iter().filter(move |policy| policy.travellers && policy.feed.kind == kind).map(|policy| policy.feed)
}
