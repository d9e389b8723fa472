//! Connections to one SQLite file: one that writes, behind a lock, and some that read.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::error::StoreError;
use crate::observer::{Connected, Observer, Watch};

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
    watch: Watch,
    in_use: AtomicUsize,
    waiting: AtomicUsize,
}

/// Counts one for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

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
        let (writer, watch) = (Mutex::new(writer), Watch::default());
        let (in_use, waiting) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Ok(Self { inner: Arc::new(Inner { writer, readers, watch, in_use, waiting }) })
    }

    /// Tells an observer what is done.
    pub(super) fn watch(&self, observer: Arc<dyn Observer>) {
        self.inner.watch.set(observer);
    }

    /// Runs one named write transaction on a blocking thread. It begins IMMEDIATE, so it never has to be upgraded and never deadlocks.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        name: &'static str,
        operation: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(name, move |inner| {
            let wait = Wait::begin(inner);
            let mut connection = inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let _in_use = wait.end();
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
        self.run(name, move |inner| {
            let wait = Wait::begin(inner);
            let free = inner.readers.iter().find_map(|reader| reader.try_lock().ok());
            let mut connection =
                free.unwrap_or_else(|| inner.readers[0].lock().unwrap_or_else(PoisonError::into_inner));
            let transaction = connection.transaction()?;
            let _in_use = wait.end();
            operation(&transaction)
        })
        .await
    }

    /// Moves the write-ahead log into the database file and empties it: the log keeps the order of writes, which nobody should find later.
    /// Whether it could: it waits only briefly for those who are reading the log, since nobody writes meanwhile.
    pub(super) async fn checkpoint(&self) -> Result<bool, StoreError> {
        self.run("checkpoint", |inner| {
            let mut connection = inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
            connection.busy_handler(Some(|attempt| pause(attempt, CHECKPOINT_ATTEMPTS)))?;
            let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
            connection.busy_handler(Some(|attempt| pause(attempt, BUSY_ATTEMPTS)))?;
            Ok(busy? == 0)
        })
        .await
    }

    /// Runs something on a thread made for blocking, and tells how long it took.
    async fn run<T: Send + 'static>(
        &self,
        name: &'static str,
        operation: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (inner, began) = (Arc::clone(&self.inner), Instant::now());
        let finished = tokio::task::spawn_blocking(move || operation(&inner)).await;
        let result = finished.unwrap_or_else(|_| Err(StoreError::Unavailable(format!("{name} was interrupted"))));
        self.inner.watch.ended(name, began, 0, &result);
        result
    }
}

/// An operation that waits for a connection.
struct Wait<'a> {
    inner: &'a Inner,
    began: Instant,
    _counted: Counted<'a>,
}

impl<'a> Wait<'a> {
    fn begin(inner: &'a Inner) -> Self {
        Self { inner, began: Instant::now(), _counted: Counted::one(&inner.waiting) }
    }

    /// It has one, which is in use for as long as the answer lives.
    fn end(self) -> Counted<'a> {
        let (inner, waited) = (self.inner, self.began.elapsed());
        drop(self);
        let counted = Counted::one(&inner.in_use);
        inner.watch.connected(|| Connected {
            limit: inner.readers.len() + 1,
            in_use: inner.in_use.load(Ordering::Relaxed),
            waiting: inner.waiting.load(Ordering::Relaxed),
            waited,
        });
        counted
    }
}

impl<'a> Counted<'a> {
    fn one(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
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
