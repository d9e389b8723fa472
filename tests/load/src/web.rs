//! Requests that crate `client` does not send: those of authorities, and of those who are no phones.

use client::Http;
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};

/// An answer.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) etag: Option<HeaderValue>,
    pub(crate) body: Vec<u8>,
}

/// Reads an object, with these headers; at most so many bytes of it.
///
/// # Errors
/// A word for why there is no answer.
pub(crate) async fn get(http: &Http, url: Url, headers: HeaderMap, limit: usize) -> Result<Page, &'static str> {
    answer(http.pool().get(url).headers(headers), limit).await
}

/// Posts a body, with these headers.
///
/// # Errors
/// A word for why there is no answer.
pub(crate) async fn post(http: &Http, url: Url, headers: HeaderMap, body: Vec<u8>) -> Result<Page, &'static str> {
    answer(http.pool().request(Method::POST, url).headers(headers).body(body), 64 * 1_024).await
}

/// The header of a body that is JSON.
pub(crate) const JSON: (reqwest::header::HeaderName, HeaderValue) =
    (CONTENT_TYPE, HeaderValue::from_static("application/json"));

/// Reads an object piece by piece, at most so many bytes of it, and keeps nothing: thousands of phones may download at once. Its status and length.
///
/// # Errors
/// A word for why there is no answer.
pub(crate) async fn skim(
    http: &Http,
    (url, headers): (Url, HeaderMap),
    limit: usize,
    see: impl FnMut(&[u8]),
) -> Result<(StatusCode, u64), &'static str> {
    let mut response = http.pool().get(url).headers(headers).send().await.map_err(|error| word(&error))?;
    let length = pieces(&mut response, limit, see).await?;
    Ok((response.status(), length))
}

async fn answer(request: RequestBuilder, limit: usize) -> Result<Page, &'static str> {
    let mut response = request.send().await.map_err(|error| word(&error))?;
    let mut body = Vec::new();
    pieces(&mut response, limit, |piece| body.extend_from_slice(piece)).await?;
    Ok(Page { status: response.status(), etag: response.headers().get(ETAG).cloned(), body })
}

/// The length of a body, of which each piece is shown.
async fn pieces(response: &mut Response, limit: usize, mut see: impl FnMut(&[u8])) -> Result<u64, &'static str> {
    let mut length = 0;
    while let Some(piece) = response.chunk().await.map_err(|error| word(&error))? {
        length += piece.len();
        if length > limit {
            return Err("too_large");
        }
        see(&piece);
    }
    Ok(length as u64)
}

fn word(error: &reqwest::Error) -> &'static str {
    match () {
        () if error.is_timeout() => "timed_out",
        () if error.is_connect() => "cannot_connect",
        () => "broken_off",
    }
}
