//! What becomes of text messages.

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Delivery {
    /// The provider has taken it over and is answerable for it from now on. Whether the phone is switched on is another matter.
    Delivered,
    /// The provider has said that it will not send it, and would say so again: the number is none, the account is closed. Nobody got it.
    Refused,
    /// Nobody knows: no answer in time, one that says "later" or "I have had this already" (409), or one that cannot be read. It may have been sent; it may be sent again.
    Unknown,
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
