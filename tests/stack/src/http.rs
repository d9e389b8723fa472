//! As much HTTP as it takes to ask whether somebody is there.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a side may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// 200, 404 ...
    pub status: u16,
    /// What stands before the body, as it came.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Asks once, over a connection of its own.
///
/// # Errors
/// If nobody answers, or not in HTTP.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    ask(address, ("GET", path), "", &[])
}

/// The same with any method, further lines of the head (each with its end of line), and a body.
///
/// # Errors
/// As [`get`].
pub fn ask(address: SocketAddr, (method, path): (&str, &str), lines: &str, body: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // Of version 1.0, whose answers end with their connections.
    let head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n{lines}Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head, body: answer[end + 4..].to_vec() })
}
