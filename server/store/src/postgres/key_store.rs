//! The key database on a PostgreSQL server.

use super::migrations::KEYS;
use super::pool::Pool;
use crate::clock::Clock;
use crate::database_url::PostgresUrl;
use crate::error::StoreError;

/// The key database on a PostgreSQL server: `KeyStore` on PostgreSQL. Clones share their connections.
///
/// Times are the database's, read after whatever lock an operation takes, and moved by the clock's offset.
#[derive(Clone)]
pub struct PostgresKeyStore {
    pub(super) pool: Pool,
    pub(super) clock: Clock,
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
        Ok(Self { pool, clock })
    }

    /// Runs the migrations that the database lacks, all or none. Its owner does that.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] if a newer program has been here, or if this user may not do it; else as [`open`](Self::open).
    pub async fn migrate(url: &PostgresUrl) -> Result<(), StoreError> {
        KEYS.run(&Pool::open(url).await?).await
    }
}
