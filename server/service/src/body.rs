//! Reading a body: bounded in bytes and in time.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use futures_util::StreamExt;
use proto::api::MAX_BODY;
use tokio::time::timeout;

use crate::unheard::Unheard;

/// A body that is too long is read on for this many bytes in all. Were it left unread, the connection would have to be closed, which an
/// additional header would announce, and a sender who listens only when it has said everything would not hear why it is refused.
const PATIENCE: usize = 1 << 20;
/// How long a phone may take to send a body. On the slowest of networks, 16 KiB take about this long.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a body to its end, as long as it is within 1 MiB, but keeps no more than [`MAX_BODY`] bytes of it. What counts is what
/// arrives: a chunked body has no Content-Length to believe.
///
/// # Errors
/// [`Unheard::TooLarge`], [`Unheard::TooSlow`] and [`Unheard::EndedEarly`].
pub async fn read(body: Payload) -> Result<Vec<u8>, Unheard> {
    read_up_to(MAX_BODY, body).await
}

/// As [`read`], with another number of bytes that are kept.
///
/// # Errors
/// As [`read`].
pub(crate) async fn read_up_to(most: usize, body: Payload) -> Result<Vec<u8>, Unheard> {
    read_within(BODY_TIMEOUT, most, body).await
}

/// Checks that a request says that its body is JSON. Parameters, such as a character set, say nothing that JSON does not fix.
///
/// # Errors
/// [`Unheard::NotJson`].
pub fn require_json(request: &HttpRequest) -> Result<(), Unheard> {
    if says(request.headers(), "application/json") { Ok(()) } else { Err(Unheard::NotJson) }
}

/// Whether a body is of this media type, by what its sender says.
pub(crate) fn says(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(wanted))
}

/// The limit is on the body as a whole: a sender who drips a byte now and then does not get more time for it.
async fn read_within(limit: Duration, most: usize, body: Payload) -> Result<Vec<u8>, Unheard> {
    timeout(limit, read_all(most, body)).await.unwrap_or(Err(Unheard::TooSlow))
}

async fn read_all(most: usize, mut body: Payload) -> Result<Vec<u8>, Unheard> {
    let (mut kept, mut arrived) = (Vec::new(), 0_usize);
    while arrived <= PATIENCE
        && let Some(chunk) = body.next().await
    {
        let chunk = chunk.map_err(|_| Unheard::EndedEarly)?;
        arrived = arrived.saturating_add(chunk.len());
        if arrived <= most {
            kept.extend_from_slice(&chunk);
        }
    }
    if arrived <= most { Ok(kept) } else { Err(Unheard::TooLarge) }
}

#[cfg(test)]
mod tests {
    use actix_web::error::PayloadError;
    use actix_web::test::TestRequest;
    use actix_web::web::Bytes;
    use futures_util::stream::{self, Stream};

    use super::*;

    fn body(chunks: impl Stream<Item = Result<Bytes, PayloadError>> + 'static) -> Payload {
        Payload::Stream { payload: Box::pin(chunks) }
    }

    fn chunk(length: usize) -> Result<Bytes, PayloadError> {
        Ok(Bytes::from(vec![b'A'; length]))
    }

    #[actix_web::test]
    async fn a_body_is_read_up_to_its_limit_however_it_is_cut() {
        let pieces = |last: usize| body(stream::iter([chunk(0), chunk(63_999), chunk(last)]));
        assert_eq!(read(pieces(1)).await.map(|body| body.len()), Ok(64_000));
        assert_eq!(read(pieces(2)).await, Err(Unheard::TooLarge));
        assert_eq!(read(body(stream::repeat_with(|| chunk(10_000)))).await, Err(Unheard::TooLarge), "without end");
        let broken = [chunk(1), Err(PayloadError::Incomplete(None))];
        assert_eq!(read(body(stream::iter(broken))).await, Err(Unheard::EndedEarly));
    }

    #[actix_web::test]
    async fn a_body_that_drips_is_not_waited_for() {
        let drop = || async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Some((chunk(1), ()))
        };
        let dripping = body(stream::unfold((), move |()| drop()));
        assert_eq!(read_within(Duration::from_millis(20), MAX_BODY, dripping).await, Err(Unheard::TooSlow));
        let silent = body(stream::pending());
        assert_eq!(read_within(Duration::from_millis(20), MAX_BODY, silent).await, Err(Unheard::TooSlow));
    }

    #[test]
    fn json_is_what_says_that_it_is_json() {
        let check =
            |value: &str| require_json(&TestRequest::post().insert_header((CONTENT_TYPE, value)).to_http_request());
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/json ;x=y"] {
            assert_eq!(check(json), Ok(()), "{json}");
        }
        for other in ["", "text/json", "application/jsonp", "text/plain"] {
            assert_eq!(check(other), Err(Unheard::NotJson), "{other}");
        }
        assert_eq!(require_json(&TestRequest::post().to_http_request()), Err(Unheard::NotJson));
    }
}
