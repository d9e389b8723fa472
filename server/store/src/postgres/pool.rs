//! Connections to one PostgreSQL database.

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
