//! Reading a request's body: bounded, JSON, and of the shape that the route takes.

use std::future::Future;
use std::pin::Pin;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest, dev, web};
use futures_util::StreamExt;
use proto::Malformed;
use proto::api::parse_body;
use proto::api::publish::{MAX_BODY, MAX_KEYS, MAX_REPORTS, PublishRequest, ReportsRequest};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// A body that is too long is read on for this many bytes in all. Were it left unread, the connection would have to be closed, which an
/// additional header would announce.
const PATIENCE: usize = 1 << 20;

/// A body that was read and parsed.
pub(crate) struct Body<T>(pub(crate) T);

/// A request as the API documents it.
pub(crate) trait Request: DeserializeOwned + 'static {
    /// Refuses what has the right fields but too few or too many entries.
    fn check_count(&self) -> Result<(), Malformed>;
}

impl Request for PublishRequest {
    fn check_count(&self) -> Result<(), Malformed> {
        match self.temporary_exposure_keys.len() {
            1..=MAX_KEYS => Ok(()),
            _ => Err(Malformed::new("temporaryExposureKeys", "must be 1 to 30 keys")),
        }
    }
}

impl Request for ReportsRequest {
    fn check_count(&self) -> Result<(), Malformed> {
        match self.reports.len() {
            1..=MAX_REPORTS => Ok(()),
            _ => Err(Malformed::new("reports", "must be 1 to 56 reports")),
        }
    }
}

impl<T: Request> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let json = is_json(request);
        let stream = web::Payload::from_request(request, payload).into_inner();
        Box::pin(async move {
            let bytes = read(stream.map_err(|_| unreadable())?).await?;
            if !json {
                return Err(Problem::UnsupportedMediaType);
            }
            let request: T = parse_body(&bytes)?;
            request.check_count()?;
            Ok(Self(request))
        })
    }
}

/// Reads a body that nobody asked for, so that the connection may be kept and the answer has the same headers as any other.
pub(crate) async fn discard(stream: web::Payload) {
    // Whether it was too long or ended early changes nothing: the answer is a refusal already.
    let _ = read(stream).await;
}

/// Reads a body to its end, as long as it is within [`PATIENCE`], but keeps no more than [`MAX_BODY`] bytes of it. What counts is what
/// arrives: a chunked body has no Content-Length to believe.
async fn read(mut stream: web::Payload) -> Result<Vec<u8>, Problem> {
    let (mut body, mut arrived) = (Vec::new(), 0_usize);
    while arrived <= PATIENCE
        && let Some(chunk) = stream.next().await
    {
        let chunk = chunk.map_err(|_| unreadable())?;
        arrived = arrived.saturating_add(chunk.len());
        if arrived <= MAX_BODY {
            body.extend_from_slice(&chunk);
        }
    }
    if arrived <= MAX_BODY { Ok(body) } else { Err(Problem::TooLarge) }
}

/// Whether the request says that its body is JSON. Parameters, such as a character set, say nothing that JSON does not fix.
fn is_json(request: &HttpRequest) -> bool {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}

fn unreadable() -> Problem {
    Problem::BadRequest("the body ended early".to_owned())
}
