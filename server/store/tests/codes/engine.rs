//! The engines under test.

use std::path::PathBuf;
use std::sync::Arc;

use cluster::Database;
use futures_util::TryStreamExt;
use store::{CodeStore, DatabaseUrl, PostgresCodeStore, PostgresUrl, SqliteCodeStore};

/// A fresh verification database, which several programs may open at once.
pub(crate) trait Engine: Send + Sync {
    /// A database of its own for one test.
    async fn fresh() -> Self
    where
        Self: Sized;

    /// Opens the database as one more program would.
    async fn open(&self) -> Arc<dyn CodeStore>;

    /// Every byte that somebody finds who has the database: its files, or all that its server gives away.
    async fn everything(&self) -> Vec<u8>;
}

/// SQLite in a temporary directory.
pub(crate) struct Sqlite {
    directory: tempfile::TempDir,
    path: PathBuf,
}

impl Engine for Sqlite {
    async fn fresh() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("codes.db");
        Self { directory, path }
    }

    async fn open(&self) -> Arc<dyn CodeStore> {
        Arc::new(SqliteCodeStore::open(&self.path).expect("the database opens"))
    }

    async fn everything(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.directory.path()).expect("the directory is read");
        files.flat_map(|file| std::fs::read(file.expect("a file").path()).expect("the file is read")).collect()
    }
}

/// PostgreSQL, on the cluster of this test run.
pub(crate) struct Postgres {
    pub(crate) database: Database,
}

impl Engine for Postgres {
    async fn fresh() -> Self {
        let migrate = async |url: &str| {
            PostgresCodeStore::migrate(&parse(url)).await.expect("the migrations run");
        };
        Self { database: Database::from_template("verification", migrate).await.expect("a database") }
    }

    async fn open(&self) -> Arc<dyn CodeStore> {
        Arc::new(PostgresCodeStore::open(&parse(&self.database.url())).await.expect("the database opens"))
    }

    async fn everything(&self) -> Vec<u8> {
        const TABLES: &str = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()";
        let client = self.database.connect().await.expect("connected");
        let mut everything = Vec::new();
        for table in client.query(TABLES, &[]).await.expect("listed") {
            let copy = format!("COPY {} TO STDOUT (FORMAT binary)", table.get::<_, &str>(0));
            let mut rows = std::pin::pin!(client.copy_out(&copy).await.expect("copied"));
            while let Some(bytes) = rows.try_next().await.expect("copied") {
                everything.extend_from_slice(&bytes);
            }
        }
        everything
    }
}

/// What the programs make of the URL of a server.
pub(crate) fn parse(url: &str) -> PostgresUrl {
    match url.parse() {
        Ok(DatabaseUrl::Postgres(url)) => *url,
        other => panic!("no PostgreSQL: {other:?}"),
    }
}
