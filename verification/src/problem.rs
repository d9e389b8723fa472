//! From refusals and failures to HTTP: the one place that knows which code has which status.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use proto::api::verification::Refusal;
use proto::{Malformed, Timestamp};
use service::{Failed, Refused, Unheard};
use store::{Day, StoreError};

use crate::error::VerificationError;

/// The code of a request that cannot be read.
const UNPARSABLE: &str = "unparsable_request";
/// How long to wait for the end of maintenance, in seconds: nobody knows when that is.
const MAINTENANCE_RETRY: i64 = 300;

/// Why a request is not answered with 200. Its text names fields, says what they must be, and never repeats what they were.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    text: Cow<'static, str>,
    /// In how many seconds to ask again.
    retry_after: Option<i64>,
    /// What somebody must see to, for the log; senders are not told.
    cause: Option<String>,
}

/// The codes of the Exposure Notifications API, and after them those of ours for what it does not name.
impl Problem {
    pub(crate) const MISSING_DATE: Self =
        Self::bad_request("missing_date", "symptomDate, testDate: this authority wants at least one of them");
    pub(crate) const INVALID_TEST_TYPE: Self =
        Self::bad_request("invalid_test_type", "testType: must be confirmed, likely, negative or user-report");
    pub(crate) const INVALID_ACCEPT: Self =
        Self::bad_request("invalid_test_type", "accept: must name confirmed, likely, negative or user-report");
    pub(crate) const NO_SELF_REPORTS: Self =
        Self::bad_request("unsupported_test_type", "this authority takes no self-reports");
    pub(crate) const MISSING_NONCE: Self =
        Self::bad_request("missing_nonce", "nonce: must be 256 random bytes in base64");
    pub(crate) const MISSING_PHONE: Self =
        Self::bad_request("missing_phone", "phone: must be the number that the code is to be sent to");
    pub(crate) const TRY_LATER: Self = Self::new(
        StatusCode::CONFLICT,
        "user_report_try_later",
        "phone: waits for the code of another self-report; try again when that was claimed or has expired",
    );
    pub(crate) const CANNOT_ISSUE: Self =
        Self::bad_request("unsupported_test_type", "testType: user-report is not for the authority to issue");
    pub(crate) const NOT_ACCEPTED: Self = Self::new(
        StatusCode::PRECONDITION_FAILED,
        "unsupported_test_type",
        "accept: the code is of a type that the app does not accept; it was not used up",
    );
    pub(crate) const NO_TEXT_MESSAGES: Self = Self::bad_request(
        "sms_failure",
        "phone, onlyGenerateSMS: this authority sends no text messages; issue without them and hand the code over",
    );
    pub(crate) const MESSAGE_REFUSED: Self = Self::bad_request(
        "sms_failure",
        "phone: the text message was refused, so the code was expired; look at the number, or hand over another code",
    );
    pub(crate) const PHONE_INVALID: Self = Self::bad_request(
        "phone_number_invalid",
        "phone: must be a phone number of a country that this authority sends text messages to",
    );
    pub(crate) const UUID_EXISTS: Self = Self::new(
        StatusCode::CONFLICT,
        "uuid_already_exists",
        "uuid: was used for another request, or its code was claimed or has expired",
    );
    pub(crate) const CODE_INVALID: Self = Self::bad_request("code_invalid", "code: is not known, or was used");
    pub(crate) const CODE_EXPIRED: Self = Self::bad_request("code_expired", "code: has expired; ask for another");
    pub(crate) const CODE_NOT_FOUND: Self =
        Self::new(StatusCode::NOT_FOUND, "code_not_found", "uuid: no code was issued under it, or it is forgotten");
    pub(crate) const CODE_CLAIMED: Self =
        Self::bad_request("code_invalid", "uuid: its code was claimed, so there is nothing left to expire");
    pub(crate) const TOKEN_INVALID: Self = Self::bad_request("token_invalid", "token: is not known");
    pub(crate) const TOKEN_EXPIRED: Self = Self::bad_request("token_expired", "token: has expired, or was used");
    pub(crate) const HMAC_INVALID: Self = Self::bad_request("hmac_invalid", "ekeyhmac: must be 32 bytes in base64");

    pub(crate) const UNAUTHORIZED: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "X-API-Key: must be a live key of the kind that this path is for",
    );
    pub(crate) const AUTHORITY_DISABLED: Self =
        Self::new(StatusCode::FORBIDDEN, "authority_disabled", "this authority does not take part at present");
    pub(crate) const NO_SUCH_AUTHORITY: Self = Self::new(StatusCode::NOT_FOUND, "not_found", "no such authority");
    pub(crate) const INTERNAL: Self = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "try again later");

    /// Something that somebody must see to. Senders hear that they may try again, operators when the step ends.
    pub(crate) fn internal(cause: &str) -> Self {
        Self { cause: Some(cause.to_owned()), ..Self::INTERNAL }
    }

    /// A request that cannot be read, or a field without a code of its own.
    pub(crate) fn unparsable(field: &'static str, reason: &str) -> Self {
        Self::from(Malformed::new(field, reason.to_owned()))
    }

    /// More codes than one request may issue.
    pub(crate) fn too_many_codes(limit: usize) -> Self {
        Self::unparsable("codes", &format!("must be at most {limit}"))
    }

    /// The authority has issued as many codes as it may in a day, which ends at midnight UTC.
    pub(crate) fn quota_exceeded(now: Timestamp) -> Self {
        let tomorrow = Day::containing(now).plus(1).start();
        let text = "the authority's daily quota is used up; it is renewed at midnight UTC";
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "quota_exceeded", text);
        Self { retry_after: Some(tomorrow.unix() - now.unix()), ..refusal }
    }

    /// A day that does not count.
    pub(crate) fn invalid_date(field: &'static str) -> Self {
        let text = format!("{field}: must be an ISO 8601 date, not in the future and at most 28 days ago");
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "invalid_date",
            text: text.into(),
            retry_after: None,
            cause: None,
        }
    }

    /// Wrong codes that came too often, until the hour ends in so many seconds. Which budget is spent is not for callers to know.
    pub(crate) fn too_many_attempts(seconds: i64) -> Self {
        let text = "code: not looked up, since too many wrong ones were tried; Retry-After says in how many seconds to try again";
        let refused = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", text);
        Self { retry_after: Some(seconds), ..refused }
    }

    /// Text messages that were too many, until so many seconds are over. Nothing was issued.
    pub(crate) fn too_many_messages(seconds: i64) -> Self {
        let text = "phone: too many text messages were sent, to this number, to ones like it, for this network, or by this authority; Retry-After \
                    says in how many seconds to try again";
        let refused = Self::new(StatusCode::TOO_MANY_REQUESTS, "quota_exceeded", text);
        Self { retry_after: Some(seconds), ..refused }
    }

    /// The service writes nothing at present.
    pub(crate) fn maintenance() -> Self {
        let text = "the service is being looked after; Retry-After says in how many seconds to try again";
        let refused = Self::new(StatusCode::TOO_MANY_REQUESTS, "maintenance_mode", text);
        Self { retry_after: Some(MAINTENANCE_RETRY), ..refused }
    }

    /// What is said about it.
    pub(crate) fn refusal(&self) -> Refusal {
        Refusal {
            error: self.text.clone().into_owned(),
            error_code_camel: self.code.to_owned(),
            error_code: self.code.to_owned(),
            ..Refusal::default()
        }
    }

    /// Adds to a reply what stands beside its body: when to ask again, if that is known, and for operators what was refused or failed.
    pub(crate) fn label(&self, mut reply: HttpResponse) -> HttpResponse {
        if let Some(seconds) = self.retry_after {
            reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        let mut extensions = reply.extensions_mut();
        extensions.insert(Refused { code: self.code, reason: "" });
        if let Some(cause) = &self.cause {
            extensions.insert(Failed(cause.clone()));
        }
        drop(extensions);
        reply
    }

    const fn bad_request(code: &'static str, text: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, text)
    }

    const fn new(status: StatusCode, code: &'static str, text: &'static str) -> Self {
        Self { status, code, text: Cow::Borrowed(text), retry_after: None, cause: None }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.label(service::padded(self.status, self.refusal()))
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
        let text = malformed.to_string().into();
        Self { status: StatusCode::BAD_REQUEST, code: UNPARSABLE, text, retry_after: None, cause: None }
    }
}

impl From<Unheard> for Problem {
    fn from(why: Unheard) -> Self {
        let retry_after = why.retry_after().map(i64::from);
        Self {
            status: why.status(),
            code: why.code(UNPARSABLE),
            text: why.to_string().into(),
            retry_after,
            cause: None,
        }
    }
}

/// For those who ask without HTTP: there is no reply that could tell operators.
impl From<Problem> for VerificationError {
    fn from(problem: Problem) -> Self {
        if let Some(cause) = &problem.cause {
            tracing::error!(error = cause, "what was asked for could not be done");
        }
        Self::Refused { code: problem.code, text: problem.text }
    }
}

/// The phone only hears that it may try again.
impl From<VerificationError> for Problem {
    fn from(error: VerificationError) -> Self {
        Self { cause: Some(error.to_string()), ..Self::INTERNAL }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        VerificationError::from(error).into()
    }
}
