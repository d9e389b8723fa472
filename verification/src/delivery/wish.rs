//! What somebody wants sent.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::contract::Delivery;
use super::courier::Courier;
use super::couriers::Couriers;
use crate::phone::PhoneNumber;
use crate::problem::Problem;

/// Why a code is sent. An authenticated message says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The authority's staff issued it.
    Issue,
    /// A person reports about themselves.
    UserReport,
}

/// A wish to have a code sent, by the rules of its authority.
pub(crate) struct Wish {
    /// Who carries it.
    pub(crate) courier: Arc<Courier>,
    /// Whose phone it goes to.
    pub(crate) to: PhoneNumber,
    /// Which of the authority's texts.
    pub(crate) label: String,
    /// Why.
    pub(crate) purpose: Purpose,
    /// Write it, but do not send it.
    pub(crate) only_generate: bool,
}

/// What became of a wish.
pub(crate) enum Sent {
    /// The message was handed over, now or earlier, or nobody knows.
    Known(Delivery),
    /// It was written for the caller to send.
    Generated(Zeroizing<String>),
}

impl Wish {
    /// A wish to send a code that staff issue. An empty label means the default text.
    pub(crate) fn to_issue(couriers: &Couriers, authority: &str, phone: &str, label: &str) -> Result<Self, Problem> {
        Self::parse(couriers, authority, phone, label, Purpose::Issue)
    }

    /// A wish to send a code to somebody who reports about themselves, with the text `user-report` if the authority has one.
    pub(crate) fn to_report(couriers: &Couriers, authority: &str, phone: &str) -> Result<Self, Problem> {
        Self::parse(couriers, authority, phone, "", Purpose::UserReport)
    }

    fn parse(
        couriers: &Couriers,
        authority: &str,
        phone: &str,
        label: &str,
        purpose: Purpose,
    ) -> Result<Self, Problem> {
        let courier = couriers.of(authority).ok_or(Problem::NO_TEXT_MESSAGES)?;
        let to = courier.recipient(phone)?;
        Ok(Self { courier, to, label: label.to_owned(), purpose, only_generate: false })
    }
}
