//! A real S3 server: moto, which keeps everything in memory and decides conditional writes atomically.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::http::{self, Answer};
use crate::programs::root;

/// A thread of Python's gives way to others no sooner than when it waits, so that whether an object is there is not asked twice before it is written:
/// conditional writes are decided as a store decides them.
///
/// The server runs in a thread of Python's, while the main one waits for the end of its input: whatever ends the tests ends it too.
const PROGRAM: &str = "
import sys, threading
sys.setswitchinterval(10)
from werkzeug.serving import make_server
from moto.server import DomainDispatcherApplication, create_backend_app
server = make_server('127.0.0.1', 0, DomainDispatcherApplication(create_backend_app), threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
";
/// What moto takes for a signature of ours: it looks for one, and not at it.
pub const SIGNATURE: &str =
    "AWS4-HMAC-SHA256 Credential=id/20260101/eu-north-1/s3/aws4_request, SignedHeaders=host, Signature=0";
/// How often something is read at the most, if moto is in its own way.
const READS: u32 = 5;
/// The region that its buckets are in.
pub const REGION: &str = "eu-north-1";

/// A running server. It ends with this value, and with this process.
#[derive(Debug)]
pub struct ObjectStore {
    address: SocketAddr,
    server: Child,
    /// Its sign to end.
    input: Option<ChildStdin>,
}

impl ObjectStore {
    /// Starts one and waits until it listens.
    ///
    /// # Errors
    /// If Python or moto are not there; `tests/run` installs both.
    pub fn start() -> anyhow::Result<Self> {
        let python = root().join("target/python/bin/python");
        let missing = "moto does not start; run tests/run once, which makes target/python";
        let mut command = Command::new(python);
        command.args(["-c", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = command.spawn().context(missing)?;
        let mut port = String::new();
        BufReader::new(server.stdout.take().context("its output is piped")?).read_line(&mut port)?;
        let port: u16 = port.trim().parse().context(missing)?;
        let input = server.stdin.take();
        Ok(Self { address: ([127, 0, 0, 1], port).into(), server, input })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create_bucket(&self, name: &str) -> anyhow::Result<()> {
        // Whoever signs names a region, and would have to name it in the body, too.
        self.done(&http::ask(self.address, ("PUT", &format!("/{name}")), "", &[])?)
    }

    /// Lets everybody read the objects of a bucket, as a CDN does.
    ///
    /// # Errors
    /// If it is not taken.
    pub fn open_to_readers(&self, bucket: &str) -> anyhow::Result<()> {
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": format!("arn:aws:s3:::{bucket}/*"),
            }],
        });
        self.done(&self.ask(("PUT", &format!("/{bucket}?policy")), policy.to_string().as_bytes())?)
    }

    /// An object; none if it is not there.
    ///
    /// # Errors
    /// If the server says anything else.
    pub fn object(&self, bucket: &str, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let answer = self.read(&format!("/{bucket}/{path}"))?;
        if answer.status == 404 {
            return Ok(None);
        }
        self.done(&answer)?;
        Ok(Some(answer.body))
    }

    /// The names of all objects of a bucket.
    ///
    /// # Errors
    /// If the server does not list them.
    pub fn names(&self, bucket: &str) -> anyhow::Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        loop {
            // It gives out a thousand at a time. Our names need no escapes.
            let after = names.last().map(|last| format!("&start-after={last}")).unwrap_or_default();
            let answer = self.read(&format!("/{bucket}?list-type=2{after}"))?;
            self.done(&answer)?;
            let listed = String::from_utf8(answer.body)?;
            let found = listed.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
            names.extend(found.map(str::to_owned));
            if !listed.contains("<IsTruncated>true</IsTruncated>") {
                return Ok(names);
            }
        }
    }

    /// Asks until the answer is another than 500, which moto gives now and then where somebody reads what another one of its threads writes.
    fn read(&self, path: &str) -> std::io::Result<Answer> {
        for _ in 1..READS {
            let answer = self.ask(("GET", path), &[])?;
            if answer.status != 500 {
                return Ok(answer);
            }
        }
        self.ask(("GET", path), &[])
    }

    fn ask(&self, request: (&str, &str), body: &[u8]) -> std::io::Result<Answer> {
        http::ask(self.address, request, &format!("Authorization: {SIGNATURE}\r\n"), body)
    }

    fn done(&self, answer: &Answer) -> anyhow::Result<()> {
        let said = String::from_utf8_lossy(&answer.body);
        ensure!((200..300).contains(&answer.status), "the object store answers {}: {said}", answer.status);
        Ok(())
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
