//! Requests that are refused before anybody looks at what they ask for.

use actix_web::http::StatusCode;

/// Why a request was not heard. The text is for people: it says what the request must be and never repeats what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// Nobody lives there.
    #[error("no such path")]
    UnknownPath,
    /// The path exists, for another method.
    #[error("this path takes another method")]
    WrongMethod,
    /// The body is longer than any route reads.
    #[error("the body must be at most 64000 bytes")]
    TooLarge,
    /// The body was not all there in time.
    #[error("the body must arrive within 30 seconds, and not drop by drop")]
    TooSlow,
    /// The connection broke, or the body is not encoded as it says.
    #[error("the body ended early")]
    EndedEarly,
    /// The body is not JSON by its own account.
    #[error("Content-Type: must be application/json")]
    NotJson,
    /// A limit was reached. Which one is not for callers to know.
    #[error("too many requests; Retry-After says in how many seconds to try again")]
    TooMany {
        /// In how many seconds, at least 1.
        retry_after: u32,
    },
    /// What was sealed is no request.
    #[error("the sealed message must be a request in Binary HTTP")]
    NotBinaryHttp,
}

impl Unheard {
    /// The status of the refusal.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::EndedEarly | Self::NotBinaryHttp => StatusCode::BAD_REQUEST,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// In how many seconds to try again, if that is known.
    pub const fn retry_after(self) -> Option<u32> {
        match self {
            Self::TooMany { retry_after } => Some(retry_after),
            _ => None,
        }
    }

    /// For programs. The Exposure Notifications API names none of these but the broken message, for which each of its halves has a code of
    /// its own: `malformed`.
    pub const fn code(self, malformed: &'static str) -> &'static str {
        match self {
            Self::UnknownPath => "not_found",
            Self::WrongMethod => "method_not_allowed",
            Self::TooLarge => "body_too_large",
            Self::TooSlow => "request_timeout",
            Self::EndedEarly | Self::NotBinaryHttp => malformed,
            Self::NotJson => "unsupported_media_type",
            Self::TooMany { .. } => "too_many_requests",
        }
    }
}
