//! One HTTP connection that is kept, as a proxy in front of a service keeps it: one request after the other. For benchmarks of services.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// The length of every reply of a phone route.
const REPLY_BYTES: usize = 4_096;

/// A connection for requests to one path.
pub struct Asker {
    stream: TcpStream,
    /// The head of a request, up to the length of its body.
    head: String,
    reply: Vec<u8>,
}

impl Asker {
    /// Connects. The header lines are complete lines of every request, or nothing.
    ///
    /// # Panics
    /// If nobody listens.
    pub fn connect(to: SocketAddr, path: &str, header_lines: &str) -> Self {
        let stream = TcpStream::connect(to).expect("connected");
        stream.set_nodelay(true).expect("set");
        let json = "Content-Type: application/json";
        let head = format!("POST {path} HTTP/1.1\r\nHost: {to}\r\n{json}\r\n{header_lines}Content-Length: ");
        Self { stream, head, reply: Vec::new() }
    }

    /// Sends JSON and waits for the body of the answer, which must be good.
    ///
    /// # Panics
    /// If the answer is another one, or none.
    pub fn ask(&mut self, body: &[u8]) -> &[u8] {
        // In one piece: a client that writes head and body apart waits for an acknowledgement in between.
        let mut request = format!("{}{}\r\n\r\n", self.head, body.len()).into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request).expect("sent");
        self.reply.clear();
        let at = loop {
            let mut piece = [0; 8_192];
            let read = self.stream.read(&mut piece).expect("received");
            assert!(read > 0, "hung up");
            self.reply.extend_from_slice(&piece[..read]);
            let head = self.reply.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(at) = head.filter(|at| self.reply.len() >= at + 4 + REPLY_BYTES) {
                break at + 4;
            }
        };
        let body = &self.reply[at..at + REPLY_BYTES];
        assert!(self.reply.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(body));
        body
    }
}
