//! Named transactions, retried when others were in their way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row, RowStream};

use super::error::is_conflict;
use super::pool::Pool;
use crate::error::StoreError;

/// How often a transaction is tried: PostgreSQL ends one of two that wait for each other, and the other goes on.
pub(super) const ATTEMPTS: u32 = 5;
/// How long a transaction stands back before it is tried for the second time; twice as long before the third, and so on. Whoever it was in the way of
/// would otherwise find it there again: a lock that was waited for goes to whoever is quicker.
const STAND_BACK: Duration = Duration::from_millis(10);

/// What a statement is given for one of `$1`, `$2` and so on.
pub(super) type Param<'a> = &'a (dyn ToSql + Sync);

/// What it is given for all of them.
pub(super) type Params<'a> = &'a [Param<'a>];

/// The statements of a transaction, on their way.
pub(super) type Operation<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// What a transaction may do, and what it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// READ COMMITTED: each statement sees what is committed when it begins.
    Write,
    /// REPEATABLE READ: all statements see what was committed when the first one began, locks of tables not counted among them.
    Frozen,
    /// REPEATABLE READ, and nothing is written.
    Read,
}

/// A transaction under way. Statements are prepared once a connection; they begin with their name, as `-- keys::accept`.
pub(super) struct Transaction<'a> {
    inner: deadpool_postgres::Transaction<'a>,
    /// Whether a statement failed because others were in its way.
    conflict: AtomicBool,
    /// Whether nothing of it is to stay.
    undone: AtomicBool,
}

impl Transaction<'_> {
    /// Runs a statement; how many rows it changed.
    pub(super) async fn execute(&self, sql: &'static str, params: Params<'_>) -> Result<u64, StoreError> {
        let run = async { self.inner.execute(&self.inner.prepare_cached(sql).await?, params).await };
        run.await.map_err(|error| self.failed(error))
    }

    /// Runs a statement that has no parameters and cannot be prepared.
    pub(super) async fn command(&self, sql: &'static str) -> Result<(), StoreError> {
        self.inner.batch_execute(sql).await.map_err(|error| self.failed(error))
    }

    /// All rows.
    pub(super) async fn rows(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>, StoreError> {
        let run = async { self.inner.query(&self.inner.prepare_cached(sql).await?, params).await };
        run.await.map_err(|error| self.failed(error))
    }

    /// The only row.
    pub(super) async fn row(&self, sql: &'static str, params: Params<'_>) -> Result<Row, StoreError> {
        let run = async { self.inner.query_one(&self.inner.prepare_cached(sql).await?, params).await };
        run.await.map_err(|error| self.failed(error))
    }

    /// The only row, if there is one.
    pub(super) async fn maybe_row(&self, sql: &'static str, params: Params<'_>) -> Result<Option<Row>, StoreError> {
        let run = async { self.inner.query_opt(&self.inner.prepare_cached(sql).await?, params).await };
        run.await.map_err(|error| self.failed(error))
    }

    /// Rows as they arrive; what goes wrong on the way is for [`Self::failed`].
    pub(super) async fn stream(&self, sql: &'static str, params: Params<'_>) -> Result<RowStream, StoreError> {
        let run = async { self.inner.query_raw(&self.inner.prepare_cached(sql).await?, params.iter().copied()).await };
        run.await.map_err(|error| self.failed(error))
    }

    /// Has the transaction rolled back at its end, although its result counts.
    pub(super) fn undo(&self) {
        self.undone.store(true, Ordering::Relaxed);
    }

    /// Remembers whether trying again could help.
    pub(super) fn failed(&self, error: tokio_postgres::Error) -> StoreError {
        self.conflict.fetch_or(is_conflict(&error), Ordering::Relaxed);
        error.into()
    }
}

/// A failed attempt.
struct Failure {
    error: StoreError,
    /// Whether trying again could help.
    conflict: bool,
}

impl Failure {
    fn from_driver(error: tokio_postgres::Error) -> Self {
        Self { conflict: is_conflict(&error), error: error.into() }
    }

    const fn without_connection(error: StoreError) -> Self {
        Self { error, conflict: false }
    }
}

/// Counts one more retry, and waits until it is its turn.
async fn stand_back(retries: &mut u32) {
    *retries += 1;
    tokio::time::sleep(STAND_BACK * *retries).await;
}

impl Pool {
    /// Runs one named statement that is a whole transaction, in one round trip once it is prepared; retried as [`Self::transact`] does.
    pub(super) async fn query(
        &self,
        name: &'static str,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let (began, mut retries) = (Instant::now(), 0);
        let result = loop {
            match self.ask(sql, params).await {
                Err(failure) if failure.conflict && retries + 1 < ATTEMPTS => stand_back(&mut retries).await,
                result => break result.map_err(|failure| failure.error),
            }
        };
        self.watch.ended(name, began, retries, &result);
        result
    }

    async fn ask(&self, sql: &'static str, params: Params<'_>) -> Result<Vec<Row>, Failure> {
        let client = self.client().await.map_err(Failure::without_connection)?;
        let run = async { client.query(&client.prepare_cached(sql).await?, params).await };
        run.await.map_err(Failure::from_driver)
    }

    /// Runs one named transaction: all of `operation` or nothing. It is run again, a fixed number of times, when others were in its way, so it
    /// must do nothing but talk to the database. What it needs to know is handed to it as `given`.
    pub(super) async fn transact<G: Sync, T>(
        &self,
        name: &'static str,
        mode: Mode,
        given: &G,
        operation: impl for<'a> Fn(&'a Transaction<'_>, &'a G) -> Operation<'a, T>,
    ) -> Result<T, StoreError> {
        let (began, mut retries) = (Instant::now(), 0);
        let result = loop {
            match self.attempt(mode, given, &operation).await {
                Err(failure) if failure.conflict && retries + 1 < ATTEMPTS => stand_back(&mut retries).await,
                result => break result.map_err(|failure| failure.error),
            }
        };
        // Counted by its name, and not logged: a line for each would say to the millisecond when somebody's request came.
        self.watch.ended(name, began, retries, &result);
        result
    }

    async fn attempt<G: Sync, T>(
        &self,
        mode: Mode,
        given: &G,
        operation: &impl for<'a> Fn(&'a Transaction<'_>, &'a G) -> Operation<'a, T>,
    ) -> Result<T, Failure> {
        let mut client = self.client().await.map_err(Failure::without_connection)?;
        let begin = client.build_transaction().read_only(mode == Mode::Read).isolation_level(match mode {
            Mode::Write => IsolationLevel::ReadCommitted,
            Mode::Frozen | Mode::Read => IsolationLevel::RepeatableRead,
        });
        let inner = begin.start().await.map_err(Failure::from_driver)?;
        let transaction = Transaction { inner, conflict: AtomicBool::new(false), undone: AtomicBool::new(false) };
        match operation(&transaction, given).await {
            Ok(result) => {
                let Transaction { inner, undone, .. } = transaction;
                let ended = if undone.into_inner() { inner.rollback().await } else { inner.commit().await };
                ended.map_err(Failure::from_driver)?;
                Ok(result)
            }
            // Dropping the transaction rolls it back before the connection does anything else.
            Err(error) => Err(Failure { error, conflict: transaction.conflict.into_inner() }),
        }
    }
}
