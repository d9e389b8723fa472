//! The one error of this crate.

use std::borrow::Cow;

/// Bytes or text that are not what they claim to be: which field, and why.
///
/// The reason never repeats the input, so that it may be logged and sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Malformed {
    /// The field as the specification spells it, for instance `rollingPeriod`.
    pub field: &'static str,
    /// What is wrong with it, as a phrase: `must be 1 to 144`.
    pub reason: Cow<'static, str>,
}

impl Malformed {
    /// Names a field and says what is wrong with it.
    pub fn new(field: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { field, reason: reason.into() }
    }
}
