//! A running `pratique serve`.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use client::{BaseUrl, Http, Subscription, Trust, Verification};
use exporter::keys::{KeyPurpose, public_file};
use proto::api::verification::IssueReply;
use proto::bundle::{BundleKey, Limits};
use proto::manifest::note_name;
use proto::note::NoteVerifier;
use proto::{Feed, Kind, Region};
use serde_json::Value;

use crate::files::pratique;
use crate::socket::ask;

/// Nothing here takes longer than a few seconds unless it is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Held by whoever starts a program; alone by whoever needs ports again that another one could be given meanwhile.
static TAKING_PORTS: RwLock<()> = RwLock::new(());

/// The program, and what it wrote into access.json. Dropping it kills it, should the test not have stopped it.
pub(crate) struct Served {
    child: Child,
    dir: PathBuf,
    access: Value,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    /// Starts it on free ports, exporting every second, and waits for access.json as a script would.
    pub(crate) fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[])
    }

    pub(crate) fn start_with(dir: &Path, more: &[&str]) -> Self {
        let _others_too = TAKING_PORTS.read().unwrap_or_else(PoisonError::into_inner);
        Self::begin(dir, more)
    }

    /// Kills it and starts it again, on the ports that it had.
    pub(crate) fn kill_and_start_again(self) -> Self {
        let _alone = TAKING_PORTS.write().unwrap_or_else(PoisonError::into_inner);
        let hosts = ["/verification", "/server", "/cdn"].map(|service| self.text(service).replace("http://", ""));
        let dir = self.dir.clone();
        drop(self);
        assert!(hosts.iter().all(|host| TcpStream::connect(host).is_err()));
        let served = Self::begin(&dir, &[]);
        wait_for("the old ports", || hosts.iter().all(|host| TcpStream::connect(host).is_ok()).then_some(()));
        served
    }

    fn begin(dir: &Path, more: &[&str]) -> Self {
        let directory = dir.display().to_string();
        let mut flags = vec!["serve", "--dir", &directory, "--export-period", "1"];
        flags.extend(["--verification-port", "0", "--server-port", "0", "--cdn-port", "0", "--tick-ms", "0"]);
        flags.extend(more);
        let child = pratique(&flags).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
        let mut served = Self { child, dir: dir.to_owned(), access: Value::Null };
        let path = dir.join("access.json");
        served.access = wait_for("access.json", || {
            assert!(served.child.try_wait().expect("ours").is_none(), "it ended before it listened");
            fs::read(&path).ok().map(|json| serde_json::from_slice(&json).expect("written whole"))
        });
        served
    }

    /// A text of access.json, by JSON pointer.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.access.pointer(pointer).and_then(Value::as_str).expect("documented")
    }

    /// A base URL of access.json.
    pub(crate) fn base(&self, service: &str) -> BaseUrl {
        BaseUrl::new(self.text(&format!("/{service}"))).expect("a URL")
    }

    /// Issues a code as the authority's own system would.
    pub(crate) fn issue(&self) -> String {
        let key = format!("X-API-Key: {}", self.text("/api_keys/admin"));
        let head = ["POST /api/issue", &key, "content-type: application/json"];
        let answer = ask(self.text("/verification"), &head, r#"{"testType":"confirmed"}"#);
        assert_eq!(answer.status, 200, "{}", answer.header);
        let reply: IssueReply = serde_json::from_slice(&answer.body).expect("documented");
        reply.code
    }

    /// The verification service as an app sees it.
    pub(crate) fn verification(&self, http: &Http) -> Verification {
        let device_key = self.text("/api_keys/device");
        Verification::new(http.clone(), self.base("verification"), device_key).expect("a key")
    }

    /// A feed as an app follows it that has pinned the keys under DIR.
    pub(crate) fn subscription(&self, http: &Http, kind: Kind) -> Subscription {
        let region: Region = self.text("/region").parse().expect("a region");
        let read =
            |purpose| fs::read_to_string(public_file(&self.dir.join("keys"), &region, purpose)).expect("a public key");
        let key = BundleKey::from_pem(&read(KeyPurpose::Bundle(kind))).expect("a key");
        let manifest = NoteVerifier::from_pem(&note_name(&region), &read(KeyPurpose::Manifest)).expect("a key");
        let trust = Trust { keys: vec![key], manifest: Some(manifest), limits: Limits::default() };
        Subscription::new(http.clone(), self.base("cdn"), Feed::verified(region, kind), trust)
    }

    /// Makes what was uploaded so far a quarter of an hour older, so that nobody has to wait for its release: the program keeps its own time.
    pub(crate) fn let_a_quarter_pass(&self) {
        let database = rusqlite::Connection::open(self.dir.join("db/keys.sqlite")).expect("its database");
        for table in ["gaen_waiting", "tcn_waiting"] {
            let older = format!("UPDATE {table} SET release_at = release_at - 900 WHERE release_at > unixepoch()");
            database.busy_timeout(PATIENCE).and_then(|()| database.execute(&older, [])).expect("written");
        }
    }

    /// Asks it to stop as a service manager or a terminal would, and waits until it has.
    pub(crate) fn stop(mut self, signal: &str) -> ExitStatus {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        wait_for("the end", || self.child.try_wait().expect("ours"))
    }
}

/// Asks until there is an answer: neither a file nor another program's end is an event that could be awaited without asking.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}
