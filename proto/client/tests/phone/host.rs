//! A scripted HTTP server that remembers what was asked, byte for byte.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use client::BaseUrl;

/// What a path answers with.
#[derive(Clone)]
pub(crate) struct Scripted {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// A request as it came, and the answer as it left.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) request: Vec<u8>,
    pub(crate) answer: Vec<u8>,
}

impl Exchange {
    pub(crate) fn line(&self) -> String {
        let text = String::from_utf8_lossy(&self.request);
        text.lines().next().unwrap_or_default().to_owned()
    }
}

#[derive(Default)]
struct Script {
    paths: BTreeMap<String, Scripted>,
    exchanges: Vec<Exchange>,
}

/// The server. It answers one request a connection, until the test ends.
pub(crate) struct Host {
    url: String,
    script: Arc<Mutex<Script>>,
}

impl Host {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = Arc::clone(&script);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &shared);
            }
        });
        Self { url, script }
    }

    pub(crate) fn base(&self) -> BaseUrl {
        BaseUrl::new(&self.url).expect("valid")
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }

    pub(crate) fn answer(&self, path: &str, status: u16, body: impl Into<Vec<u8>>) {
        self.script_as(path, Scripted { status, headers: Vec::new(), body: body.into() });
    }

    pub(crate) fn script_as(&self, path: &str, scripted: Scripted) {
        self.script.lock().expect("not poisoned").paths.insert(path.to_owned(), scripted);
    }

    /// Publishes an object with a strong entity tag.
    pub(crate) fn publish(&self, path: &str, body: impl Into<Vec<u8>>) {
        let body = body.into();
        let sum: u64 = body.iter().fold(17, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(*b)));
        self.script_as(path, Scripted { status: 200, headers: vec![("etag", format!("\"{sum:x}\""))], body });
    }

    /// All exchanges since the last call.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.script.lock().expect("not poisoned").exchanges)
    }

    /// The request lines since the last call, without method and version, with the status that was answered.
    pub(crate) fn asked(&self) -> Vec<String> {
        let status = |e: &Exchange| String::from_utf8_lossy(&e.answer[9..12]).into_owned();
        let path = |e: &Exchange| e.line().split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
        self.exchanges().iter().map(|e| format!("{} {}", status(e), path(e))).collect()
    }
}

fn serve(mut stream: TcpStream, script: &Mutex<Script>) {
    let Some(request) = read_request(&mut stream) else { return };
    let text = String::from_utf8_lossy(&request).into_owned();
    let path = text.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let mut script = script.lock().expect("not poisoned");
    let missing = Scripted { status: 404, headers: Vec::new(), body: Vec::new() };
    let mut scripted = script.paths.get(&path).cloned().unwrap_or(missing);
    let etag = scripted.headers.iter().find(|(name, _)| *name == "etag").map(|(_, tag)| tag.clone());
    if etag.is_some_and(|tag| text.contains(&format!("if-none-match: {tag}\r\n"))) {
        scripted.status = 304;
        scripted.body.clear();
    }
    let mut answer = format!("HTTP/1.1 {} {}\r\n", scripted.status, reason(scripted.status)).into_bytes();
    for (name, value) in &scripted.headers {
        answer.extend(format!("{name}: {value}\r\n").bytes());
    }
    answer.extend(format!("content-length: {}\r\nconnection: close\r\n\r\n", scripted.body.len()).bytes());
    answer.extend(&scripted.body);
    script.exchanges.push(Exchange { request, answer: answer.clone() });
    drop(script);
    // Status 0 is a server that dies before it answers.
    if scripted.status != 0 {
        let _ = stream.write_all(&answer);
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut chunk = [0; 65_536];
    loop {
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&chunk[..read]);
        let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let header = String::from_utf8_lossy(&request[..end]).into_owned();
        let length = header.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        if request.len() >= end + 4 + length.parse::<usize>().ok()? {
            return Some(request);
        }
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "",
    }
}
