//! The key database on a PostgreSQL server.

use std::sync::Arc;
use std::time::Duration;

use super::migrations::KEYS;
use super::pool::Pool;
use super::replica::Replica;
use super::transaction::{Mode, Operation, Transaction};
use crate::clock::Clock;
use crate::database_url::PostgresUrl;
use crate::error::StoreError;
use crate::observer::{Observed, Observer};

/// The key database on a PostgreSQL server: `KeyStore` on PostgreSQL. Clones share their connections.
///
/// Times are the database's, read after whatever lock an operation takes, and moved by the clock's offset.
#[derive(Clone)]
pub struct PostgresKeyStore {
    pub(super) pool: Pool,
    pub(super) clock: Clock,
    replica: Option<Arc<Replica>>,
}

impl PostgresKeyStore {
    /// Connects to a database that [`migrate`](Self::migrate) has brought to the newest version.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the server does not answer for half a minute, [`StoreError::NotReady`] if there is no such database, user or
    /// right, or if migrations have to run.
    pub async fn open(url: &PostgresUrl, clock: Clock) -> Result<Self, StoreError> {
        let pool = Pool::open(url).await?;
        KEYS.check(&pool).await?;
        Ok(Self { pool, clock, replica: None })
    }

    /// With a read replica for the heavy reads, for which they wait `patience` at most. Which reads that are is said by each method of
    /// [`Bundles`](crate::Bundles); a login that may only read will do. Nothing is asked of it yet: one that is down costs a warning.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] if the files that the URL names cannot be read.
    pub fn with_replica(self, url: &PostgresUrl, patience: Duration) -> Result<Self, StoreError> {
        Ok(Self { replica: Some(Arc::new(Replica::new(url, patience)?)), ..self })
    }

    /// Runs a heavy read: on the replica if there is one that is fit for it and its result `fits`, else on the database.
    pub(super) async fn read_heavily<G: Sync, T>(
        &self,
        name: &'static str,
        given: &G,
        operation: impl for<'a> Fn(&'a Transaction<'_>, &'a G) -> Operation<'a, T>,
        fits: impl Fn(&T) -> bool,
    ) -> Result<T, StoreError> {
        if let Some(replica) = &self.replica
            && let Some(read) = replica.read(&self.pool, (name, given), &operation, fits).await
        {
            return Ok(read);
        }
        self.pool.transact(name, Mode::Read, given, operation).await
    }

    /// Runs the migrations that the database lacks, all or none. Its owner does that.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] if a newer program has been here, or if this user may not do it; else as [`open`](Self::open).
    pub async fn migrate(url: &PostgresUrl) -> Result<(), StoreError> {
        KEYS.run(&Pool::open(url).await?).await
    }
}

impl Observed for PostgresKeyStore {
    fn observe(&self, observer: Arc<dyn Observer>) {
        if let Some(replica) = &self.replica {
            replica.observe(Arc::clone(&observer));
        }
        self.pool.watch.set(observer);
    }
}
