//! How long headers are on the wire (RFC 9112), in their HTTP/1.1 form.

use reqwest::header::HeaderMap;
use reqwest::{Request, Response};

/// A request's: request line, `host`, the headers given, an empty line.
pub(crate) fn header_bytes(request: &Request) -> usize {
    let url = request.url();
    let port = url.port().map_or(0, |port| 1 + port.to_string().len());
    let host = url.host_str().map_or(0, str::len) + port;
    let line = request.method().as_str().len() + 1 + url.path().len() + " HTTP/1.1\r\n".len();
    line + "host: \r\n".len() + host + fields_bytes(request.headers()) + 2
}

/// An answer's: status line, the headers given, an empty line.
pub(crate) fn answer_header_bytes(response: &Response) -> usize {
    let reason = response.status().canonical_reason().map_or(0, str::len);
    "HTTP/1.1 200 \r\n".len() + reason + fields_bytes(response.headers()) + 2
}

fn fields_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}
