//! What every way of sending a text message promises.

use async_trait::async_trait;
use proto::Timestamp;
use zeroize::Zeroizing;

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

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The provider has taken it over and is answerable for it from now on. Whether the phone is switched on is another matter.
    Delivered,
    /// The provider has said that it will not send it, and would say so again: the number is none, the account is closed. Nobody got it.
    Refused,
    /// Nobody knows: no answer in time, one that says "later" or "I have had this already" (409), or one that cannot be read. It may have been sent; it may be sent again.
    Unknown,
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
/// phone number, code and credentials to a host that nobody chose, and it writes neither number nor text nor credentials to the log.
#[async_trait]
pub(crate) trait Sender: Send + Sync {
    /// Sends a message, or finds out that it cannot.
    async fn send(&self, message: &TextMessage<'_>) -> Delivery;
}

impl Delivery {
    /// As the API says it. What was refused is said as a refusal, not with this.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}
