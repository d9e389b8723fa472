//! A database copied as operators copy theirs: dumped by `pg_dump`, and loaded by `psql` into an empty one.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use crate::database::Database;
use crate::error::ClusterError;
use crate::{binaries, user};

impl Database {
    /// A second database on the same server, loaded from a dump of this one.
    ///
    /// # Errors
    /// Those of [`empty`](Self::empty); [`ClusterError::Start`] with what a program said that failed.
    pub async fn loaded_from_dump(&self) -> Result<Self, ClusterError> {
        let copy = Self::empty().await?;
        let mut dump = client("pg_dump")?;
        let mut dumping = dump.arg(self.url()).stdout(Stdio::piped()).spawn().map_err(|why| failed("pg_dump", &why))?;
        let mut load = client("psql")?;
        load.args(["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1"]).arg(copy.url()).stdout(Stdio::null());
        load.stdin(dumping.stdout.take().map_or_else(Stdio::null, Stdio::from));
        let loaded = load.output();
        // With it goes our end of the pipe: whoever dumps would wait for ever for somebody who reads no more.
        drop(load);
        let dumped = dumping.wait().map_err(|why| failed("pg_dump", &why))?;
        let loaded = loaded.map_err(|why| failed("psql", &why))?;
        if !dumped.success() {
            return Err(failed("pg_dump", &dumped));
        }
        if !loaded.status.success() {
            return Err(failed("psql", &String::from_utf8_lossy(&loaded.stderr)));
        }
        Ok(copy)
    }
}

/// A client: beside the server's binaries, or in PATH. It runs as the user who may open the socket.
pub(crate) fn client(name: &str) -> Result<Command, ClusterError> {
    let beside = binaries::directory().map(|directory| directory.join(name)).ok().filter(|path| path.is_file());
    let mut command = Command::new(beside.map_or_else(|| OsString::from(name), OsString::from));
    command.current_dir("/").stdin(Stdio::null()).stderr(Stdio::piped());
    user::drop_root(&mut command)?;
    Ok(command)
}

pub(crate) fn failed(program: &str, why: &dyn std::fmt::Display) -> ClusterError {
    ClusterError::Start(format!("{program}: {why}"))
}
