//! Text messages: what is known of the one that carries a code, and how many were sent.

use async_trait::async_trait;
use proto::Timestamp;

use crate::error::StoreError;

/// What is known of the message that carried a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageState {
    /// It may have been sent.
    Unknown,
    /// It was sent.
    Delivered,
}

/// A number of messages that must not grow beyond a limit: to a phone, to a block of phones, or of an authority.
#[derive(Clone)]
pub struct Tally {
    /// By what it is known under each live secret, the current one first: that one counts, all of them are added up.
    pub digests: Vec<[u8; 32]>,
    /// How many there may be.
    pub limit: u32,
    /// When it begins anew; nothing is left of it then. A program whose clock is late ends none sooner than another has said.
    pub ends_at: Timestamp,
}

/// Whether a message was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountOutcome {
    /// It was, in every tally.
    Counted,
    /// It was not, in any: one or more are full.
    Full {
        /// When the last of these begins anew.
        until: Timestamp,
    },
}

/// Counts messages and remembers what became of them. Each method is one transaction.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Counts one message in every tally, or in none if one of them is full: however many come at the same time, no tally grows beyond its
    /// limit. The tallies are to be named in the same order of kinds each time.
    async fn count_message(&self, tallies: &[Tally], now: Timestamp) -> Result<CountOutcome, StoreError>;

    /// Takes back what was counted for a message that was not sent after all.
    async fn uncount_message(&self, tallies: &[Tally], now: Timestamp) -> Result<(), StoreError>;

    /// Whether the code that an authority issued under this uuid is known to have been delivered.
    async fn is_delivered(&self, authority: &str, uuid: [u8; 16]) -> Result<bool, StoreError>;

    /// Remembers what became of a code's message. What was delivered stays so; a code that is gone is none to remember. When it is first known to
    /// be delivered, [`Counters`](crate::Counters) count it, self-reports not.
    async fn record_delivery(
        &self,
        authority: &str,
        uuid: [u8; 16],
        state: MessageState,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Ends the life of a code whose message was refused, as [`Codes::expire`](crate::Codes::expire) does. Answers `false`, and changes
    /// nothing, if it is known to be delivered: another request for the same code got it through. Of this and
    /// [`record_delivery`](Self::record_delivery) at the same time, who comes second sees what the first has done.
    async fn expire_undelivered(&self, authority: &str, uuid: [u8; 16], now: Timestamp) -> Result<bool, StoreError>;
}

impl MessageState {
    /// `unknown` or `delivered`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Delivered => "delivered",
        }
    }
}

impl Tally {
    /// The digest that counts.
    pub(crate) fn current(&self) -> Result<&[u8; 32], StoreError> {
        self.digests.first().ok_or_else(|| StoreError::Corrupt("a tally without a digest".to_owned()))
    }
}
