//! Somebody between the exporter and the object store, who lets requests pass, answers in the store's place, or loses what is said.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::s3;

/// How long a side may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// What becomes of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// It passes, and so does the answer.
    Pass,
    /// It passes without its conditions.
    Unconditional,
    /// It does not pass: this status and code are the answer.
    Answer(u16, &'static str),
    /// It does not pass, and there is no answer, for as long as anybody waits.
    Silence,
    /// It passes, and the answer is lost.
    LostReply,
    /// It passes, and the answer ends after this many bytes of its body.
    CutShort(usize),
}

/// The one between. The next requests with a method have the fates that were set for it; all others pass.
#[derive(Clone)]
pub(crate) struct Between {
    pub(crate) address: String,
    fates: Arc<Mutex<Fates>>,
}

struct Fates {
    all: Fate,
    /// The fate of the request at a place, counted from 0, and whether it is that of all which follow.
    at: Option<(usize, Fate, bool)>,
    /// How many requests have come and are neither answered nor given up.
    open: usize,
    next: VecDeque<(&'static str, Fate)>,
    seen: Vec<String>,
}

impl Between {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let fates =
            Arc::new(Mutex::new(Fates { all: Fate::Pass, at: None, open: 0, next: VecDeque::new(), seen: Vec::new() }));
        let between = Self { address, fates };
        let serving = between.clone();
        // The thread ends with the tests.
        std::thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let serving = serving.clone();
                serving.locked().open += 1;
                std::thread::spawn(move || serving.serve(caller));
            }
        });
        between
    }

    /// What happens to the next requests with a method, one after the other.
    pub(crate) fn set(&self, method: &'static str, fates: &[Fate]) {
        let mut all = self.locked();
        all.next.extend(fates.iter().map(|fate| (method, *fate)));
    }

    /// What happens to all others.
    pub(crate) fn set_all(&self, fate: Fate) {
        self.locked().all = fate;
    }

    /// What happens to the request at a place, counted from 0; and, if it is for good, to all that follow.
    pub(crate) fn set_at(&self, at: usize, fate: Fate, for_good: bool) {
        self.locked().at = Some((at, fate, for_good));
    }

    /// The methods of all requests that have come, in their order.
    pub(crate) fn methods(&self) -> Vec<String> {
        self.locked().seen.clone()
    }

    /// Waits until nothing is on its way any more.
    pub(crate) async fn settled(&self) {
        while self.locked().open > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn locked(&self) -> MutexGuard<'_, Fates> {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests with a method have come.
    pub(crate) fn seen(&self, method: &str) -> usize {
        let fates = self.locked();
        fates.seen.iter().filter(|seen| *seen == method).count()
    }

    fn fate(&self, method: &str) -> Fate {
        let mut fates = self.locked();
        let place = fates.seen.len();
        fates.seen.push(method.to_owned());
        match fates.at {
            Some((at, fate, for_good)) if at == place || (for_good && at < place) => return fate,
            _ => {}
        }
        let next = fates.next.iter().position(|(of, _)| *of == method);
        next.and_then(|next| fates.next.remove(next)).map_or(fates.all, |(_, fate)| fate)
    }

    /// One request a connection: what is wrong with the connection itself is the tests' business no further.
    fn serve(&self, caller: TcpStream) {
        self.pass_on(caller);
        self.locked().open -= 1;
    }

    fn pass_on(&self, mut caller: TcpStream) {
        let _ = caller.set_read_timeout(Some(PATIENCE));
        let Ok(request) = read_request(&mut caller) else { return };
        let method = request.split(|&byte| byte == b' ').next().unwrap_or_default();
        let fate = self.fate(&String::from_utf8_lossy(method));
        let answer = match fate {
            Fate::Answer(status, code) => answer(status, code),
            // Until the caller hangs up.
            Fate::Silence => return drop(caller.read(&mut [0])),
            Fate::Unconditional => ask(&without_conditions(&request)).unwrap_or_default(),
            _ => ask(&request).unwrap_or_default(),
        };
        let end = match fate {
            Fate::LostReply => 0,
            Fate::CutShort(bytes) => answer.len().min(head_length(&answer) + bytes),
            _ => answer.len(),
        };
        let _ = caller.write_all(&answer[..end]);
        let _ = caller.shutdown(Shutdown::Both);
    }
}

/// Asks the store over a connection of its own; the whole answer.
fn ask(request: &[u8]) -> io::Result<Vec<u8>> {
    let mut store = TcpStream::connect(s3::server())?;
    store.set_read_timeout(Some(PATIENCE))?;
    let line = request.iter().position(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    store.write_all(&request[..line])?;
    store.write_all(b"Connection: close\r\n")?;
    store.write_all(&request[line..])?;
    let mut answer = Vec::new();
    store.read_to_end(&mut answer)?;
    Ok(answer)
}

fn answer(status: u16, code: &str) -> Vec<u8> {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>so it was told</Message></Error>");
    let head = format!(
        "HTTP/1.1 {status} Told\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

fn without_conditions(request: &[u8]) -> Vec<u8> {
    let end = head_length(request);
    let head = String::from_utf8_lossy(&request[..end]).into_owned();
    let kept = head.split_inclusive("\r\n").filter(|line| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !matches!(name.as_str(), "if-match" | "if-none-match")
    });
    [kept.collect::<String>().into_bytes(), request[end..].to_vec()].concat()
}

fn head_length(message: &[u8]) -> usize {
    message.windows(4).position(|end| end == b"\r\n\r\n").map_or(message.len(), |at| at + 4)
}

/// Head and body, whose length stands in the head.
fn read_request(caller: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut buffer = [0; 16_384];
    loop {
        let end = head_length(&request);
        if end < request.len() || request.ends_with(b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if request.len() >= end + length.unwrap_or(0) {
                return Ok(request);
            }
        }
        match caller.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
}
