//! A key server as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

/// Killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Program {
    /// Starts it over a database.
    ///
    /// # Errors
    /// If it does not say where it listens.
    pub(crate) fn start(database: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_serving_keys"));
        let mut child = command.arg(database).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("piped")?).read_line(&mut line)?;
        let address = line.trim().parse().with_context(|| format!("it says {line:?}"));
        match address {
            Ok(address) => Ok(Self { child, address }),
            Err(why) => {
                child.kill()?;
                child.wait()?;
                Err(why)
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
