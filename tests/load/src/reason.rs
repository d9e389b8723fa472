//! Why something failed, in one of few words: labels of the results.

use client::ClientError;
use reqwest::StatusCode;

/// The codes of both services that a request of ours can meet.
const CODES: [&str; 28] = [
    "authority_disabled",
    "bad_request",
    "body_too_large",
    "code_expired",
    "code_invalid",
    "code_not_found",
    "health_authority_missing_region_config",
    "health_authority_verification_certificate_invalid",
    "hmac_invalid",
    "internal_error",
    "invalid_test_type",
    "maintenance_mode",
    "method_not_allowed",
    "missing_date",
    "not_found",
    "ohttp-key",
    "quota_exceeded",
    "request_timeout",
    "token_expired",
    "token_invalid",
    "too_many_attempts",
    "too_many_requests",
    "unauthorized",
    "unknown_health_authority_id",
    "unparsable_request",
    "unsupported_media_type",
    "unsupported_test_type",
    "uuid_already_exists",
];

/// The statuses that are worth a word of their own.
const STATUSES: [(u16, &str); 14] = [
    (400, "status_400"),
    (401, "status_401"),
    (403, "status_403"),
    (404, "status_404"),
    (405, "status_405"),
    (408, "status_408"),
    (413, "status_413"),
    (414, "status_414"),
    (415, "status_415"),
    (429, "status_429"),
    (500, "status_500"),
    (502, "status_502"),
    (503, "status_503"),
    (504, "status_504"),
];

/// The word for an error of a phone.
pub(crate) fn of_client(error: &ClientError) -> &'static str {
    match error {
        ClientError::Unreachable(why) if why == "timed out" => "timed_out",
        ClientError::Unreachable(why) if why == "cannot connect" => "cannot_connect",
        ClientError::Unreachable(_) => "broken_off",
        ClientError::Busy { status, code, .. } | ClientError::Refused { status, code, .. } => {
            of_code(code).unwrap_or_else(|| of_status(StatusCode::from_u16(*status).unwrap_or_default()))
        }
        ClientError::Malformed(_) => "malformed_answer",
        ClientError::TooLarge { .. } => "too_large",
        ClientError::NotSigned(_) => "not_signed",
        ClientError::NotAsListed(_) => "not_as_listed",
        ClientError::Forked { .. } => "two_manifests_of_one_number",
        ClientError::Unsolved(_) | ClientError::Setting(_) => "not_sent",
    }
}

/// The word for a status.
pub(crate) fn of_status(status: StatusCode) -> &'static str {
    let known = STATUSES.into_iter().find(|(known, _)| *known == status.as_u16());
    let class = match status.as_u16() {
        200..=299 => "status_2xx",
        300..=399 => "status_3xx",
        400..=499 => "status_4xx",
        _ => "status_5xx",
    };
    known.map_or(class, |(_, word)| word)
}

fn of_code(code: &str) -> Option<&'static str> {
    CODES.into_iter().find(|known| *known == code)
}
