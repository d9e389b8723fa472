//! HTTP/1.1 as a phone speaks it, one request a connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// A field of the body, which must be there.
    pub(crate) fn text(&self, field: &str) -> String {
        let json = self.json();
        json[field].as_str().unwrap_or_else(|| panic!("no {field}: {}", json["error"])).to_owned()
    }
}

/// Sends JSON.
pub(crate) fn post(address: SocketAddr, path: &str, key: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
    exchange(address, key, &head, body.as_bytes())
}

/// Sends JSON to a service that may not live long enough to answer.
pub(crate) fn post_in_vain(address: SocketAddr, path: &str, key: &str, body: &Value) -> Option<Answer> {
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
    try_exchange(address, key, &head, body.as_bytes()).ok().filter(|answer| answer.body.len() == 4_096)
}

/// Sends JSON through a proxy that says where from.
pub(crate) fn post_from(address: SocketAddr, forwarded: &str, path: &str, key: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.1\r\nX-Forwarded-For: {forwarded}\r\nContent-Length: {}\r\n", body.len());
    exchange(address, key, &head, body.as_bytes())
}

/// Sends a body in chunks, without saying how long it will be.
pub(crate) fn post_chunks(address: SocketAddr, path: &str, key: &str, chunks: &[&[u8]]) -> Answer {
    let mut body = Vec::new();
    for chunk in chunks {
        body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    exchange(address, key, &format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"), &body)
}

/// Asks.
pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    exchange(address, "", &format!("GET {path} HTTP/1.1\r\n"), b"")
}

/// Sends JSON over a connection that may be kept, and returns status and header names of the answer, its length checked.
pub(crate) fn names_of_headers(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> (u16, Vec<String>) {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    let length = body.len();
    let json = "Content-Type: application/json";
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{json}\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("sent");
    let mut reply = Vec::new();
    let end = loop {
        if let Some(end) = reply.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let mut piece = [0; 1_024];
        let read = stream.read(&mut piece).expect("received");
        assert!(read > 0, "closed before the answer was there");
        reply.extend_from_slice(&piece[..read]);
    };
    let head = String::from_utf8(reply[..end].to_vec()).expect("text");
    assert!(head.to_ascii_lowercase().contains("content-length: 4096"), "{head}");
    let mut names: Vec<_> =
        head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_lowercase()).collect();
    names.sort();
    (head[9..12].parse().expect("a status"), names)
}

fn exchange(address: SocketAddr, key: &str, head: &str, body: &[u8]) -> Answer {
    try_exchange(address, key, head, body).expect("an exchange")
}

fn try_exchange(address: SocketAddr, key: &str, head: &str, body: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let common = "Host: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n";
    stream.write_all(format!("{head}{common}X-API-Key: {key}\r\n\r\n").as_bytes())?;
    stream.write_all(body)?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    let end = reply.windows(4).position(|window| window == b"\r\n\r\n").ok_or(ErrorKind::UnexpectedEof)?;
    let status = std::str::from_utf8(&reply[9..12]).expect("digits").parse().expect("a status");
    Ok(Answer { status, body: reply[end + 4..].to_vec() })
}
