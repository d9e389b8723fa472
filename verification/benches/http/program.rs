//! The program, set up as the README does it on PostgreSQL.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cluster::Cluster;
use serde_json::Value;
use tempfile::TempDir;

/// The roles as a superuser makes them.
const ROLES: &str = include_str!("../../../server/store/migrations/postgres/roles.sql");

/// A served program with one authority, ended when it is dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: String,
    pub(crate) device: String,
    _directory: TempDir,
}

impl Served {
    /// Makes the database, and serves it under the role that a service has.
    pub(crate) async fn over(cluster: &Cluster) -> Self {
        let client = cluster.connect("postgres").await.expect("connected");
        client.batch_execute(ROLES).await.expect("roles");
        let login = "CREATE ROLE verification_one LOGIN IN ROLE pratique_verification";
        client.batch_execute(login).await.expect("a role");
        let directory = tempfile::tempdir().expect("a directory");
        let owner = cluster.url("postgres");
        let make = |arguments: &[&str]| json_of(directory.path(), &owner, arguments);
        make(&["secret", "create"]);
        make(&["migrate"]);
        make(&["authority", "create", "--id", "no"]);
        make(&["keys", "generate", "--authority", "no"]);
        let key = |kind| make(&["api-key", "create", "--authority", "no", "--kind", kind])["api_key"].clone();
        let [admin, device] = ["admin", "device"].map(|kind| key(kind).as_str().expect("a key").to_owned());

        let service = owner.replace("user=postgres", "user=verification_one");
        let mut command = program(directory.path(), &service);
        let mut child = command
            .args(["--json", "serve", "--listen", "127.0.0.1:0", "--tick-ms", "0", "--chaff-per-second", "10000000"])
            .args(
                ["relay-requests", "authority-uploads", "all-uploads"]
                    .map(|limit| format!("--{limit}-per-minute=10000000")),
            )
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        let url = line["listening"].as_str().expect("a URL");
        let address = url.strip_prefix("http://").and_then(|address| address.parse().ok()).expect("an address");
        Self { child, address, admin, device, _directory: directory }
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(dir: &Path, database: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verification"));
    command.current_dir(dir).env_clear().env("VERIFICATION_DATABASE_URL", database);
    command.env("VERIFICATION_SECRET_FILE", "codes.secret").env("VERIFICATION_SIGNING_KEY_DIR", "keys");
    command
}

/// Runs a command that succeeds with a line of JSON.
fn json_of(dir: &Path, database: &str, arguments: &[&str]) -> Value {
    let output = program(dir, database).arg("--json").args(arguments).output().expect("ran");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
