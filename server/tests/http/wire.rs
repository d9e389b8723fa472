//! HTTP/1.1 by hand, so that nothing between the test and the socket tidies up.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use proto::api::publish::PublishReply;

/// A reply as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Header names in lower case, sorted.
    pub header_names: Vec<String>,
    pub body: Vec<u8>,
}

impl Reply {
    /// The reply of a phone route.
    pub fn json(&self) -> PublishReply {
        serde_json::from_slice(&self.body).expect("a reply is JSON")
    }

    /// `code`, or nothing.
    pub fn code(&self) -> String {
        self.json().code.unwrap_or_default()
    }

    /// `error`, or nothing.
    pub fn error(&self) -> String {
        self.json().error.unwrap_or_default()
    }
}

/// A request in full.
pub fn request(method: &str, path: &str, content_type: Option<&str>, body: &[u8]) -> Vec<u8> {
    let content_type = content_type.map(|value| format!("Content-Type: {value}\r\n")).unwrap_or_default();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{content_type}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A JSON request whose body comes in chunks, without a Content-Length.
pub fn chunked(path: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for chunk in body.chunks(1_000) {
        request.extend(format!("{:x}\r\n", chunk.len()).bytes());
        request.extend(chunk);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    request
}

/// Sends bytes and reads the reply to its end.
pub fn exchange(address: SocketAddr, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    // A server that refuses a long body may stop reading it: what counts is its reply.
    let _ = stream.write_all(request);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Reply {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a reply has a head");
    let head = std::str::from_utf8(&bytes[..end]).expect("a head is ASCII");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let mut header_names: Vec<_> =
        lines.filter_map(|line| Some(line.split_once(':')?.0.to_ascii_lowercase())).collect();
    header_names.sort();
    Reply { status: status.expect("a status"), header_names, body: bytes[end + 4..].to_vec() }
}
