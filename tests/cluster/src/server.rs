//! The server: a private cluster that ends with this process, or one that somebody else runs.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use tokio_postgres::{Client, NoTls};

use crate::error::ClusterError;
use crate::{binaries, user};

/// Where a server stands that is to be used instead of a private one.
const URL_VARIABLE: &str = "PRATIQUE_TEST_DATABASE_URL";
/// The shell script that keeps a cluster.
const SUPERVISE: &str = include_str!("supervise.sh");

/// How a private cluster is set up. The default is for tests: quick and forgetful.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether a commit waits for the disk, as it must in production. For measuring and for tests of crashes.
    pub durable: bool,
    /// The loopback port to listen on, beside the socket. There, a role needs a password.
    pub port: Option<u16>,
    /// Further settings, by their names in postgresql.conf.
    pub settings: Vec<(String, String)>,
}

/// A PostgreSQL server for tests.
#[derive(Debug)]
pub struct Cluster {
    /// How to reach a database of the server: what stands before and after its name.
    url: (String, String),
    /// The number in the name of a private cluster's socket.
    port: u16,
    private: Option<Private>,
}

/// A cluster that ends with this process.
#[derive(Debug)]
struct Private {
    supervisor: Child,
    /// Where its socket, its log and its data are.
    directory: PathBuf,
}

impl Cluster {
    /// The server of this process: the one that `PRATIQUE_TEST_DATABASE_URL` names, whose user must be allowed to create databases and
    /// roles, or else a private cluster, started by the first call and ended with the process.
    ///
    /// # Errors
    /// [`ClusterError::Missing`] if there is none, [`ClusterError::Start`] if it does not start.
    pub fn shared() -> Result<&'static Self, ClusterError> {
        static SHARED: OnceLock<Result<Cluster, ClusterError>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| match std::env::var(URL_VARIABLE) {
            Ok(url) => Ok(Self::at(&url)),
            Err(_) => Self::start(&Options::default()),
        });
        shared.as_ref().map_err(|error| match error {
            ClusterError::Missing => ClusterError::Missing,
            other => ClusterError::Start(other.to_string()),
        })
    }

    /// The server at `url`, whatever database that names.
    pub fn at(url: &str) -> Self {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let authority = address.find("://").map_or(0, |scheme| scheme + 3);
        let server = address[authority..].find('/').map_or(address, |path| &address[..authority + path]);
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        Self { url: (format!("{server}/"), query), port: 0, private: None }
    }

    /// Makes a private cluster and waits until it answers: about a second.
    ///
    /// # Errors
    /// [`ClusterError::Missing`] if PostgreSQL is not installed, [`ClusterError::Start`] with what it said if it does not start.
    pub fn start(options: &Options) -> Result<Self, ClusterError> {
        Self::supervise(options, None)
    }

    /// Makes a hot standby of this private cluster, which follows it until it is promoted or either of them ends. What is set for this one is set
    /// for it, too, unless `options` say otherwise.
    ///
    /// # Errors
    /// [`ClusterError::Start`] with what PostgreSQL said if it does not start, or if this cluster is not private.
    pub fn standby(&self, options: &Options) -> Result<Self, ClusterError> {
        let shared = || ClusterError::Start("it belongs to somebody else".to_owned());
        let directory = self.private.as_ref().map(|private| private.directory.display()).ok_or_else(shared)?;
        let port = self.port;
        Self::supervise(options, Some(format!("host={directory} port={port} user=postgres")))
    }

    fn supervise(options: &Options, primary: Option<String>) -> Result<Self, ClusterError> {
        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISE, "supervise"]).arg(binaries::directory()?).arg(options.settings()).args(primary);
        // In a process group of its own, a signal to the test's group passes it by; `/` is a directory that every user may read.
        command.process_group(0).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        user::drop_root(&mut command)?;
        let mut supervisor = command.spawn().map_err(|error| ClusterError::Start(error.to_string()))?;
        let directory = directory(&mut supervisor)?;
        // The socket's directory stands in the query, where a path needs no escapes.
        let port = options.port.unwrap_or(5432);
        let url = ("postgres:///".to_owned(), format!("?host={directory}&port={port}&user=postgres"));
        Ok(Self { url, port, private: Some(Private { supervisor, directory: directory.into() }) })
    }

    /// Whether it ends with this process.
    pub(crate) const fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// Where a private cluster keeps everything; its user may write there.
    pub(crate) fn directory(&self) -> Option<&std::path::Path> {
        self.private.as_ref().map(|private| private.directory.as_path())
    }

    /// Where the socket of a private cluster is.
    pub fn socket(&self) -> Option<PathBuf> {
        self.private.as_ref().map(|private| private.directory.join(".s.PGSQL.5432"))
    }

    /// What a private cluster has written into its log so far.
    ///
    /// # Errors
    /// [`ClusterError::Start`] if it cannot be read, or is not private.
    pub fn log(&self) -> Result<String, ClusterError> {
        let shared = || ClusterError::Start("it belongs to somebody else".to_owned());
        let file = self.directory().ok_or_else(shared)?.join("log");
        std::fs::read_to_string(file).map_err(|error| ClusterError::Start(error.to_string()))
    }

    /// The URL of a database, as the user who owns the server.
    pub fn url(&self, database: &str) -> String {
        let (before, after) = &self.url;
        format!("{before}{database}{after}")
    }

    /// Connects to a database. The connection ends with the client.
    ///
    /// # Errors
    /// [`ClusterError::Server`] if it cannot.
    pub async fn connect(&self, database: &str) -> Result<Client, ClusterError> {
        let (client, connection) = tokio_postgres::connect(&self.url(database), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Options {
    /// The lines of postgresql.conf.
    fn settings(&self) -> String {
        let mut lines = vec!["autovacuum = off".to_owned(), "max_connections = 200".to_owned()];
        match self.port {
            Some(port) => lines.extend(["listen_addresses = '127.0.0.1'".to_owned(), format!("port = {port}")]),
            None => lines.push("listen_addresses = ''".to_owned()),
        }
        if !self.durable {
            lines.extend(["fsync", "full_page_writes", "synchronous_commit"].map(|name| format!("{name} = off")));
        }
        lines.extend(self.settings.iter().map(|(name, value)| format!("{name} = '{value}'")));
        lines.join("\n")
    }
}

/// Where the cluster is, once it answers.
fn directory(supervisor: &mut Child) -> Result<String, ClusterError> {
    let failed = |error: std::io::Error| ClusterError::Start(error.to_string());
    let mut output = BufReader::new(supervisor.stdout.as_mut().expect("standard output is piped"));
    let mut said = String::new();
    output.read_line(&mut said).map_err(failed)?;
    if said.starts_with('/') {
        return Ok(said.trim_end().to_owned());
    }
    output.read_to_string(&mut said).map_err(failed)?;
    supervisor.wait().map_err(failed)?;
    Err(ClusterError::Start(said))
}

impl Drop for Cluster {
    /// Ends a private cluster and waits until nothing of it is left.
    fn drop(&mut self) {
        if let Some(Private { mut supervisor, .. }) = self.private.take() {
            drop(supervisor.stdin.take());
            let _ = supervisor.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_server_keeps_its_address_and_parameters() {
        for (given, expected) in [
            (
                "postgres://me:secret@db.example:5433/postgres?sslmode=disable",
                "postgres://me:secret@db.example:5433/one?sslmode=disable",
            ),
            ("postgresql://me@localhost", "postgresql://me@localhost/one"),
            ("postgres:///?host=/run/postgresql", "postgres:///one?host=/run/postgresql"),
        ] {
            assert_eq!(Cluster::at(given).url("one"), expected);
        }
    }

    #[test]
    fn a_cluster_waits_for_the_disk_only_if_asked_to() {
        assert!(Options::default().settings().contains("fsync = off"));
        assert!(!Options { durable: true, ..Options::default() }.settings().contains("fsync"));
    }
}
