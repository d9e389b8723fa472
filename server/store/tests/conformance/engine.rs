//! The engines under test.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cluster::Database;
use futures_util::TryStreamExt;
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

    /// How many rows each table has, by the catalogue; but for the tables that remember migrations and those that have no columns.
    async fn rows(&self) -> BTreeMap<String, i64>;

    /// Every byte of every row.
    async fn everything(&self) -> Vec<u8>;

    /// Runs one statement as somebody with a shell on the database would; how many rows it touched, or what the database says against it.
    async fn sql(&self, statement: &str) -> Result<u64, String>;

    /// The same, past the constraints that guard what waits.
    async fn tamper(&self, statement: &str);

    /// How many rows a query counts.
    async fn count(&self, query: &str) -> i64;

    /// Some bytes as the engine reads them in a statement.
    fn quoted(&self, bytes: &[u8]) -> String;

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
    directory: tempfile::TempDir,
    path: PathBuf,
    clock: Clock,
}

impl Engine for Sqlite {
    async fn fresh() -> Self {
        let directory = temporary();
        let path = directory.path().join("keys.db");
        Self { directory, path, clock: Clock::system() }
    }

    async fn try_open(&self) -> Result<Arc<dyn KeyStore>, StoreError> {
        Ok(Arc::new(SqliteKeyStore::open(&self.path, self.clock.clone())?))
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn quoted(&self, bytes: &[u8]) -> String {
        format!("x'{}'", hex(bytes))
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

    async fn sql(&self, statement: &str) -> Result<u64, String> {
        let database = rusqlite::Connection::open(&self.path).expect("opened");
        database.execute(statement, []).map(|rows| rows as u64).map_err(|error| error.to_string())
    }

    async fn tamper(&self, statement: &str) {
        let database = rusqlite::Connection::open(&self.path).expect("opened");
        database.pragma_update(None, "ignore_check_constraints", true).expect("set");
        assert!(database.execute(statement, []).expect("tampered") > 0);
    }

    async fn count(&self, query: &str) -> i64 {
        let database = rusqlite::Connection::open(&self.path).expect("opened");
        database.query_row(query, [], |row| row.get(0)).expect("counted")
    }

    async fn everything(&self) -> Vec<u8> {
        let copy = self.directory.path().join("copy.db");
        let database = rusqlite::Connection::open(&self.path).expect("opened");
        database.execute("VACUUM INTO ?1", [copy.to_str().expect("UTF-8")]).expect("copied");
        std::fs::read(&copy).expect("the copy is read")
    }
}

/// Drops the constraints on what waits and is sealed, but for keys.
const UNGUARD: &str = "DO $$
    DECLARE
        guard record;
    BEGIN
        FOR guard IN SELECT conname, conrelid::regclass AS guarded FROM pg_constraint
                     WHERE contype = 'c' AND conrelid::regclass::text ~ '_(waiting|publication)$' LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', guard.guarded, guard.conname);
        END LOOP;
    END
    $$";

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

    fn quoted(&self, bytes: &[u8]) -> String {
        format!("'\\x{}'::bytea", hex(bytes))
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

    async fn sql(&self, statement: &str) -> Result<u64, String> {
        let client = self.database.connect().await.expect("connected");
        let refused = |error: tokio_postgres::Error| error.as_db_error().map_or_else(String::new, ToString::to_string);
        client.execute(statement, &[]).await.map_err(refused)
    }

    async fn tamper(&self, statement: &str) {
        let client = self.database.connect().await.expect("connected");
        client.batch_execute(UNGUARD).await.expect("dropped");
        assert!(client.execute(statement, &[]).await.expect("tampered") > 0);
    }

    async fn count(&self, query: &str) -> i64 {
        let client = self.database.connect().await.expect("connected");
        client.query_one(query, &[]).await.expect("counted").get(0)
    }

    async fn everything(&self) -> Vec<u8> {
        let client = self.database.connect().await.expect("connected");
        let mut everything = Vec::new();
        for table in tables(&client).await {
            let copy = format!("COPY (SELECT * FROM {table}) TO STDOUT (FORMAT binary)");
            let mut rows = std::pin::pin!(client.copy_out(&copy).await.expect("copied"));
            while let Some(bytes) = rows.try_next().await.expect("copied") {
                everything.extend_from_slice(&bytes);
            }
        }
        everything
    }
}

/// The tables but for those that remember migrations, and the one that is only there to be locked. Views stand for what is kept beside publications.
async fn tables(client: &tokio_postgres::Client) -> Vec<String> {
    let tables = "SELECT tablename::text FROM pg_tables
        WHERE schemaname = current_schema() AND tablename NOT LIKE 'refinery%' AND tablename NOT LIKE '%\\_kept' AND tablename <> 'seal_lock'
        UNION ALL SELECT viewname::text FROM pg_views WHERE schemaname = current_schema()";
    client.query(tables, &[]).await.expect("listed").iter().map(|row| row.get(0)).collect()
}

fn parse(url: &str) -> PostgresUrl {
    match url.parse() {
        Ok(DatabaseUrl::Postgres(url)) => *url,
        other => panic!("no PostgreSQL: {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
