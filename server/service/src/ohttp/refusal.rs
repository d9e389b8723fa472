//! Envelopes that are not opened. These answers are not sealed: there is no secret to seal them with.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use proto::api::padding::{Padded, to_padded_json};
use proto::ohttp::Unopened;
use serde::Serialize;

use super::gateway::SEALED_REPLY_BYTES;
use crate::unheard::Unheard;

/// The type of a problem with a key (RFC 9458, section 5.3): fetch the keys again, seal the request anew.
const KEY_PROBLEM: &str = "https://iana.org/assignments/http-problem-types#ohttp-key";
/// The type of a problem that its status says all of (RFC 9457, section 4.2.1).
const PLAIN_PROBLEM: &str = "about:blank";

/// Why an envelope is not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It was not read.
    #[error("{}", explain(*.0))]
    Unheard(Unheard),
    /// It is said to be something else.
    #[error("Content-Type: must be message/ohttp-req")]
    NotSealed,
    /// It cannot be opened.
    #[error(transparent)]
    Unopened(#[from] Unopened),
}

/// RFC 9457, with room to fill up.
#[derive(Clone, Serialize)]
struct ProblemDetails {
    r#type: &'static str,
    title: String,
    status: u16,
    padding: String,
}

impl Padded for ProblemDetails {
    fn padding_mut(&mut self) -> &mut String {
        &mut self.padding
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unheard(why) => why.status(),
            Self::NotSealed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unopened(_) => StatusCode::BAD_REQUEST,
        }
    }

    const fn problem_type(&self) -> &'static str {
        match self {
            Self::Unopened(Unopened::Malformed(_)) | Self::Unheard(_) | Self::NotSealed => PLAIN_PROBLEM,
            // What cannot be opened may have been sealed to a key whose id another has now.
            Self::Unopened(_) => KEY_PROBLEM,
        }
    }

    /// As long as every reply of the gateway.
    pub(super) fn reply(&self) -> HttpResponse {
        let status = self.status();
        let (title, code) = (self.to_string(), status.as_u16());
        let details = ProblemDetails { r#type: self.problem_type(), title, status: code, padding: String::new() };
        let body = to_padded_json(details, SEALED_REPLY_BYTES);
        let mut reply = HttpResponse::build(status);
        if let Self::Unheard(why) = self
            && let Some(seconds) = why.retry_after()
        {
            reply.insert_header((RETRY_AFTER, seconds));
        }
        reply.content_type("application/problem+json").insert_header((CACHE_CONTROL, "no-store")).body(body)
    }
}

/// The limit of an envelope is not that of a body.
fn explain(why: Unheard) -> String {
    match why {
        Unheard::TooLarge => "the sealed request must be at most 72000 bytes".to_owned(),
        other => other.to_string(),
    }
}
