//! The program `ready`: asks a URL, and says by its exit code whether the answer was 200. It is how a container is asked whether it is well, in images
//! that have neither a shell nor curl.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

/// What may be typed.
const HELP: &str = "\
Asks a URL and says by its exit code whether it answers 200, for instance as the health check of a container.

Usage: ready http://HOST:PORT/PATH

Exit codes: 0 it answered 200, 1 it answered something else or nothing within 5 seconds, 2 the command line was not understood.";

/// How long each step may take: to connect, to ask, and to be answered.
const PATIENCE: Duration = Duration::from_secs(5);
/// How the answer begins that is asked for (RFC 9112, section 4), whatever the reason phrase.
const WELL: &[u8] = b"HTTP/1.1 200";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url] = arguments.as_slice() else { return misunderstood("it takes one URL") };
    if url == "--help" || url == "-h" {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let Some((host, path)) = parts(url) else { return misunderstood("the URL must be http://HOST:PORT/PATH") };
    match is_well(host, path) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => failed(url, &"the answer was not 200"),
        Err(why) => failed(url, &why),
    }
}

fn misunderstood(why: &str) -> ExitCode {
    eprintln!("ready: {why}\n\n{HELP}");
    ExitCode::from(2)
}

fn failed(url: &str, why: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("ready: {url}: {why}");
    ExitCode::FAILURE
}

/// Host with port, and path.
fn parts(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.split_at(rest.find('/')?);
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
    (host.contains(':') && plain(host) && plain(path)).then_some((host, path))
}

/// Whether the first of the host's addresses that can be reached answers 200.
fn is_well(host: &str, path: &str) -> io::Result<bool> {
    let mut connection = connect(host)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    // At once: `write!` would send every piece of it in a packet of its own.
    connection.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut begin = [0; WELL.len()];
    connection.read_exact(&mut begin)?;
    Ok(begin == WELL)
}

fn connect(host: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in host.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(connection) => return Ok(connection),
            Err(why) => last = why,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpListener;

    use super::*;

    /// Whether somebody who answers so is well, and what was asked.
    fn asked(answer: &'static str) -> (io::Result<bool>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let other = std::thread::spawn(move || {
            let (mut caller, _) = listener.accept().expect("a caller");
            let question = read_question(&caller);
            caller.write_all(answer.as_bytes()).expect("answered");
            question
        });
        let well = is_well(&host, "/readyz");
        (well, other.join().expect("it ended"))
    }

    /// Up to the empty line, in however many packets it comes.
    fn read_question(caller: &TcpStream) -> String {
        let mut question = String::new();
        let mut lines = BufReader::new(caller);
        while !question.ends_with("\r\n\r\n") {
            assert_ne!(lines.read_line(&mut question).expect("a question"), 0, "cut short: {question}");
        }
        question
    }

    #[test]
    fn only_200_is_well() {
        let (well, question) = asked("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        assert!(well.expect("answered") && question.starts_with("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:"));
        assert!(!asked("HTTP/1.1 503 Service Unavailable\r\n\r\n").0.expect("answered"));
        assert!(asked("HTTP/1.1").0.is_err(), "cut short");
    }

    #[test]
    fn a_url_has_a_host_a_port_and_a_path() {
        assert_eq!(parts("http://127.0.0.1:80/readyz"), Some(("127.0.0.1:80", "/readyz")));
        assert_eq!(parts("http://[::1]:80/"), Some(("[::1]:80", "/")));
        for bad in ["", "https://h:1/", "http://h:1", "http://h/", "http://h:1/a b", "http://h:1/\r\nX: y"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }
}
