//! Scripts for `psql`, as operators run them.

use std::io::Write;
use std::process::Stdio;

use crate::dump::{client, failed};
use crate::error::ClusterError;
use crate::server::Cluster;

impl Cluster {
    /// Runs a script on a database as the user who owns the server, and answers with what it prints: a line for each row, its columns separated by
    /// `|`. It ends at the first statement that fails.
    ///
    /// # Errors
    /// [`ClusterError::Start`] with what `psql` said.
    pub fn psql(&self, database: &str, script: &str) -> Result<String, ClusterError> {
        let mut command = client("psql")?;
        command.args(["--quiet", "--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--file=-"]);
        command.arg(self.url(database)).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = command.spawn().map_err(|why| failed("psql", &why))?;
        if let Some(mut input) = running.stdin.take() {
            // Whoever stops reading says why on standard error.
            let _ = input.write_all(script.as_bytes());
        }
        let output = running.wait_with_output().map_err(|why| failed("psql", &why))?;
        if !output.status.success() {
            return Err(failed("psql", &String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }
}
