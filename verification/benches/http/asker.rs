//! One connection that is kept, as a proxy in front of the service keeps it: one request after the other.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

/// A connection for requests to one path.
pub(crate) struct Asker {
    stream: TcpStream,
    /// The head of a request, up to the length of its body.
    head: String,
    reply: Vec<u8>,
}

impl Asker {
    /// Connects.
    pub(crate) fn connect(to: SocketAddr, path: &str, key: &str) -> Self {
        let stream = TcpStream::connect(to).expect("connected");
        stream.set_nodelay(true).expect("set");
        let json = "Content-Type: application/json";
        let head = format!("POST {path} HTTP/1.1\r\nHost: {to}\r\n{json}\r\nX-API-Key: {key}\r\nContent-Length: ");
        Self { stream, head, reply: Vec::new() }
    }

    /// Sends JSON and waits for the answer, which must be good.
    pub(crate) fn ask(&mut self, body: &Value) -> Value {
        let body = body.to_string();
        let request = format!("{}{}\r\n\r\n{body}", self.head, body.len());
        self.stream.write_all(request.as_bytes()).expect("sent");
        self.reply.clear();
        let body = loop {
            let mut piece = [0; 8_192];
            let read = self.stream.read(&mut piece).expect("received");
            assert!(read > 0, "hung up");
            self.reply.extend_from_slice(&piece[..read]);
            let head = self.reply.windows(4).position(|window| window == b"\r\n\r\n");
            // Every reply has one length.
            if let Some(body) = head.and_then(|head| self.reply.get(head + 4..head + 4 + 4_096)) {
                break body;
            }
        };
        let said = String::from_utf8_lossy(body);
        assert!(self.reply.starts_with(b"HTTP/1.1 200"), "{said}");
        serde_json::from_slice(body).expect("JSON")
    }
}
