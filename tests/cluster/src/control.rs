//! Stopping and starting a private cluster, gently or not, for tests of what depends on it.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::error::ClusterError;
use crate::server::Cluster;
use crate::{binaries, user};

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Transactions are rolled back and connections closed in good order: what an upgrade does.
    Fast,
    /// Everything ends at once, as without power; the next start recovers from the log.
    Immediate,
}

impl Cluster {
    /// Stops a private cluster and waits until it is gone. What it holds stays where it is.
    ///
    /// # Errors
    /// [`ClusterError::Start`] if it does not stop, or is not private.
    pub fn stop(&self, mode: StopMode) -> Result<(), ClusterError> {
        let mode = match mode {
            StopMode::Fast => "--mode=fast",
            StopMode::Immediate => "--mode=immediate",
        };
        self.pg_ctl(&["stop", mode])
    }

    /// Starts a private cluster that was stopped; answers when the cluster does.
    ///
    /// # Errors
    /// [`ClusterError::Start`] if it does not start, or is not private.
    pub fn start_again(&self) -> Result<(), ClusterError> {
        self.pg_ctl(&["start"])
    }

    /// Lets a private cluster die as it would without power, and starts it again: whatever it had acknowledged, if it is durable, it must
    /// find in its log. Answers when it does.
    ///
    /// # Errors
    /// [`ClusterError::Start`] if it does not start again, or is not private.
    pub fn crash_and_recover(&self) -> Result<(), ClusterError> {
        self.stop(StopMode::Immediate)?;
        self.start_again()
    }

    /// The number of the process from which all others of a private cluster descend, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        let file = std::fs::read_to_string(self.directory()?.join("data/postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok()
    }

    fn pg_ctl(&self, arguments: &[&str]) -> Result<(), ClusterError> {
        let shared = || ClusterError::Start("it belongs to somebody else".to_owned());
        let directory = self.directory().ok_or_else(shared)?;
        let mut command = Command::new(binaries::directory()?.join("pg_ctl"));
        command.args(arguments).arg("--wait").arg("--timeout=120").arg("--pgdata").arg(directory.join("data"));
        command.arg("--log").arg(directory.join("log"));
        // The server outlives the command, so it must hold none of our pipes.
        command.process_group(0).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        user::drop_root(&mut command)?;
        let ended = command.status().map_err(|error| ClusterError::Start(error.to_string()))?;
        if !ended.success() {
            return Err(ClusterError::Start(format!("pg_ctl {arguments:?} failed: {ended}")));
        }
        Ok(())
    }
}
