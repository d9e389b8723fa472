//! Somebody who listens on a port, says always the same, and remembers what was asked.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

/// A service of somebody's.
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    /// Answers every request like this. It listens until the test ends.
    pub(crate) fn start(status: &'static str, body: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let (address, asked) = (listener.local_addr().expect("bound"), Arc::<Mutex<Vec<String>>>::default());
        let heard = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, status, &body, &heard);
            }
        });
        Self { address, asked }
    }

    /// The request lines that came.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panicked").clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn answer(mut stream: TcpStream, status: &str, body: &str, heard: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    heard.lock().expect("nobody panicked").extend(lines.next());
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    // Whoever has hung up does not want it.
    let _ = stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice());
}

/// Runs the program in a directory that has the public keys of region XA.
pub(crate) fn load(directory: &Path, flags: &[&str]) -> Output {
    load_among(directory, flags, &[])
}

/// The same, with these variables in its environment.
pub(crate) fn load_among(directory: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Output {
    // An Ed25519 key (RFC 8410, section 10.1): nothing is read that it would have to have signed.
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    std::fs::write(directory.join("XA-manifest.pem"), pem).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_load"));
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("LOAD_") {
            command.env_remove(variable);
        }
    }
    command.env("LOAD_ADMIN_KEY", "xa.admin.SECRET").env("LOAD_DEVICE_KEY", "xa.device.SECRET");
    command.envs(variables.iter().copied()).current_dir(directory).args(flags).output().expect("runs")
}

/// The flags of a target with these URLs.
pub(crate) fn target<'a>(verification: &'a str, server: &'a str, cdn: &'a str) -> Vec<&'a str> {
    let urls = ["--verification", verification, "--server", server, "--cdn", cdn];
    [&urls[..], &["--authority", "xa", "--region", "XA", "--trust", "."]].concat()
}
