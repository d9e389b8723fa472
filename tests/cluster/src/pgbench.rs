//! PostgreSQL's own benchmark, so that a figure of ours stands beside what the same cluster gives on the same disk in the same minute.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::error::ClusterError;
use crate::server::Cluster;
use crate::{binaries, user};

impl Cluster {
    /// Runs a script with `clients` connections, `each` times on each; what every transaction took, the shortest first.
    ///
    /// # Errors
    /// [`ClusterError::Start`] if the cluster is not private or `pgbench` fails.
    pub fn pgbench(&self, script: &str, clients: usize, each: usize) -> Result<Vec<Duration>, ClusterError> {
        let failed = |why: &str| ClusterError::Start(format!("pgbench: {why}"));
        let directory = self.directory().ok_or_else(|| failed("the cluster belongs to somebody else"))?;
        // A client, so it may stand apart from the server's binaries, in PATH.
        let beside = binaries::directory()?.join("pgbench");
        let mut command = Command::new(if beside.is_file() { beside } else { "pgbench".into() });
        command.args(["--no-vacuum", "--file=-", "--log", "--log-prefix=pgbench", "--protocol=prepared"]);
        command.arg(format!("--client={clients}")).arg(format!("--transactions={each}"));
        // In the directory that its user may write to: the log of each transaction is a file.
        command.arg(self.url("postgres")).current_dir(directory);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        user::drop_root(&mut command)?;
        let mut child = command.spawn().map_err(|error| failed(&error.to_string()))?;
        if let Some(mut stdin) = child.stdin.take() {
            std::io::Write::write_all(&mut stdin, script.as_bytes()).map_err(|error| failed(&error.to_string()))?;
        }
        let log = directory.join(format!("pgbench.{}", child.id()));
        let output = child.wait_with_output().map_err(|error| failed(&error.to_string()))?;
        if !output.status.success() {
            return Err(failed(&String::from_utf8_lossy(&output.stderr)));
        }
        let log = std::fs::read_to_string(log).map_err(|error| failed(&error.to_string()))?;
        // Client, transaction, microseconds, ...
        let took = |line: &str| line.split(' ').nth(2)?.parse().ok().map(Duration::from_micros);
        let mut all: Vec<Duration> = log.lines().filter_map(took).collect();
        all.sort_unstable();
        Ok(all)
    }
}
