//! What an object store's refusal means, in words that repeat neither credentials nor what was signed with them.

use std::error::Error;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::ExportError;

/// The status of the store's answer, if there was one.
pub(super) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// A failed request as an error, by what the caller can do about it. `what` names the bucket and what was tried.
pub(super) fn failed<E>(what: &str, error: &SdkError<E>) -> ExportError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let said = format!("{what}: {}", told(error));
    // A connection that is too slow, and credentials that have just run out: another attempt has others. An answer without a code was cut short, or
    // is not the store's.
    let passing = matches!(error.code(), None | Some("RequestTimeout" | "ExpiredToken"));
    match (status(error), error) {
        (Some(400 | 401 | 403 | 404 | 405), _) if !passing => ExportError::GiveUp(said),
        // A name that cannot be built: no request was made.
        (None, SdkError::ConstructionFailure(_)) => ExportError::GiveUp(said),
        _ => ExportError::Retry(said),
    }
}

/// What the store said, or why it said nothing. Never the answer as a whole: stores repeat in it the id of the key and what was signed.
fn told<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match status(error) {
        Some(status) => {
            let code = error.code().unwrap_or("no code");
            let message = error.message().unwrap_or("the answer says no more");
            format!("HTTP {status}, {code}: {message}")
        }
        None => causes(error),
    }
}

/// An error and its causes, each once.
fn causes(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_said = cause.to_string();
        if !said.ends_with(&cause_said) {
            said.push_str(": ");
            said.push_str(&cause_said);
        }
        next = cause.source();
    }
    said
}
