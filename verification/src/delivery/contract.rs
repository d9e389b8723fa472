//! What every way of sending a text message promises.

use async_trait::async_trait;
use proto::Timestamp;
use zeroize::Zeroizing;

use super::delivered::Delivery;
use super::troubles::Trouble;
use crate::phone::PhoneNumber;

/// A text message on its way.
pub(crate) struct TextMessage<'a> {
    /// The same for every attempt to send the same code, whatever becomes of the service's secret meanwhile, and nothing that stands in a row: a receiver may drop what it has sent already.
    pub(crate) id: &'a str,
    /// Whose phone it goes to.
    pub(crate) to: &'a PhoneNumber,
    /// All of it.
    pub(crate) body: &'a str,
    /// When it is sent.
    pub(crate) sent_at: Timestamp,
}

/// What an attempt to send a message came to.
pub(crate) struct Attempt {
    /// For whoever asked.
    pub(crate) delivery: Delivery,
    /// For operators, and the error if there was one.
    pub(crate) trouble: Option<(Trouble, String)>,
}

/// What became of a wish to have a code sent.
pub(crate) enum Sent {
    /// The message was handed over, now or earlier, or nobody knows.
    Known(Delivery),
    /// It was written for the caller to send.
    Generated(Zeroizing<String>),
}

/// A way to send text messages.
///
/// `send` answers within the time-out of its settings, whatever the other side does, and never fails: what goes wrong is one of the three
/// outcomes. It tries once; whoever wants another attempt asks again with the same `id`. It follows no redirect, since that would carry
/// phone number, code and credentials to a host that nobody chose, and it writes nothing to the log: what went wrong is told with others' troubles.
#[async_trait]
pub(crate) trait Sender: Send + Sync {
    /// Sends a message, or finds out that it cannot.
    async fn send(&self, message: &TextMessage<'_>) -> Attempt;
}

impl Attempt {
    /// The provider has taken it over.
    pub(crate) const DELIVERED: Self = Self { delivery: Delivery::Delivered, trouble: None };
}
