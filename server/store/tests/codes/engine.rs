//! The engines under test.

use std::collections::BTreeMap;
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

    /// How many rows each table has, by the catalogue; but for the table that remembers migrations.
    async fn rows(&self) -> BTreeMap<String, i64>;
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

    async fn rows(&self) -> BTreeMap<String, i64> {
        let database = rusqlite::Connection::open(&self.path).expect("opened");
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'refinery%'";
        let mut tables = database.prepare(tables).expect("SQL");
        let tables = tables.query_map([], |row| row.get::<_, String>(0)).expect("listed");
        let count = |table: &str| database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
        tables
            .map(|table| table.map(|table| (table.clone(), count(&table).expect("counted"))).expect("listed"))
            .collect()
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
        let client = self.database.connect().await.expect("connected");
        let mut everything = Vec::new();
        for table in tables(&client).await {
            let copy = format!("COPY {table} TO STDOUT (FORMAT binary)");
            let mut rows = std::pin::pin!(client.copy_out(&copy).await.expect("copied"));
            while let Some(bytes) = rows.try_next().await.expect("copied") {
                everything.extend_from_slice(&bytes);
            }
        }
        everything
    }

    async fn rows(&self) -> BTreeMap<String, i64> {
        let client = self.database.connect().await.expect("connected");
        let mut rows = BTreeMap::new();
        for table in tables(&client).await {
            let count = format!("SELECT count(*) FROM {table}");
            rows.insert(table, client.query_one(&count, &[]).await.expect("counted").get(0));
        }
        rows
    }
}

/// The tables but for the one that remembers migrations.
async fn tables(client: &tokio_postgres::Client) -> Vec<String> {
    let tables = "SELECT tablename::text FROM pg_tables
        WHERE schemaname = current_schema() AND tablename NOT LIKE 'refinery%'";
    client.query(tables, &[]).await.expect("listed").iter().map(|row| row.get(0)).collect()
}

/// What the programs make of the URL of a server.
pub(crate) fn parse(url: &str) -> PostgresUrl {
    match url.parse() {
        Ok(DatabaseUrl::Postgres(url)) => *url,
        other => panic!("no PostgreSQL: {other:?}"),
    }
}
