//! HTTP/1.1 as a phone speaks it, one request a connection.

use std::io::{Read, Write};
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

fn exchange(address: SocketAddr, key: &str, head: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    let common = "Host: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n";
    stream.write_all(format!("{head}{common}X-API-Key: {key}\r\n\r\n").as_bytes()).expect("sent");
    stream.write_all(body).expect("sent");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).expect("received");
    let end = reply.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let status = std::str::from_utf8(&reply[9..12]).expect("digits").parse().expect("a status");
    Answer { status, body: reply[end + 4..].to_vec() }
}
