//! From refusals and failures to HTTP: the one place that knows which code has which status.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use proto::Malformed;
use proto::api::publish::PublishReply;
use proto::certificate::Disbelief;
use service::{Failed, Refused, Unheard};
use store::StoreError;

use crate::answer;
use crate::rules::{Refusal, Unrevisable};

/// Why a request is not answered with 200. Its text is for the sender: it names fields, never repeats their content, and gives an
/// attacker nothing to work with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// The request is not what it must be.
    #[error("{0}")]
    BadRequest(String),
    /// The upload wants to revise an earlier one, with a token that was not given out for it, or too long ago.
    #[error("revisionToken: was not given out by this server for this authority, or too long ago")]
    InvalidRevisionToken,
    /// It has the token, and may not say what it says.
    #[error("{0}")]
    Unrevisable(#[from] Unrevisable),
    /// Nobody registered an authority of this name.
    #[error("healthAuthorityID: is not known here")]
    UnknownAuthority,
    /// The certificate is not true, or not for this upload. The sender is not told which; the reason is ours.
    #[error("verificationPayload: is not a valid certificate for this upload")]
    NotBelieved(Unbelieved),
    /// Numbers are for the authority that signed the request for them, and this is not signed like that. The sender is not told why; the reason is
    /// ours.
    #[error("Authorization: must be Bearer with a stats token of a health authority")]
    Unauthorized(Disbelief),
    /// Nobody looked at what it asks for.
    #[error(transparent)]
    Unheard(#[from] Unheard),
    /// Nobody may report there without a certificate.
    #[error("reports without a certificate are not taken here")]
    SelfReportsOff,
    /// Bytes that were signed with another key, or not at all.
    #[error("signature: must verify under the report's rvk")]
    BadSignature,
    /// The work that is asked for was not done.
    #[error("{0}")]
    Unproven(#[from] Unproven),
    /// Too many come at once.
    #[error("too many reports; try again later")]
    Busy {
        /// When, in seconds.
        retry_after: u32,
    },
    /// The authority has no region in which to publish: for the operator to mend.
    #[error("healthAuthorityID: has no region")]
    MissingRegion,
    /// The store failed; nothing was stored, and the same request may be sent again.
    #[error("try again later")]
    Internal(StoreError),
}

/// Why a certificate is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unbelieved {
    /// It is not true.
    Certificate(Disbelief),
    /// It names a key that its authority does not have.
    UnknownKey,
    /// It names a key that was denied.
    DeniedKey,
    /// It is true, but for other keys or reports.
    Commitment,
}

/// Why a report without a certificate is not taken where work is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unproven {
    /// There is no proof of it.
    #[error("X-Proof-Of-Work: is asked for here, see /v1/challenge")]
    Missing,
    /// The challenge was not given out here, or the number does not solve it.
    #[error("X-Proof-Of-Work: does not hold for this report")]
    Invalid,
    /// The challenge was given out too long ago.
    #[error("X-Proof-Of-Work: the challenge has expired; ask for another")]
    Expired,
    /// The challenge was solved for another report before.
    #[error("X-Proof-Of-Work: the challenge is spent; ask for another")]
    Spent,
}

impl Problem {
    /// In how many seconds to try again, if that is known.
    const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Busy { retry_after } => Some(*retry_after),
            Self::Unheard(why) => why.retry_after(),
            _ => None,
        }
    }

    /// For programs: the codes of the Exposure Notifications API, and ours for what never reaches a handler.
    const fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::InvalidRevisionToken => "invalid_revision_token",
            Self::Unrevisable(Unrevisable::Already) => "key_already_revised",
            Self::Unrevisable(Unrevisable::Transition) => "invalid_report_type_transition",
            Self::UnknownAuthority => "unknown_health_authority_id",
            Self::NotBelieved(_) => "health_authority_verification_certificate_invalid",
            Self::Unauthorized(_) => "unauthorized",
            Self::Unheard(why) => why.code("bad_request"),
            Self::SelfReportsOff => "self_reports_off",
            Self::BadSignature => "report_signature_invalid",
            Self::Unproven(Unproven::Missing) => "proof_of_work_required",
            Self::Unproven(Unproven::Invalid) => "proof_of_work_invalid",
            Self::Unproven(Unproven::Expired) => "challenge_expired",
            Self::Unproven(Unproven::Spent) => "challenge_spent",
            Self::Busy { .. } => "too_many_requests",
            Self::MissingRegion => "health_authority_missing_region_config",
            Self::Internal(_) => "internal_error",
        }
    }
}

impl Problem {
    /// What is counted of it.
    const fn refused(&self) -> Refused {
        let reason = match self {
            Self::NotBelieved(why) => why.reason(),
            Self::Unauthorized(why) => Unbelieved::Certificate(*why).reason(),
            _ => "",
        };
        Refused { code: self.code(), reason }
    }

    /// What is logged of it: where somebody must act. Who uploaded what is not part of it.
    fn failed(&self) -> Option<Failed> {
        match self {
            Self::Internal(error) => Some(Failed(error.to_string())),
            Self::MissingRegion => Some(Failed("an authority has no region: add it again with --region".to_owned())),
            _ => None,
        }
    }
}

impl Unbelieved {
    /// For operators, who must be able to tell a clock that is wrong from a key that is missing.
    const fn reason(self) -> &'static str {
        match self {
            Self::Certificate(Disbelief::Malformed) => "malformed",
            Self::Certificate(Disbelief::Algorithm) => "algorithm",
            Self::Certificate(Disbelief::Signature) => "signature",
            Self::Certificate(Disbelief::Purpose) => "purpose",
            Self::Certificate(Disbelief::Issuer) => "issuer",
            Self::Certificate(Disbelief::Audience) => "audience",
            Self::Certificate(Disbelief::NotYetValid) => "not_yet_valid",
            Self::Certificate(Disbelief::Expired) => "expired",
            Self::Certificate(Disbelief::Life) => "life",
            Self::UnknownKey => "unknown_key",
            Self::DeniedKey => "denied_key",
            Self::Commitment => "commitment",
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::InvalidRevisionToken | Self::Unrevisable(_) => StatusCode::BAD_REQUEST,
            Self::UnknownAuthority | Self::NotBelieved(_) | Self::Unauthorized(_) | Self::BadSignature => {
                StatusCode::UNAUTHORIZED
            }
            Self::SelfReportsOff | Self::Unproven(_) => StatusCode::FORBIDDEN,
            Self::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unheard(why) => why.status(),
            Self::MissingRegion | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let (error, code) = (Some(self.to_string()), Some(self.code().to_owned()));
        let mut reply = answer::padded(self.status_code(), PublishReply { error, code, ..PublishReply::default() });
        if let Some(seconds) = self.retry_after() {
            reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        reply.extensions_mut().insert(self.refused());
        if let Some(failed) = self.failed() {
            reply.extensions_mut().insert(failed);
        }
        reply
    }
}

impl Responder for Problem {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}

impl From<Malformed> for Problem {
    fn from(malformed: Malformed) -> Self {
        Self::BadRequest(malformed.to_string())
    }
}

impl From<Refusal> for Problem {
    fn from(Refusal(sentence): Refusal) -> Self {
        Self::BadRequest(sentence)
    }
}

impl From<Unbelieved> for Problem {
    fn from(reason: Unbelieved) -> Self {
        Self::NotBelieved(reason)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Internal(error)
    }
}
