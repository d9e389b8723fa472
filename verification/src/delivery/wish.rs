//! What somebody wants sent.

use std::sync::Arc;

use proto::Timestamp;
use service::{Caller, Prefix};
use zeroize::Zeroizing;

use super::courier::Courier;
use super::couriers::Couriers;
use super::purpose::Purpose;
use crate::issued::Issued;
use crate::phone::PhoneNumber;
use crate::problem::Problem;

/// A wish to have a code sent, by the rules of its authority.
pub(crate) struct Wish {
    /// Who carries it.
    pub(crate) courier: Arc<Courier>,
    /// Whose phone it goes to.
    pub(crate) to: PhoneNumber,
    /// Which of the authority's texts; empty for the one that goes with the purpose.
    label: String,
    /// Why.
    pub(crate) purpose: Purpose,
    /// Write it, but do not send it.
    pub(crate) only_generate: bool,
    /// The network of the phone that asks for itself; none for staff, and none behind a relay, which speaks for many.
    pub(crate) network: Option<Prefix>,
}

impl Wish {
    /// A wish to send a code that staff issue, or to have only its text. An empty label means the default text.
    pub(crate) fn to_issue(
        couriers: &Couriers,
        authority: &str,
        phone: &str,
        label: &str,
        only_generate: bool,
    ) -> Result<Self, Problem> {
        let wish = Self::parse(couriers, authority, phone, Purpose::Issue)?;
        if !label.is_empty() && !wish.courier.has_template(label) {
            return Err(Problem::unparsable("smsTemplateLabel", "must be the label of a text that this authority has"));
        }
        Ok(Self { label: label.to_owned(), only_generate, ..wish })
    }

    /// A wish to send a code to somebody who reports about themselves, with the text `user-report` if the authority has one.
    pub(crate) fn to_report(couriers: &Couriers, authority: &str, phone: &str) -> Result<Self, Problem> {
        Self::parse(couriers, authority, phone, Purpose::UserReport)
    }

    /// The same wish, of a phone that calls from there.
    pub(crate) fn called_by(self, caller: &Caller) -> Self {
        let network = match caller {
            Caller::Prefix(prefix) => Some(*prefix),
            Caller::Relay(_) => None,
        };
        Self { network, ..self }
    }

    /// The text that carries a code.
    pub(crate) fn compose(&self, issued: &Issued, now: Timestamp) -> Zeroizing<String> {
        self.courier.compose(&self.label, self.purpose, &self.to, issued, now)
    }

    fn parse(couriers: &Couriers, authority: &str, phone: &str, purpose: Purpose) -> Result<Self, Problem> {
        let courier = couriers.of(authority).ok_or(Problem::NO_TEXT_MESSAGES)?;
        let to = courier.recipient(phone).map_err(|_| Problem::PHONE_INVALID)?;
        Ok(Self { courier, to, label: String::new(), purpose, only_generate: false, network: None })
    }
}
