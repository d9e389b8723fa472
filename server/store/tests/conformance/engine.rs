//! The engines under test.

use std::path::PathBuf;
use std::sync::Arc;

use cluster::Database;
use store::{Clock, DatabaseUrl, KeyStore, PostgresKeyStore, PostgresUrl, SqliteKeyStore, StoreError};

/// A fresh database, which several programs may open at once. They share a clock, so that a test can move it.
pub(crate) trait Engine: Send + Sync {
    /// A database of its own for one test.
    async fn fresh() -> Self
    where
        Self: Sized;

    /// Opens the database as one more program would.
    async fn try_open(&self) -> Result<Arc<dyn KeyStore>, StoreError>;

    /// The clock of all programs.
    fn clock(&self) -> &Clock;

    /// Opens the database.
    async fn open(&self) -> Arc<dyn KeyStore> {
        self.try_open().await.expect("the database opens")
    }
}

/// Where temporary databases stand: in memory where there is such a directory, since no test here is about what a disk keeps.
fn temporary() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary directory")
}

/// SQLite in a temporary directory.
pub(crate) struct Sqlite {
    _directory: tempfile::TempDir,
    path: PathBuf,
    clock: Clock,
}

impl Engine for Sqlite {
    async fn fresh() -> Self {
        let directory = temporary();
        let path = directory.path().join("keys.db");
        Self { _directory: directory, path, clock: Clock::system() }
    }

    async fn try_open(&self) -> Result<Arc<dyn KeyStore>, StoreError> {
        Ok(Arc::new(SqliteKeyStore::open(&self.path, self.clock.clone())?))
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// PostgreSQL, on the cluster of this test run.
pub(crate) struct Postgres {
    pub(crate) database: Database,
    clock: Clock,
}

impl Engine for Postgres {
    async fn fresh() -> Self {
        let migrate = async |url: &str| PostgresKeyStore::migrate(&parse(url)).await.expect("the migrations run");
        let database = Database::from_template("keys", migrate).await.expect("a database");
        Self { database, clock: Clock::system() }
    }

    async fn try_open(&self) -> Result<Arc<dyn KeyStore>, StoreError> {
        Ok(Arc::new(PostgresKeyStore::open(&parse(&self.database.url()), self.clock.clone()).await?))
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}

fn parse(url: &str) -> PostgresUrl {
    match url.parse() {
        Ok(DatabaseUrl::Postgres(url)) => *url,
        other => panic!("no PostgreSQL: {other:?}"),
    }
}
