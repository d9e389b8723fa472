//! Answers of one size: whatever is said, 4,096 bytes of JSON with the same header names.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use proto::api::padding::{REPLY_BYTES, to_padded_json};
use proto::api::publish::PublishReply;

use crate::rules::Verdict;

/// What stands where a text was cut.
const CUT: &str = "...";

/// The answer to an upload that was believed. `insertedExposures` counts the good entries of the body, whether or not they were known
/// before, and whether or not their report type has them stored: that is all that a repeat may be told as well.
pub(crate) fn verdict<T>(verdict: Verdict<T>) -> HttpResponse {
    padded(StatusCode::OK, reply(verdict))
}

/// The same, with what a later revision must present: whatever was uploaded, and whatever became of it.
pub(crate) fn revisable<T>(verdict: Verdict<T>, token: String) -> HttpResponse {
    padded(StatusCode::OK, PublishReply { revision_token: Some(token), ..reply(verdict) })
}

fn reply<T>(verdict: Verdict<T>) -> PublishReply {
    let error = verdict.complaint();
    PublishReply {
        inserted_exposures: Some(verdict.accepted.len()),
        code: error.as_ref().map(|_| "partial_failure".to_owned()),
        error,
        warnings: verdict.warnings,
        ..PublishReply::default()
    }
}

/// A reply of [`REPLY_BYTES`] bytes.
pub(crate) fn padded(status: StatusCode, mut reply: PublishReply) -> HttpResponse {
    fit(&mut reply);
    service::padded(status, reply)
}

/// Drops warnings from the end and then cuts the error, until the reply fits.
fn fit(reply: &mut PublishReply) {
    loop {
        let excess = to_padded_json(reply.clone(), 0).len().saturating_sub(REPLY_BYTES);
        if excess == 0 {
            return;
        }
        if reply.warnings.pop().is_none() {
            let error = reply.error.take().unwrap_or_default();
            let keep = error.len().saturating_sub(excess + CUT.len());
            reply.error = (keep > 0).then(|| error[..error.floor_char_boundary(keep)].to_owned() + CUT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(mut reply: PublishReply) -> (PublishReply, usize) {
        fit(&mut reply);
        let length = to_padded_json(reply.clone(), REPLY_BYTES).len();
        (reply, length)
    }

    #[test]
    fn an_answer_that_fits_is_left_as_it_is() {
        let warnings = vec!["w".repeat(1_000)];
        let reply = PublishReply { error: Some("e".repeat(2_900)), warnings, ..PublishReply::default() };
        let (fitted, length) = fitted(reply.clone());
        assert_eq!((fitted.error, fitted.warnings, length), (reply.error, reply.warnings, REPLY_BYTES));
    }

    #[test]
    fn an_answer_that_is_too_long_loses_warnings_first_and_then_the_end_of_its_error() {
        let warnings = vec!["w".repeat(900), "x".repeat(900)];
        let (short, length) =
            fitted(PublishReply { error: Some("e".repeat(2_900)), warnings, ..PublishReply::default() });
        assert_eq!((short.warnings.len(), length), (1, REPLY_BYTES));
        for letter in ["e", "\u{fc}", "\"", "\u{1}", "\u{1f600}"] {
            let (cut, length) = fitted(PublishReply { error: Some(letter.repeat(5_000)), ..PublishReply::default() });
            assert_eq!(length, REPLY_BYTES, "{letter}");
            assert!(cut.error.is_none_or(|error| error.ends_with(CUT)), "{letter}");
        }
    }
}
