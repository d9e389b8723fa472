//! HTTP/1.1 by hand, so that nothing between the test and the socket tidies up.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use proto::api::publish::PublishReply;

/// A reply as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Header names in lower case, sorted.
    pub(crate) header_names: Vec<String>,
    /// How long the head is, in bytes.
    pub(crate) head: usize,
    /// In how many seconds to try again; 0 where nothing is asked for.
    pub(crate) retry_after: u32,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The reply of a phone route.
    pub(crate) fn json(&self) -> PublishReply {
        serde_json::from_slice(&self.body).expect("a reply is JSON")
    }

    /// The same without the revision token, which stands for the keys that were sent and for the authority that vouches for them.
    pub(crate) fn without_token(&self) -> Self {
        let bare = PublishReply { revision_token: None, ..self.json() };
        Self { body: proto::api::padding::to_padded_json(bare, self.body.len()), ..self.clone() }
    }

    /// `code`, or nothing.
    pub(crate) fn code(&self) -> String {
        self.json().code.unwrap_or_default()
    }

    /// `error`, or nothing.
    pub(crate) fn error(&self) -> String {
        self.json().error.unwrap_or_default()
    }
}

/// A request in full.
pub(crate) fn request(method: &str, path: &str, content_type: Option<&str>, body: &[u8]) -> Vec<u8> {
    let content_type = content_type.map(|value| format!("Content-Type: {value}\r\n")).unwrap_or_default();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{content_type}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// The same request as chaff.
pub(crate) fn as_chaff(request: &[u8]) -> Vec<u8> {
    let line = request.iter().position(|&byte| byte == b'\n').expect("a request line") + 1;
    [&request[..line], b"X-Chaff: 1\r\n", &request[line..]].concat()
}

/// The same request as a proxy hands it on, which was called from there.
pub(crate) fn forwarded(request: &[u8], lines: &[&str]) -> Vec<u8> {
    let end = request.windows(2).position(|two| two == b"\r\n").expect("a request line") + 2;
    let lines: String = lines.iter().map(|line| format!("X-Forwarded-For: {line}\r\n")).collect();
    [&request[..end], lines.as_bytes(), &request[end..]].concat()
}

/// A JSON request whose body comes in chunks, without a Content-Length.
pub(crate) fn chunked(path: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
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

/// Sends bytes and reads one reply. The connection is a phone's: it may be kept, and whether it is shows in no header.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    // A server that refuses a long body may stop reading it: what counts is its reply.
    let _ = stream.write_all(request);
    read_reply(&mut BufReader::new(stream), !request.starts_with(b"HEAD "))
}

/// Reads the next reply of a connection, and its body if it has one.
pub(crate) fn read_reply(reader: &mut BufReader<TcpStream>, has_body: bool) -> Reply {
    let mut head = 0;
    let mut line = || {
        let mut line = String::new();
        head += reader.read_line(&mut line).expect("a line of the head");
        line.trim_end().to_owned()
    };
    let status = line().split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut headers = BTreeMap::new();
    for header in std::iter::repeat_with(&mut line).take_while(|line| !line.is_empty()) {
        let (name, value) = header.split_once(':').expect("a header");
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length: usize = headers["content-length"].parse().expect("a length");
    let mut body = vec![0; if has_body { length } else { 0 }];
    reader.read_exact(&mut body).expect("a whole body");
    let retry_after = headers.get("retry-after").map_or(0, |seconds| seconds.parse().expect("seconds"));
    Reply { status, retry_after, header_names: headers.into_keys().collect(), head, body }
}
