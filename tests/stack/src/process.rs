//! A process of a deployment, which can be killed and started again.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::guardian::Guardian;
use crate::http;

/// Nothing takes longer to start or to end unless it is broken.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two questions whether it has. Nobody tells a parent when a child listens.
const PAUSE: Duration = Duration::from_millis(10);

/// How to see that a process is there for others.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ready {
    /// Somebody accepts connections.
    Port(SocketAddr),
    /// This path is answered with 200.
    Path(SocketAddr, &'static str),
}

/// What is started.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(String, OsString)>,
    pub(crate) ready: Ready,
}

impl Spec {
    /// The same such that a file which gets too large is an error for it, and not its end.
    pub(crate) fn tolerant(self) -> Self {
        let script = r#"trap "" XFSZ; exec "$0" "$@""#;
        let mut arguments: Vec<OsString> = vec!["-c".into(), script.into(), self.program.into()];
        arguments.extend(self.arguments);
        Self { program: "sh".into(), arguments, ..self }
    }
}

/// A child process and how to start it. What it says goes to a file. It is killed when this value is dropped, and when the test is killed.
#[derive(Debug)]
pub struct Process {
    spec: Spec,
    log: PathBuf,
    guardian: Arc<Guardian>,
    running: Mutex<Option<Child>>,
}

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Its memory that is in use (`VmRSS`), in bytes.
    pub resident: u64,
    /// How many descriptors are open.
    pub descriptors: usize,
}

impl Process {
    pub(crate) fn new(spec: Spec, guardian: Arc<Guardian>) -> Self {
        let log = guardian.directory().join(format!("{}.log", spec.name));
        Self { spec, log, guardian, running: Mutex::new(None) }
    }

    /// What it is called: `server-1`.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What it said on standard output and standard error, over all its lives.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its number, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.running().as_ref().map(Child::id)
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// If it runs already, or ends before it is ready, with the end of what it said.
    pub fn start(&self) -> anyhow::Result<()> {
        self.spawn()?;
        let asked = Instant::now();
        while !self.is_ready() {
            if let Some(status) = self.ended()? {
                bail!("{} ended before it was ready: {status}\n{}", self.name(), self.last_words());
            }
            ensure!(asked.elapsed() < PATIENCE, "{} is not ready\n{}", self.name(), self.last_words());
            sleep(PAUSE);
        }
        Ok(())
    }

    /// Starts it and does not wait for anything: for programs whose start is part of what is tried.
    ///
    /// # Errors
    /// If it runs already, or cannot be started.
    pub fn spawn(&self) -> anyhow::Result<()> {
        let mut running = self.running();
        ensure!(running.is_none(), "{} runs already", self.name());
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.spec.program);
        command.args(&self.spec.arguments).envs(self.spec.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| self.spec.program.display().to_string())?;
        self.guardian.started(child.id());
        *running = Some(child);
        Ok(())
    }

    /// Whether others can use it now.
    pub fn is_ready(&self) -> bool {
        match self.spec.ready {
            Ready::Port(address) => TcpStream::connect(address).is_ok(),
            Ready::Path(address, path) => http::get(address, path).is_ok_and(|answer| answer.status == 200),
        }
    }

    /// Waits until it is ready by itself: it is not started again.
    ///
    /// # Errors
    /// If it has ended, or is not ready within two minutes.
    pub fn wait_until_ready(&self) -> anyhow::Result<()> {
        let asked = Instant::now();
        while !self.is_ready() {
            if let Some(status) = self.ended()? {
                bail!("{} has ended: {status}\n{}", self.name(), self.last_words());
            }
            ensure!(asked.elapsed() < PATIENCE, "{} does not get ready\n{}", self.name(), self.last_words());
            sleep(PAUSE);
        }
        Ok(())
    }

    /// Kills it with SIGKILL and waits until it is gone. One that does not run stays so.
    ///
    /// # Errors
    /// If the system does not let us.
    pub fn kill(&self) -> anyhow::Result<()> {
        let Some(mut child) = self.running().take() else { return Ok(()) };
        // It may have ended by itself in this moment.
        let _ = child.kill();
        child.wait()?;
        self.guardian.ended(child.id());
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits until it has; what it ended with.
    ///
    /// # Errors
    /// If it does not run, or has not ended after two minutes.
    pub fn terminate(&self) -> anyhow::Result<ExitStatus> {
        let id = self.id().with_context(|| format!("{} does not run", self.name()))?;
        self.signal(id, "-TERM")?;
        let asked = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            ensure!(asked.elapsed() < PATIENCE, "{} does not end\n{}", self.name(), self.last_words());
            sleep(PAUSE);
        }
    }

    /// What it ended with, if it has; from then on it may be started again.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn ended(&self) -> anyhow::Result<Option<ExitStatus>> {
        let mut running = self.running();
        let Some(child) = running.as_mut() else { bail!("{} does not run", self.name()) };
        let Some(status) = child.try_wait()? else { return Ok(None) };
        self.guardian.ended(child.id());
        *running = None;
        Ok(Some(status))
    }

    /// What it holds now; none if it does not run.
    pub fn figures(&self) -> Option<Figures> {
        let process = PathBuf::from("/proc").join(self.id()?.to_string());
        let status = fs::read_to_string(process.join("status")).ok()?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let resident: u64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
        let descriptors = fs::read_dir(process.join("fd")).ok()?.count();
        Some(Figures { resident: resident * 1_024, descriptors })
    }

    /// The last lines of its log.
    pub fn last_words(&self) -> String {
        let said = fs::read(&self.log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn signal(&self, id: u32, signal: &str) -> anyhow::Result<()> {
        let sent = Command::new("kill").args([signal, &id.to_string()]).status().context("kill")?;
        ensure!(sent.success(), "{} cannot be signalled", self.name());
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
