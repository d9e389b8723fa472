//! HTTP by hand, so that paths arrive exactly as a test writes them.

use std::io::{Read, Write};
use std::net::TcpStream;

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) header: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value, empty if there is none.
    pub(crate) fn field(&self, name: &str) -> String {
        let fields = self.header.lines().filter_map(|line| line.split_once(": "));
        let value = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).next();
        value.unwrap_or_default().to_owned()
    }
}

/// Sends one request to `base` (`http://127.0.0.1:PORT`) and reads until the connection closes. `head` is the request line without its version,
/// then further header lines.
pub(crate) fn ask(base: &str, head: &[&str], body: &str) -> Answer {
    let address = base.strip_prefix("http://").expect("plain HTTP");
    let mut request = format!("{} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n", head[0]);
    for line in &head[1..] {
        request += &format!("{line}\r\n");
    }
    request += &format!("content-length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(address).expect("listens");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answered");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a header");
    let header = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = header.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, header, body: answer[end + 4..].to_vec() }
}
