//! Somebody between programs and their object store, who lets requests pass, answers in the store's place, loses what is said, or is not there.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a side may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It passes, and so does the answer.
    Pass,
    /// It passes without its conditions.
    Unconditional,
    /// It does not pass: this status and code are the answer.
    Answer(u16, &'static str),
    /// It does not pass, and there is no answer, for as long as anybody waits or until requests have another fate.
    Silence,
    /// It passes after so long.
    Late(Duration),
    /// It passes, and the answer is lost.
    LostReply,
    /// It passes, and the answer ends after this many bytes of its body.
    CutShort(usize),
}

/// The one between. The next requests with a method have the fates that were set for it; all others pass. Its threads end with the process, or
/// when [`refuse`](Self::refuse) is called.
#[derive(Debug, Clone)]
pub struct Between {
    address: SocketAddr,
    store: SocketAddr,
    fates: Arc<Mutex<Fates>>,
}

#[derive(Debug)]
struct Fates {
    all: Fate,
    /// The fate of the request at a place, counted from 0, and whether it is that of all which follow.
    at: Option<(usize, Fate, bool)>,
    next: VecDeque<(&'static str, Fate)>,
    seen: Vec<String>,
    /// Whether nobody is let in.
    refusing: bool,
    /// Who has come and is neither answered nor has given up, by the order in which they came; and who of them waits in vain.
    open: HashMap<usize, Caller>,
    come: usize,
}

#[derive(Debug)]
struct Caller {
    stream: TcpStream,
    in_vain: bool,
}

impl Between {
    /// Stands before the store at this address, at a port that is free.
    ///
    /// # Errors
    /// If there is none.
    pub fn before(store: SocketAddr) -> io::Result<Self> {
        Self::at(([127, 0, 0, 1], 0).into(), store)
    }

    /// The same at an address that the caller chose.
    ///
    /// # Errors
    /// If somebody else is there.
    pub fn at(address: SocketAddr, store: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let (next, open) = (VecDeque::new(), HashMap::new());
        let fates = Fates { all: Fate::Pass, at: None, next, seen: Vec::new(), refusing: false, open, come: 0 };
        let between = Self { address: listener.local_addr()?, store, fates: Arc::new(Mutex::new(fates)) };
        between.clone().listen(listener);
        Ok(between)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happens to the next requests with a method, one after the other.
    pub fn set(&self, method: &'static str, fates: &[Fate]) {
        let mut all = self.locked();
        all.next.extend(fates.iter().map(|fate| (method, *fate)));
    }

    /// What happens to all others. Whoever waits in vain is hung up on.
    pub fn set_all(&self, fate: Fate) {
        let mut fates = self.locked();
        fates.all = fate;
        fates.open.values().filter(|caller| caller.in_vain).for_each(Caller::hang_up);
    }

    /// What happens to the request at a place, counted from 0; and, if it is for good, to all that follow.
    pub fn set_at(&self, at: usize, fate: Fate, for_good: bool) {
        self.locked().at = Some((at, fate, for_good));
    }

    /// Is gone as a process is that was killed: every connection is cut, and nobody listens any more.
    pub fn refuse(&self) {
        let mut fates = self.locked();
        fates.refusing = true;
        fates.open.values().for_each(Caller::hang_up);
        drop(fates);
        // Whoever waits for callers looks up, and closes the door behind this one.
        drop(TcpStream::connect(self.address));
        while TcpStream::connect(self.address).is_ok() {
            std::thread::yield_now();
        }
    }

    /// Is there again, at the same address.
    ///
    /// # Errors
    /// If somebody else is.
    pub fn accept_again(&self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address)?;
        self.locked().refusing = false;
        self.clone().listen(listener);
        Ok(())
    }

    /// The methods of all requests that have come, in their order.
    pub fn methods(&self) -> Vec<String> {
        self.locked().seen.clone()
    }

    /// Whether nothing is on its way.
    pub fn is_settled(&self) -> bool {
        self.locked().open.is_empty()
    }

    /// How many requests with a method have come.
    pub fn seen(&self, method: &str) -> usize {
        let fates = self.locked();
        fates.seen.iter().filter(|seen| *seen == method).count()
    }

    fn listen(self, listener: TcpListener) {
        std::thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let Some(number) = self.let_in(&caller) else { return };
                let serving = self.clone();
                std::thread::spawn(move || {
                    serving.pass_on(caller, number);
                    serving.locked().open.remove(&number);
                });
            }
        });
    }

    /// The number of a caller; none if nobody is let in.
    fn let_in(&self, caller: &TcpStream) -> Option<usize> {
        let mut fates = self.locked();
        if fates.refusing {
            return None;
        }
        let number = fates.come;
        fates.come += 1;
        if let Ok(stream) = caller.try_clone() {
            fates.open.insert(number, Caller { stream, in_vain: false });
        }
        Some(number)
    }

    fn locked(&self) -> MutexGuard<'_, Fates> {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fate of a request with this method, which a caller sent.
    fn fate(&self, method: &str, number: usize) -> Fate {
        let mut fates = self.locked();
        let place = fates.seen.len();
        fates.seen.push(method.to_owned());
        let fate = fates.next_fate(method, place);
        if fate == Fate::Silence
            && let Some(caller) = fates.open.get_mut(&number)
        {
            caller.in_vain = true;
        }
        fate
    }

    /// One request a connection: what is wrong with the connection itself is the tests' business no further.
    fn pass_on(&self, mut caller: TcpStream, number: usize) {
        let _ = caller.set_read_timeout(Some(PATIENCE));
        let Ok(request) = read_request(&mut caller) else { return };
        let method = request.split(|&byte| byte == b' ').next().unwrap_or_default();
        let fate = self.fate(&String::from_utf8_lossy(method), number);
        let answer = match fate {
            Fate::Answer(status, code) => answer(status, code),
            // Until somebody hangs up.
            Fate::Silence => return drop(caller.read(&mut [0])),
            Fate::Unconditional => ask(self.store, &without_conditions(&request)).unwrap_or_default(),
            Fate::Late(wait) => {
                std::thread::sleep(wait);
                ask(self.store, &request).unwrap_or_default()
            }
            _ => ask(self.store, &request).unwrap_or_default(),
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

impl Fates {
    fn next_fate(&mut self, method: &str, place: usize) -> Fate {
        match self.at {
            Some((at, fate, for_good)) if at == place || (for_good && at < place) => return fate,
            _ => {}
        }
        let next = self.next.iter().position(|(of, _)| *of == method);
        next.and_then(|next| self.next.remove(next)).map_or(self.all, |(_, fate)| fate)
    }
}

impl Caller {
    fn hang_up(&self) {
        // They may have done so themselves.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Asks the store over a connection of its own; the whole answer.
fn ask(store: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut store = TcpStream::connect(store)?;
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
