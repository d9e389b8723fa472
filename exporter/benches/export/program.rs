//! The program, as somebody runs it.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use cluster::{Cluster, processor_time};
use tempfile::TempDir;

/// How often a process that runs is asked for its peak of memory, which only ever rises.
const PAUSE: Duration = Duration::from_millis(2);

/// An exporter with its keys and buckets.
pub(crate) struct Program {
    directory: TempDir,
    database: String,
}

/// What a pass cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// In processor time.
    pub(crate) processor: Duration,
    /// The highest resident memory, in KiB.
    pub(crate) memory: u64,
}

impl Program {
    /// Makes keys.
    pub(crate) async fn new(cluster: &Cluster) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let program =
            Self { directory, database: cluster.url("postgres").replace("user=postgres", "user=exporter_one") };
        let keys = program.command(&["keys", "generate", "--region", "NO", "--dir", "keys"]).status();
        assert!(keys.expect("started").success());
        program
    }

    /// One pass that fills a bucket.
    pub(crate) fn export(&self, bucket: &str) -> Cost {
        let before = processor_time::of_ended_children();
        let bucket = format!("{bucket}=file:{}", self.bucket(bucket).display());
        let mut child = self
            .command(&["once", "--signing-key-dir", "keys", "--minimum-keys", "1", "--bucket", &bucket])
            .spawn()
            .expect("started");
        let mut memory = 0;
        let ended = loop {
            memory = memory.max(peak_kib(child.id()));
            if let Some(ended) = child.try_wait().expect("it is a child") {
                break ended;
            }
            std::thread::sleep(PAUSE);
        };
        assert!(ended.success(), "{ended}");
        Cost { processor: processor_time::of_ended_children() - before, memory }
    }

    /// How many bytes the bundles of a bucket have.
    pub(crate) fn bytes(&self, bucket: &str) -> u64 {
        let files = std::fs::read_dir(self.bucket(bucket).join("NO/gaen")).expect("a feed").flatten();
        let bundles = files.filter(|file| file.path().extension().is_some_and(|end| end == "zip"));
        bundles.map(|bundle| bundle.metadata().expect("a file").len()).sum()
    }

    fn bucket(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_exporter"));
        command.args(arguments).current_dir(self.directory.path()).env_clear();
        command.env("EXPORTER_DATABASE_URL", &self.database).stdout(Stdio::null());
        command
    }
}

/// The highest resident memory of a process so far, in KiB; 0 if it is gone.
fn peak_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or_default()
}
