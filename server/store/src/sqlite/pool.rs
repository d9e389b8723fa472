//! Connections to one SQLite file: one that writes, behind a lock, and some that read.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::error::StoreError;

/// How long a connection sleeps before it asks again for a lock that another program holds. SQLite's own handler soon sleeps for 100 ms at a
/// time, which starves it when the other program writes without a pause.
const BUSY_PAUSE: Duration = Duration::from_millis(1);
/// How often it asks until it gives up: about 10 s.
const BUSY_ATTEMPTS: i32 = 10_000;
/// How often emptying the write-ahead log asks those who read it: about 1 s, in which nobody writes.
const CHECKPOINT_ATTEMPTS: i32 = 1_000;
/// How many connections read beside the one that writes.
const READERS: usize = 4;

/// An open database file.
#[derive(Clone)]
pub(super) struct Pool {
    inner: Arc<Inner>,
}

struct Inner {
    /// Guards the only connection that writes: SQLite has one writer at a time anyway.
    writer: Mutex<Connection>,
    /// Each guards one reading connection; a reader takes the first free one.
    readers: Vec<Mutex<Connection>>,
}

impl Pool {
    /// Opens `path`, creates it if it does not exist, and brings it to the newest version with `migrate`.
    pub(super) fn open(
        path: &Path,
        migrate: impl FnOnce(&mut Connection) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        create(path).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let mut writer = Connection::open(path)?;
        configure(&mut writer)?;
        migrate(&mut writer)?;
        let readers = (0..READERS).map(|_| open_reader(path).map(Mutex::new)).collect::<Result<_, _>>()?;
        Ok(Self { inner: Arc::new(Inner { writer: Mutex::new(writer), readers }) })
    }

    /// Runs one named write transaction on a blocking thread. It begins IMMEDIATE, so it never has to be upgraded and never deadlocks.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        name: &'static str,
        operation: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(name, move || {
            let mut connection = inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = operation(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
        .await
    }

    /// Runs one named read transaction: all its statements see the same state.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        name: &'static str,
        operation: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(name, move || {
            let free = inner.readers.iter().find_map(|reader| reader.try_lock().ok());
            let mut connection =
                free.unwrap_or_else(|| inner.readers[0].lock().unwrap_or_else(PoisonError::into_inner));
            let transaction = connection.transaction()?;
            operation(&transaction)
        })
        .await
    }

    /// Moves the write-ahead log into the database file and empties it: the log keeps the order of writes, which nobody should find later.
    /// Whether it could: it waits only briefly for those who are reading the log, since nobody writes meanwhile.
    pub(super) async fn checkpoint(&self) -> Result<bool, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking("checkpoint", move || {
            let mut connection = inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
            connection.busy_handler(Some(|attempt| pause(attempt, CHECKPOINT_ATTEMPTS)))?;
            let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
            connection.busy_handler(Some(|attempt| pause(attempt, BUSY_ATTEMPTS)))?;
            Ok(busy? == 0)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    name: &'static str,
    operation: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let finished = tokio::task::spawn_blocking(operation).await;
    finished.unwrap_or_else(|_| Err(StoreError::Unavailable(format!("{name} was interrupted"))))
}

/// Creates the file, if it does not exist, so that nobody but its owner reads it. SQLite gives its log the same permissions.
fn create(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let mut reader =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    configure(&mut reader)?;
    reader.pragma_update(None, "query_only", true)?;
    Ok(reader)
}

fn configure(connection: &mut Connection) -> Result<(), StoreError> {
    connection.busy_handler(Some(|attempt| pause(attempt, BUSY_ATTEMPTS)))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Deleted rows are overwritten: what was claimed or sealed is not to be found in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    // Sorters and temporary tables hold people's rows, which belong into no file beside the database.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// Waits for a lock, on a thread made for blocking; whether to ask again.
fn pause(attempt: i32, attempts: i32) -> bool {
    std::thread::sleep(BUSY_PAUSE);
    attempt < attempts
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{ConstraintViolation, DatabaseCorrupt, NotADatabase};
        match error.sqlite_error_code() {
            // SQLite names the table and the column, or the constraint, never the value.
            Some(ConstraintViolation | DatabaseCorrupt | NotADatabase) => Self::Corrupt(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}
