//! An object store that speaks S3, for the commands of a page.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::page::root;

/// The store runs in a thread of Python's, while the main one waits for the end of its input: whatever ends the test ends it too.
const PROGRAM: &str = "
import sys, threading
from werkzeug.serving import make_server
from moto.server import DomainDispatcherApplication, create_backend_app
server = make_server('127.0.0.1', 0, DomainDispatcherApplication(create_backend_app), threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
";

/// The store, for as long as this lives.
pub(crate) struct Moto {
    /// `HOST:PORT`.
    pub(crate) address: String,
    process: Child,
}

impl Moto {
    /// Starts it, empty.
    pub(crate) fn start() -> Self {
        let python = root().join("target/python/bin/python");
        let mut command = Command::new(python);
        command.args(["-c", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("Python; run tests/run once, which makes target/python");
        let mut port = String::new();
        let said = BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut port);
        assert!(said.is_ok_and(|length| length > 0), "moto does not start; run tests/run once, which installs it");
        Self { address: format!("127.0.0.1:{}", port.trim()), process }
    }

    /// Makes a bucket, as its owner would.
    pub(crate) fn make_bucket(&self, name: &str) {
        let made = Command::new("curl")
            .args(["-sS", "--fail", "-X", "PUT", &format!("http://{}/{name}", self.address)])
            .output()
            .expect("curl; apt-get install curl (tests/run does it)");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
