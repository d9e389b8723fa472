//! A provider of text messages on a loopback port: it answers as it was told and remembers what it was asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What it was asked.
pub(crate) struct Asked {
    /// Request line and headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// How it answers.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    /// With a status, and a body.
    Status(u16, &'static str),
    /// With a status that names another address.
    Elsewhere(u16, String),
    /// Never, while it holds the line.
    Nothing,
}

/// The provider.
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    says: Arc<Mutex<Says>>,
    asked: Receiver<Asked>,
    over: Arc<AtomicBool>,
}

/// A connection, in the clear or not.
trait Line: Read + Write + Send {}

impl<L: Read + Write + Send> Line for L {}

impl Provider {
    /// One that takes every message.
    pub(crate) fn start() -> Self {
        Self::listen(None)
    }

    /// One behind TLS.
    pub(crate) fn start_with_tls(config: ServerConfig) -> Self {
        Self::listen(Some(Arc::new(config)))
    }

    fn listen(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (says, over) = (Arc::new(Mutex::new(Says::Status(201, "{}"))), Arc::new(AtomicBool::new(false)));
        let (send, asked) = channel();
        let (answers, is_over) = (Arc::clone(&says), Arc::clone(&over));
        std::thread::spawn(move || {
            // Lines on which nothing is said stay open until the provider is gone.
            let mut held: Vec<Box<dyn Line>> = Vec::new();
            for stream in listener.incoming() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let Some(mut line) = accept(stream.expect("a connection"), tls.as_ref()) else { continue };
                let Some(request) = hear(&mut *line) else { continue };
                let answer = answers.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // Whoever listens may be gone.
                let _ = send.send(request);
                match answer {
                    Says::Nothing => held.push(line),
                    Says::Status(status, body) => say(&mut *line, status, "", body),
                    Says::Elsewhere(status, url) => say(&mut *line, status, &format!("Location: {url}\r\n"), ""),
                }
            }
        });
        Self { address, says, asked, over }
    }

    /// Answers so from now on.
    pub(crate) fn says(&self, says: Says) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = says;
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it is asked next.
    pub(crate) fn next(&self) -> Asked {
        self.asked.recv_timeout(Duration::from_secs(60)).expect("somebody asks")
    }

    /// Whether it was asked no more than what was looked at.
    pub(crate) fn is_idle(&self) -> bool {
        self.asked.try_recv().is_err()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes it; it may be gone already.
        let _ = TcpStream::connect(self.address);
    }
}

impl Asked {
    /// A header.
    pub(crate) fn header(&self, name: &str) -> &str {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        found.next().unwrap_or_else(|| panic!("no {name}: {}", self.head))
    }

    /// A field of a form.
    pub(crate) fn field(&self, name: &str) -> String {
        let url = reqwest::Url::parse(&format!("http://localhost/?{}", self.body)).expect("a form");
        let found = url.query_pairs().find(|(field, _)| field == name);
        found.unwrap_or_else(|| panic!("no {name}")).1.into_owned()
    }
}

/// None if the two do not agree on how to talk.
fn accept(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> Option<Box<dyn Line>> {
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    let Some(config) = tls else { return Some(Box::new(stream)) };
    let mut line = StreamOwned::new(ServerConnection::new(Arc::clone(config)).expect("a configuration"), stream);
    line.flush().ok().map(|()| Box::new(line) as Box<dyn Line>)
}

/// Reads a request; none if whoever called hangs up.
fn hear(line: &mut dyn Line) -> Option<Asked> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 1_024]);
    loop {
        let read = line.read(&mut piece).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if bytes.len() == end + 4 + length.unwrap_or(0_usize) {
            let body = String::from_utf8(bytes[end + 4..].to_vec()).expect("text");
            return Some(Asked { head, body });
        }
    }
}

fn say(line: &mut dyn Line, status: u16, header: &str, body: &str) {
    let length = body.len();
    let reply = format!("HTTP/1.1 {status} X\r\n{header}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    // Whoever asked may have given up.
    let _ = line.write_all(reply.as_bytes()).and_then(|()| line.flush());
}
