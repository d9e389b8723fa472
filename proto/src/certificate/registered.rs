//! The claims that say by whom, for whom and when, whatever else a JWT says (RFC 7519, section 4.1).

use serde::{Deserialize, Serialize};

use super::disbelief::Disbelief;
use crate::interval::Timestamp;

/// `nbf` lies this many seconds before `iat`: phones and servers whose clocks differ a little agree all the same.
pub(super) const NOT_BEFORE_MARGIN: i64 = 5;
/// Clocks of issuer and verifier may differ by this many seconds.
const LEEWAY: i64 = 60;

/// What a JWT is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// `iss` must be this.
    pub issuer: &'a str,
    /// `aud` must be this, or an array that contains it.
    pub audience: &'a str,
    /// The time of the check.
    pub now: Timestamp,
}

/// They themselves.
pub(super) struct Registered<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a Audience,
    pub(super) issued_at: NumericDate,
    pub(super) not_before: Option<NumericDate>,
    pub(super) expires_at: NumericDate,
}

impl Registered<'_> {
    /// Issuer, audience and times, in this order: `nbf` and `iat` are not in the future, `exp` not in the past.
    pub(super) fn check(&self, expected: &Expected<'_>) -> Result<(), Disbelief> {
        if self.issuer != expected.issuer {
            return Err(Disbelief::Issuer);
        }
        if !self.audience.contains(expected.audience) {
            return Err(Disbelief::Audience);
        }
        let issued_at = self.issued_at.moment();
        let begins = self.not_before.map_or(issued_at, |nbf| nbf.moment().max(issued_at));
        if begins > expected.now.plus(LEEWAY) {
            return Err(Disbelief::NotYetValid);
        }
        // RFC 7519, section 4.1.4: "on or after" the expiration time it is not accepted.
        if self.expires_at.moment() <= expected.now.plus(-LEEWAY) {
            return Err(Disbelief::Expired);
        }
        Ok(())
    }
}

/// `aud`: one string, or several of which one counts (RFC 7519, section 4.1.3).
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    /// Whether the certificate is meant for `audience`.
    pub(super) fn contains(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Several(several) => several.iter().any(|one| one == audience),
        }
    }
}

/// A time in seconds, possibly with a fraction (RFC 7519, section 2, "NumericDate"); the fraction is dropped.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "serde_json::Number", into = "i64")]
pub(super) struct NumericDate(i64);

impl NumericDate {
    /// The moment that is meant.
    pub(super) const fn moment(self) -> Timestamp {
        Timestamp::from_unix(self.0)
    }
}

impl From<Timestamp> for NumericDate {
    fn from(moment: Timestamp) -> Self {
        Self(moment.unix())
    }
}

impl From<NumericDate> for i64 {
    fn from(date: NumericDate) -> Self {
        date.0
    }
}

impl TryFrom<serde_json::Number> for NumericDate {
    type Error = &'static str;

    fn try_from(number: serde_json::Number) -> Result<Self, Self::Error> {
        if let Some(whole) = number.as_i64() {
            return Ok(Self(whole));
        }
        // Beyond 2^53 a double no longer holds every second; no date of ours lies there.
        let seconds = number.as_f64().filter(|seconds| seconds.abs() < 9e15);
        seconds.map(|seconds| Self(seconds.floor() as i64)).ok_or("must be a time in seconds")
    }
}
