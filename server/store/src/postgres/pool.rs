//! Connections to one PostgreSQL database.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use deadpool_postgres::{Client, Manager, ManagerConfig, RecyclingMethod, Runtime, Status};
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;

use super::tls::Tls;
use crate::database_url::PostgresUrl;
use crate::error::StoreError;
use crate::observer::{Connected, Watch};

/// How long an operation waits until a connection is free, made, or found to be in order, unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a transaction may sit idle, in milliseconds: its program hangs, while others wait for its locks.
const IDLE_TIMEOUT: u32 = 60_000;
/// Rows are found through indexes: tables here grow from nothing to hundreds of thousands of rows in one transaction, and a plan that was made
/// for an empty table would read all of a full one, until PostgreSQL counts again. No statement here is worth being compiled.
const PLANS: &str = "-c enable_seqscan=off -c jit=off";
/// No password is longer, in bytes.
const LONGEST_PASSWORD: u64 = 1_024;
/// How often the first connection is tried: for about half a minute, since database and program often start together.
const FIRST_ATTEMPTS: u32 = 10;
/// How long after the first failure it is tried again; every further wait is twice as long, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The connections of one program to one database. Clones share them.
#[derive(Clone)]
pub(super) struct Pool {
    inner: deadpool_postgres::Pool,
    pub(super) watch: Watch,
}

impl Pool {
    /// Prepares connections and makes the first one, patiently.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the server does not answer for half a minute; [`StoreError::NotReady`] at once if there is no such
    /// database or user.
    pub(super) async fn open(url: &PostgresUrl) -> Result<Self, StoreError> {
        let pool = Self::lazy(url)?;
        let mut wait = FIRST_WAIT;
        for _ in 1..FIRST_ATTEMPTS {
            match pool.client().await {
                Ok(_) => return Ok(pool),
                Err(StoreError::Unavailable(why)) => {
                    tracing::info!(error = %why, "the database does not answer yet; trying again")
                }
                Err(other) => return Err(other),
            }
            tokio::time::sleep(wait).await;
            wait = LONGEST_WAIT.min(wait * 2);
        }
        pool.client().await.map(|_| pool)
    }

    /// Prepares connections and makes none yet.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] if the files that the URL names cannot be read.
    pub(super) fn lazy(url: &PostgresUrl) -> Result<Self, StoreError> {
        let mut config = url.config.clone();
        // What the URL says comes last and so prevails.
        let said = config.get_options().unwrap_or_default();
        let options = format!(
            "-c statement_timeout={}s -c idle_in_transaction_session_timeout={IDLE_TIMEOUT} {PLANS} {said}",
            url.statement_timeout
        );
        config.options(options.trim_end());
        if let Some(path) = &url.password_file {
            config.password(read_password(path)?);
        }
        let patience = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
        config.connect_timeout(patience);
        if config.get_application_name().is_none() {
            config.application_name("pratique");
        }
        let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match config.get_ssl_mode() {
            SslMode::Disable => Manager::from_config(config, NoTls, how),
            _ => Manager::from_config(config, Tls::new(url.roots.as_deref())?, how),
        };
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(url.connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(patience))
            .create_timeout(Some(patience))
            .recycle_timeout(Some(patience))
            .build();
        Ok(Self { inner: pool.map_err(|why| StoreError::Unavailable(why.to_string()))?, watch: Watch::default() })
    }

    /// A connection that is free.
    pub(super) async fn client(&self) -> Result<Client, StoreError> {
        let began = Instant::now();
        let client = self.inner.get().await?;
        self.watch.connected(|| {
            let Status { max_size, size, available, waiting } = self.inner.status();
            Connected { limit: max_size, in_use: size.saturating_sub(available), waiting, waited: began.elapsed() }
        });
        Ok(client)
    }
}

/// The password in a file, without the line's end that most editors leave. Who may read the file is not looked at: what containers are handed is
/// often everybody's to read inside of them.
fn read_password(path: &Path) -> Result<Vec<u8>, StoreError> {
    let refuse = |why: &dyn std::fmt::Display| StoreError::NotReady(format!("password_file {}: {why}", path.display()));
    let mut password = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST_PASSWORD + 1).read_to_end(&mut password));
    read.map_err(|why| refuse(&why))?;
    password.truncate(password.trim_ascii_end().len());
    match u64::try_from(password.len()) {
        Ok(1..=LONGEST_PASSWORD) => Ok(password),
        _ => Err(refuse(&format_args!("must hold a password of 1 to {LONGEST_PASSWORD} bytes"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_from_its_file_and_never_repeated() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("password");
        assert!(read_password(&path).expect_err("absent").to_string().contains("password_file"));
        for (text, password) in [("hunter2\n", Some("hunter2")), ("a b", Some("a b")), ("\n", None), ("", None)] {
            std::fs::write(&path, text).expect("written");
            assert_eq!(read_password(&path).ok().as_deref(), password.map(str::as_bytes), "{text:?}");
        }
        std::fs::write(&path, "hunter2".repeat(200)).expect("written");
        let why = read_password(&path).expect_err("too long").to_string();
        assert!(why.contains("1 to 1024 bytes") && !why.contains("hunter2"), "{why}");
    }
}
