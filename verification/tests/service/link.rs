//! The connection between a service and its database, which can be cut at the worst moment: when something is committed, and the service does
//! not know it yet.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tempfile::TempDir;

/// What is waited for.
struct Trap {
    /// The name of a statement that no connection has prepared yet: whoever runs it sends it.
    statement: &'static str,
    /// Looks whether what the statement does is committed.
    committed: Box<dyn Fn() -> bool + Send>,
    /// Who wants to know.
    tell: Sender<()>,
}

/// The trap that is set; none while everything passes.
type Set = Arc<Mutex<Option<Trap>>>;

/// A socket in front of a server's. Its threads end with the connections.
pub(crate) struct Link {
    directory: TempDir,
    set: Set,
}

impl Link {
    /// Opens a socket before the one of a server.
    pub(crate) fn before(server: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(directory.path().join(".s.PGSQL.5432")).expect("a socket");
        let (server, set) = (server.to_owned(), Set::default());
        let for_connections = Arc::clone(&set);
        thread::spawn(move || {
            for service in listener.incoming() {
                let (server, set) = (server.clone(), Arc::clone(&for_connections));
                // A server that is not there is one of the things that happen.
                thread::spawn(move || connect(service?, &server, &set));
            }
        });
        Self { directory, set }
    }

    /// The directory with the socket.
    pub(crate) fn host(&self) -> &Path {
        self.directory.path()
    }

    /// The next time this statement is run, nothing that comes after its commit reaches the service over the same connection. The receiver
    /// hears when it has committed.
    pub(crate) fn hold(&self, statement: &'static str, committed: impl Fn() -> bool + Send + 'static) -> Receiver<()> {
        let (tell, told) = mpsc::channel();
        let trap = Trap { statement, committed: Box::new(committed), tell };
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = Some(trap);
        told
    }
}

/// Carries one connection until either side hangs up.
fn connect(service: UnixStream, server: &Path, set: &Set) -> io::Result<()> {
    let server = UnixStream::connect(server)?;
    let runs_it = Arc::new(AtomicBool::new(false));
    let asking = thread::spawn({
        let (service, server, set, runs_it) =
            (service.try_clone()?, server.try_clone()?, Arc::clone(set), Arc::clone(&runs_it));
        move || ask(&service, &server, &set, &runs_it)
    });
    let answered = answer(&server, &service, set, &runs_it);
    // A side that is gone already need not be told.
    let _ = (service.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    let _ = asking.join();
    answered
}

/// Carries what the service says, and notes whether that is the statement that is waited for.
fn ask(mut service: &UnixStream, mut server: &UnixStream, set: &Set, runs_it: &AtomicBool) -> io::Result<()> {
    let mut bytes = [0; 65_536];
    loop {
        let read = service.read(&mut bytes)?;
        if read == 0 {
            return server.shutdown(Shutdown::Both);
        }
        if set.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|trap| trap.is_in(&bytes[..read])) {
            runs_it.store(true, Ordering::SeqCst);
        }
        server.write_all(&bytes[..read])?;
    }
}

/// Carries what the server says, until it would tell of the commit.
fn answer(mut server: &UnixStream, mut service: &UnixStream, set: &Set, runs_it: &AtomicBool) -> io::Result<()> {
    let mut bytes = [0; 65_536];
    loop {
        let read = server.read(&mut bytes)?;
        if read == 0 {
            return Ok(());
        }
        if runs_it.load(Ordering::SeqCst) && springs(set) {
            // Nothing more passes, until the service or the server is gone.
            while server.read(&mut bytes)? > 0 {}
            return Ok(());
        }
        service.write_all(&bytes[..read])?;
    }
}

impl Trap {
    /// Whether its statement is in a message. One is sent whole, and is short.
    fn is_in(&self, message: &[u8]) -> bool {
        message.windows(self.statement.len()).any(|window| window == self.statement.as_bytes())
    }
}

/// Whether what the statement does is committed. The trap springs once.
fn springs(set: &Set) -> bool {
    let sprung = set.lock().unwrap_or_else(PoisonError::into_inner).take_if(|trap| (trap.committed)());
    sprung.is_some_and(|trap| trap.tell.send(()).is_ok())
}
