//! A read replica, which takes the heavy reads off the database.
//!
//! What is read there is never older than the moment at which the read began: the database says how far its log reaches, and the read waits until the
//! replica has replayed as much. A replica that is not there, that stays behind or that is no replica any more costs a warning; the database itself is
//! read instead, and the replica is left alone for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_postgres::types::PgLsn;

use super::pool::Pool;
use super::transaction::{Mode, Operation, Transaction};
use crate::database_url::PostgresUrl;
use crate::error::StoreError;
use crate::observer::Observer;

/// How long a replica that failed is not asked again.
const REST: Duration = Duration::from_secs(60);
/// How often it is asked how far it is.
const PAUSE: Duration = Duration::from_millis(20);

/// A read replica of the database.
pub(super) struct Replica {
    pool: Pool,
    /// How long a read waits for it at most.
    patience: Duration,
    /// Until when it is left alone, if it failed.
    resting_until: Mutex<Option<Instant>>,
}

impl Replica {
    /// Makes no connection yet: a replica may be down when a program starts.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] if the files that the URL names cannot be read.
    pub(super) fn new(url: &PostgresUrl, patience: Duration) -> Result<Self, StoreError> {
        Ok(Self { pool: Pool::lazy(url)?, patience, resting_until: Mutex::new(None) })
    }

    /// Tells what is done there to the same observer as what is done on the database.
    pub(super) fn observe(&self, observer: Arc<dyn Observer>) {
        self.pool.watch.set(observer);
    }

    /// Runs a read transaction there, unless the replica is not fit for it; then none. `fits` says whether its result will do.
    pub(super) async fn read<G: Sync, T>(
        &self,
        primary: &Pool,
        (name, given): (&'static str, &G),
        operation: impl for<'a> Fn(&'a Transaction<'_>, &'a G) -> Operation<'a, T>,
        fits: impl Fn(&T) -> bool,
    ) -> Option<T> {
        if self.is_resting() {
            return None;
        }
        let refused = match self.catch_up(primary).await {
            Err(refused) => refused,
            // What gets in the way of replaying is retried like any conflict.
            Ok(()) => match self.pool.transact(name, Mode::Read, given, operation).await {
                Ok(result) if fits(&result) => return Some(result),
                Ok(_) => "what it gave is not what was sealed".to_owned(),
                Err(error) => error.to_string(),
            },
        };
        tracing::warn!(transaction.name = name, error = refused, "the read replica is not used for a minute");
        primary.watch.replica_refused();
        self.rest();
        None
    }

    /// Waits until the replica has replayed what the database has written by now.
    async fn catch_up(&self, primary: &Pool) -> Result<(), String> {
        let written = written(primary).await.map_err(|error| error.to_string())?;
        let began = Instant::now();
        // Connecting has a time-out of its own, which may be longer.
        let asking = async {
            loop {
                match replayed(&self.pool, written).await.map_err(|error| error.to_string())? {
                    Replayed::Enough => return Ok(()),
                    Replayed::NoReplica => return Err("it is not in recovery: was it promoted?".to_owned()),
                    Replayed::TooLittle if began.elapsed() >= self.patience => break,
                    Replayed::TooLittle => tokio::time::sleep(PAUSE.min(self.patience)).await,
                }
            }
            Err(format!("it has not replayed {written} after {:.1} s", began.elapsed().as_secs_f64()))
        };
        let limit = self.patience + Duration::from_secs(1);
        tokio::time::timeout(limit, asking).await.unwrap_or_else(|_| Err("it does not answer".to_owned()))
    }

    fn is_resting(&self) -> bool {
        let until = *self.resting_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn rest(&self) {
        *self.resting_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
    }
}

/// How far a replica is.
enum Replayed {
    Enough,
    TooLittle,
    /// It writes a log of its own.
    NoReplica,
}

/// Up to where the database has written its log: beyond everything that is committed.
async fn written(primary: &Pool) -> Result<PgLsn, StoreError> {
    const SQL: &str = "-- replica::written
        SELECT pg_current_wal_insert_lsn()";
    let rows = primary.query("replica::written", SQL, &[]).await?;
    let row = rows.first().ok_or_else(|| StoreError::Unavailable("the database says nothing of its log".into()))?;
    super::column::value(row, 0)
}

/// Whether a replica has replayed the log up to there.
async fn replayed(replica: &Pool, written: PgLsn) -> Result<Replayed, StoreError> {
    const SQL: &str = "-- replica::replayed
        SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn() >= $1, false)";
    let rows = replica.query("replica::replayed", SQL, &[&written]).await?;
    let row = rows.first().ok_or_else(|| StoreError::Unavailable("it says nothing of its log".into()))?;
    Ok(match (super::column::value(row, 0)?, super::column::value(row, 1)?) {
        (false, _) => Replayed::NoReplica,
        (true, true) => Replayed::Enough,
        (true, false) => Replayed::TooLittle,
    })
}
