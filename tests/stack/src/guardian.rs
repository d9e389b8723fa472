//! Whoever cleans up after a deployment, even if the test that started it is killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, ensure};

/// The shell script that it runs.
const SCRIPT: &str = include_str!("guardian.sh");

/// A shell that holds the directory of a deployment and knows its processes. When this value is dropped, or this process ends in whatever way, it kills
/// what still runs and removes the directory.
#[derive(Debug)]
pub(crate) struct Guardian {
    shell: Child,
    /// The pipe whose end is its sign; none once this value is being dropped.
    told: Mutex<Option<ChildStdin>>,
    directory: PathBuf,
}

impl Guardian {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "guardian"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        // In a process group of its own, a signal to the test's group passes it by.
        let mut shell = command.process_group(0).spawn().context("sh")?;
        let mut directory = String::new();
        BufReader::new(shell.stdout.take().context("its output is piped")?).read_line(&mut directory)?;
        ensure!(directory.starts_with('/'), "no directory could be made for the deployment");
        let told = Mutex::new(shell.stdin.take());
        Ok(Self { shell, told, directory: directory.trim_end().into() })
    }

    /// Where everything of the deployment lies.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// From now on this process is to be killed in the end.
    pub(crate) fn started(&self, process: u32) {
        self.tell(format_args!("started {process}"));
    }

    /// It has ended, and its number may be another's.
    pub(crate) fn ended(&self, process: u32) {
        self.tell(format_args!("ended {process}"));
    }

    /// A file system is mounted here until the end.
    pub(crate) fn mounted(&self, path: &Path) {
        self.tell(format_args!("mounted {}", path.display()));
    }

    fn tell(&self, line: std::fmt::Arguments<'_>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = told.as_mut() {
            // A shell that is gone has cleaned up already.
            let _ = writeln!(told, "{line}");
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.told.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.shell.wait();
    }
}
