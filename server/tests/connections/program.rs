//! The program, running.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::authority::NORTH;

/// A server behind a proxy on this machine, over a SQLite file, which knows the north. It ends with this value.
pub(crate) struct Program {
    process: Child,
    pub(crate) address: SocketAddr,
    _directory: TempDir,
}

impl Program {
    /// Starts it with these flags.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("north.pem"), NORTH.public_key().to_pem()).expect("written");
        let command = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
            command.current_dir(directory.path()).env_clear().env("SERVER_DATABASE_URL", "sqlite:keys.db");
            command
        };
        let add = ["authority", "add", "--id", "north", "--public-key", "north.pem", "--region", "NO"];
        assert!(command().args(add).output().expect("it runs").status.success());
        let mut process = command()
            .args(["serve", "--listen", "127.0.0.1:0", "--json", "--trusted-proxies", "1"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        let url = line["listening"].as_str().and_then(|url| url.strip_prefix("http://")).expect("a URL");
        Self { address: url.parse().expect("an address"), process, _directory: directory }
    }

    /// The most memory that it ever had, in MiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("KiB") / 1_024
    }

    /// How many connections it holds, and files.
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("it runs").count()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
