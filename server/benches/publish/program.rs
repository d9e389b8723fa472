//! The program, set up as the README does it on PostgreSQL.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cluster::Cluster;
use ed25519_dalek::SigningKey;
use proto::certificate::CertificateSigner;
use serde_json::Value;
use tempfile::TempDir;

/// The roles as a superuser makes them.
const ROLES: &str = include_str!("../../store/migrations/postgres/roles.sql");
/// The authority's signing key.
const SEED: [u8; 32] = [7; 32];

/// A served program with one authority, ended when it is dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
    _directory: TempDir,
}

impl Served {
    /// Makes the database, and serves it under the role that a service has.
    pub(crate) async fn over(cluster: &Cluster) -> Self {
        let client = cluster.connect("postgres").await.expect("connected");
        client.batch_execute(ROLES).await.expect("roles");
        client.batch_execute("CREATE ROLE server_one LOGIN IN ROLE pratique_server").await.expect("a role");
        let directory = tempfile::tempdir().expect("a directory");
        let owner = cluster.url("postgres");
        let pem = CertificateSigner::new(SigningKey::from_bytes(&SEED)).public_key().to_pem();
        std::fs::write(directory.path().join("no.pem"), pem).expect("written");
        run(directory.path(), &owner, &["migrate"]);
        run(directory.path(), &owner, &["authority", "add", "--id", "no", "--public-key", "no.pem", "--region", "NO"]);

        let service = owner.replace("user=postgres", "user=server_one");
        let mut command = program(directory.path(), &service);
        command.args([
            "--json",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--tick-ms",
            "0",
            "--chaff-per-second",
            "10000000",
        ]);
        command.args(
            ["relay-requests", "authority-uploads", "all-uploads"]
                .map(|limit| format!("--{limit}-per-minute=10000000")),
        );
        let mut child = command.stdout(Stdio::piped()).spawn().expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        let url = line["listening"].as_str().expect("a URL");
        let address = url.strip_prefix("http://").and_then(|address| address.parse().ok()).expect("an address");
        Self { child, address, _directory: directory }
    }

    /// Whose certificates are believed.
    pub(crate) fn signer(&self) -> CertificateSigner {
        CertificateSigner::new(SigningKey::from_bytes(&SEED))
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
    command.current_dir(dir).env_clear().env("SERVER_DATABASE_URL", database);
    command
}

/// Runs a command that succeeds.
fn run(dir: &Path, database: &str, arguments: &[&str]) {
    let output = program(dir, database).args(arguments).output().expect("ran");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
