//! Requests that crate `client` does not send: those of authorities, and of those who are no phones.

use client::Http;
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::{Method, RequestBuilder, StatusCode, Url};

/// An answer.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) etag: Option<HeaderValue>,
    pub(crate) body: Vec<u8>,
}

/// Reads an object, unless it is still the one with `etag`; at most so many bytes of it.
///
/// # Errors
/// A word for why there is no answer.
pub(crate) async fn get(http: &Http, url: Url, etag: Option<&HeaderValue>, limit: usize) -> Result<Page, &'static str> {
    let request = http.pool().get(url);
    let request = match etag {
        Some(etag) => request.header(IF_NONE_MATCH, etag),
        None => request,
    };
    answer(request, limit).await
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

async fn answer(request: RequestBuilder, limit: usize) -> Result<Page, &'static str> {
    let mut response = request.send().await.map_err(|error| word(&error))?;
    let (status, etag) = (response.status(), response.headers().get(ETAG).cloned());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| word(&error))? {
        if body.len() + chunk.len() > limit {
            return Err("too_large");
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Page { status, etag, body })
}

fn word(error: &reqwest::Error) -> &'static str {
    match () {
        () if error.is_timeout() => "timed_out",
        () if error.is_connect() => "cannot_connect",
        () => "broken_off",
    }
}
