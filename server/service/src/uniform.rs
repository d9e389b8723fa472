//! One head for all answers to phones, so that neither the names of its fields nor its length say what the answer is.
//!
//! - `Retry-After` stands in each. Where there is a time to wait for, it is that; elsewhere it is zero, which asks for nothing. RFC 9110 (section
//!   10.2.3) gives the field a meaning with 503, 429 and redirections only, so whoever reads another status passes over it, and an HTTP stack that
//!   repeats requests by itself finds the zero that it assumes where there is no such field. It has five digits always: a number of seconds may begin with
//!   zeros.
//! - There is no reason phrase. It is for people and may be left out (RFC 9112, section 4); with it, `OK` and `Unauthorized` would differ by ten bytes, under
//!   encryption, too.
//!
//! `Date` and `Content-Length` are added to each answer where it is written.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};

/// The longest wait that can be asked for, in seconds: more than a day.
const LONGEST: u32 = 99_999;

/// Gives an answer the head of all others.
pub(crate) fn make_uniform(answer: &mut HttpResponse) {
    answer.head_mut().reason = Some("");
    let mut old = std::mem::take(answer.headers_mut());
    let wait = old.remove(RETRY_AFTER).next().and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
    old.insert(RETRY_AFTER, seconds(wait));
    *answer.headers_mut() = in_order(old);
}

/// A number of seconds in five digits.
fn seconds(wait: u32) -> HeaderValue {
    let text = format!("{:05}", wait.min(LONGEST));
    HeaderValue::try_from(text).expect("digits are fit for a header")
}

/// The fields in a map that was filled in one order, whoever filled the old one and how: where they stand in the head follows from chance then, and from
/// nothing else.
fn in_order(mut old: HeaderMap) -> HeaderMap {
    let mut new = HeaderMap::with_capacity(old.len());
    for name in [CONTENT_TYPE, CACHE_CONTROL, RETRY_AFTER] {
        for value in old.remove(&name) {
            new.append(name.clone(), value);
        }
    }
    for (name, value) in old {
        new.append(name, value);
    }
    new
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;

    use super::*;

    fn made_uniform(mut answer: HttpResponse) -> Vec<(String, String)> {
        make_uniform(&mut answer);
        assert_eq!(answer.head().reason(), "");
        let text = |value: &HeaderValue| value.to_str().expect("text").to_owned();
        let mut fields: Vec<_> =
            answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        fields.sort();
        fields
    }

    #[test]
    fn heads_differ_in_digits_alone() {
        let answer = |status| HttpResponse::build(status).insert_header((CACHE_CONTROL, "no-store")).finish();
        let mut busy = answer(StatusCode::TOO_MANY_REQUESTS);
        busy.headers_mut().insert(RETRY_AFTER, HeaderValue::from(300));
        let busy = made_uniform(busy);
        assert_eq!(busy[1], ("retry-after".to_owned(), "00300".to_owned()));
        for status in [StatusCode::OK, StatusCode::UNAUTHORIZED, StatusCode::INTERNAL_SERVER_ERROR] {
            let fields = made_uniform(answer(status));
            assert_eq!((&fields[0], fields.len()), (&busy[0], 2));
            assert_eq!(fields[1], ("retry-after".to_owned(), "00000".to_owned()));
        }
    }

    #[test]
    fn a_wait_has_five_digits_whatever_it_is() {
        for (wait, text) in [(0, "00000"), (7, "00007"), (86_400, "86400"), (u32::MAX, "99999")] {
            assert_eq!(seconds(wait), text);
        }
        let mut odd = HttpResponse::Ok().finish();
        odd.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("Fri, 31 Dec 1999 23:59:59 GMT"));
        assert_eq!(made_uniform(odd)[0].1, "00000");
    }
}
