//! How one authority sends text messages: its settings, read and ready.

use zeroize::Zeroizing;

use proto::Timestamp;

use super::contract::{Delivery, Sender, TextMessage};
use super::wish::Purpose;
use crate::issued::Issued;
use crate::phone::PhoneNumber;
use crate::problem::Problem;

/// How one authority sends text messages.
pub(crate) struct Courier {
    sender: Box<dyn Sender>,
}

impl Courier {
    /// Reads a phone number that this authority may send to.
    pub(crate) fn recipient(&self, phone: &str) -> Result<PhoneNumber, Problem> {
        PhoneNumber::parse(phone, None).map_err(|_| Problem::PHONE_INVALID)
    }

    /// Writes the message that carries a code.
    pub(crate) fn compose(
        &self,
        _label: &str,
        _purpose: Purpose,
        _to: &PhoneNumber,
        _issued: &Issued,
        _now: Timestamp,
    ) -> Zeroizing<String> {
        Zeroizing::new(String::new())
    }

    /// Sends it.
    pub(crate) async fn send(&self, message: &TextMessage<'_>) -> Delivery {
        self.sender.send(message).await
    }
}
