//! Reading a body: bounded in bytes and in time.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use futures_util::StreamExt;
use proto::api::MAX_BODY;
use tokio::time::{Instant, timeout_at};

use crate::connection::Watch;
use crate::limits::Held;
use crate::unheard::Unheard;

/// A body that is too long is read on for this many bytes in all. Were it left unread, the connection would have to be closed, which an
/// additional header would announce, and a sender who listens only when it has said everything would not hear why it is refused.
const PATIENCE: usize = 1 << 20;
/// How long a phone may take to send a body. On the slowest of networks, 16 KiB take about this long.
const PHONE: Pace = Pace { grace: Duration::from_secs(10), bytes_per_second: 800, in_all: Duration::from_secs(30) };

/// How fast a body must come.
#[derive(Clone, Copy)]
struct Pace {
    /// However little comes.
    grace: Duration,
    /// And more time for what came.
    bytes_per_second: u64,
    /// But no more than this.
    in_all: Duration,
}

/// Reads a body to its end, as long as it is within 1 MiB, but keeps no more than [`MAX_BODY`] bytes of it, and waits until the service has time for the
/// request. What counts is what arrives: a chunked body has no Content-Length to believe.
///
/// # Errors
/// [`Unheard::TooLarge`], [`Unheard::TooSlow`], [`Unheard::EndedEarly`] and [`Unheard::TooMany`].
pub async fn read(request: &HttpRequest, body: Payload) -> Result<Vec<u8>, Unheard> {
    read_up_to(request, MAX_BODY, body).await
}

/// As [`read`], with another number of bytes that are kept.
///
/// # Errors
/// As [`read`].
pub(crate) async fn read_up_to(request: &HttpRequest, most: usize, body: Payload) -> Result<Vec<u8>, Unheard> {
    let mut held = Held::by(request);
    let bytes = read_at(PHONE, most, body, |bytes| held.make_room(bytes)).await;
    Watch::hush(request);
    let bytes = bytes?;
    held.begin(request).await?;
    Ok(bytes)
}

/// Reads a body that nobody asked for and keeps nothing of it, so that the connection may be kept and the answer has the same headers as any other.
pub(crate) async fn discard(request: &HttpRequest, body: Payload) {
    // Whether it was too long, too slow or ended early changes nothing: the answer is a refusal already.
    let _ = read_at(PHONE, 0, body, |_| Ok(())).await;
    Watch::hush(request);
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

/// Reads at a pace, and asks `make_room` before it keeps so many bytes in all. A sender who drips a byte now and then gets next to no more time for
/// it. Who sends too slowly, or whose body there is no room for, is not listened to any further.
async fn read_at(
    pace: Pace,
    most: usize,
    mut body: Payload,
    mut make_room: impl FnMut(usize) -> Result<(), Unheard>,
) -> Result<Vec<u8>, Unheard> {
    let (begin, mut kept, mut arrived, mut room) = (Instant::now(), Vec::new(), 0_usize, Ok(()));
    while arrived <= PATIENCE {
        let Some(chunk) =
            timeout_at(begin + pace.time_for(arrived), body.next()).await.map_err(|_| Unheard::TooSlow)?
        else {
            break;
        };
        let chunk = chunk.map_err(|_| Unheard::EndedEarly)?;
        arrived = arrived.saturating_add(chunk.len());
        if arrived <= most && room.is_ok() {
            room = make_room(arrived);
        }
        if arrived <= most && room.is_ok() {
            kept.extend_from_slice(&chunk);
        } else {
            kept = Vec::new();
        }
    }
    room?;
    if arrived <= most { Ok(kept) } else { Err(Unheard::TooLarge) }
}

impl Pace {
    /// How long a body of which so many bytes have arrived may take until the next ones.
    fn time_for(self, arrived: usize) -> Duration {
        let earned = u64::try_from(arrived).unwrap_or(u64::MAX) / self.bytes_per_second;
        self.grace.saturating_add(Duration::from_secs(earned)).min(self.in_all)
    }
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

    async fn read_64_kb(body: Payload) -> Result<usize, Unheard> {
        read(&TestRequest::post().to_http_request(), body).await.map(|body| body.len())
    }

    #[actix_web::test]
    async fn a_body_is_read_up_to_its_limit_however_it_is_cut() {
        let pieces = |last: usize| body(stream::iter([chunk(0), chunk(63_999), chunk(last)]));
        assert_eq!(read_64_kb(pieces(1)).await, Ok(64_000));
        assert_eq!(read_64_kb(pieces(2)).await, Err(Unheard::TooLarge));
        assert_eq!(
            read_64_kb(body(stream::repeat_with(|| chunk(10_000)))).await,
            Err(Unheard::TooLarge),
            "without end"
        );
        let broken = [chunk(1), Err(PayloadError::Incomplete(None))];
        assert_eq!(read_64_kb(body(stream::iter(broken))).await, Err(Unheard::EndedEarly));
    }

    #[actix_web::test]
    async fn a_body_without_room_is_read_and_not_kept() {
        let mut asked = Vec::new();
        let no_room = |bytes| {
            asked.push(bytes);
            if bytes > 2_000 { Err(Unheard::TooMany { retry_after: 5 }) } else { Ok(()) }
        };
        let pieces = body(stream::iter([chunk(2_000), chunk(1), chunk(1)]));
        assert_eq!(read_at(PHONE, 64_000, pieces, no_room).await, Err(Unheard::TooMany { retry_after: 5 }));
        assert_eq!(asked, [2_000, 2_001], "what cannot be kept is not asked for again");
    }

    #[actix_web::test]
    async fn a_body_that_drips_is_not_waited_for() {
        let short = Duration::from_millis(20);
        let pace = Pace { grace: short, bytes_per_second: 800, in_all: short };
        let drop = || async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Some((chunk(1), ()))
        };
        let dripping = body(stream::unfold((), move |()| drop()));
        assert_eq!(read_at(pace, MAX_BODY, dripping, |_| Ok(())).await, Err(Unheard::TooSlow));
        assert_eq!(read_at(pace, MAX_BODY, body(stream::pending()), |_| Ok(())).await, Err(Unheard::TooSlow));
    }

    #[test]
    fn who_sends_gets_time_for_what_came_and_no_more_than_30_seconds() {
        let seconds = |arrived| PHONE.time_for(arrived).as_secs();
        assert_eq!(
            [seconds(0), seconds(799), seconds(800), seconds(16_384), seconds(usize::MAX)],
            [10, 10, 11, 30, 30]
        );
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
