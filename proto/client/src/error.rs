//! What can go wrong between a phone and its services, by what the phone can do about it.

use std::time::Duration;

use proto::Malformed;
use proto::bundle::NotSigned;

/// A call that did not succeed. No variant repeats a code, token, certificate or key.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answered, or the answer broke off. Repeat the call with the same arguments: nothing was burnt.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// The service is there but cannot serve now. Repeat the call, not before `retry_after` if it is given.
    #[error("the service is busy ({status} {code})")]
    Busy {
        /// The HTTP status: 429 or 5xx.
        status: u16,
        /// The documented code, empty if there was none.
        code: String,
        /// What the service asks for.
        retry_after: Option<Duration>,
    },
    /// The request was understood and refused; the same request will be refused again.
    #[error("refused ({status} {code}): {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The documented code, for instance `code_expired`; empty if there was none.
        code: String,
        /// The service's explanation, shortened.
        message: String,
    },
    /// What came back is not what the protocol promises: wait for the other side to be repaired.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
    /// More bytes than the caller's limit, or than the manifest says.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit that it exceeds.
        limit: u64,
    },
    /// No pinned key signed the bundle: do not use it.
    #[error(transparent)]
    NotSigned(#[from] NotSigned),
    /// The bundle is not the one that the index or the manifest lists: do not use it.
    #[error("not as listed: {0} differs")]
    NotAsListed(&'static str),
    /// Two signed manifests of one number differ: somebody shows different lists to different phones. Raise an alarm.
    #[error("two manifests with number {number} differ")]
    Forked {
        /// The number that both carry.
        number: u64,
    },
    /// A proof of work was not found: it was called off, or the challenge asks for too much. Nothing was sent.
    #[error("no proof of work: {0}")]
    Unsolved(&'static str),
    /// A setting of the app cannot be used: a URL, an API key, an upload of nothing.
    #[error("setting: {0}")]
    Setting(Malformed),
}

impl ClientError {
    /// Whether the same call may succeed later.
    pub const fn may_retry(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy { .. })
    }

    /// The documented code of a refusal, if that is what this is.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } | Self::Busy { code, .. } => Some(code),
            _ => None,
        }
    }
}
