//! Opening a database by its URL.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::database_url::DatabaseUrl;
use crate::error::StoreError;
use crate::postgres::{PostgresCodeStore, PostgresKeyStore};
use crate::sqlite::{SqliteCodeStore, SqliteKeyStore};
use crate::{CodeStore, KeyStore};

/// Opens the key database. A SQLite file is created if it does not exist, and migrated; PostgreSQL waits half a minute for a server that does not
/// answer yet, and migrates nothing.
///
/// # Errors
/// [`StoreError::Unavailable`] if it cannot be reached, [`StoreError::NotReady`] if [`migrate_key_store`] has to run first or a newer program has.
pub async fn open_key_store(url: &DatabaseUrl, clock: Clock) -> Result<Arc<dyn KeyStore>, StoreError> {
    open_key_store_with(url, None, clock).await
}

/// A read replica of a database on PostgreSQL.
#[derive(Debug, Clone, Copy)]
pub struct ReadReplica<'a> {
    /// Where it is.
    pub url: &'a DatabaseUrl,
    /// How long a read waits at most until the replica has replayed what is committed. Then the database itself is read.
    pub patience: Duration,
}

/// The same, with a read replica for the heavy reads. Nothing is asked of it yet: one that is down costs a warning.
///
/// # Errors
/// As [`open_key_store`]; [`StoreError::NotReady`] also unless both are on PostgreSQL.
pub async fn open_key_store_with(
    url: &DatabaseUrl,
    replica: Option<ReadReplica<'_>>,
    clock: Clock,
) -> Result<Arc<dyn KeyStore>, StoreError> {
    match (url, replica.map(|replica| (replica.url, replica.patience))) {
        (DatabaseUrl::Sqlite(path), None) => Ok(Arc::new(SqliteKeyStore::open(path, clock)?)),
        (DatabaseUrl::Postgres(url), None) => Ok(Arc::new(PostgresKeyStore::open(url, clock).await?)),
        (DatabaseUrl::Postgres(url), Some((DatabaseUrl::Postgres(replica), patience))) => {
            let store = PostgresKeyStore::open(url, clock).await?;
            Ok(Arc::new(store.with_replica(replica, patience)?))
        }
        _ => Err(StoreError::NotReady(
            "only a database on PostgreSQL has a read replica, which is on PostgreSQL too".into(),
        )),
    }
}

/// Opens the verification database, as [`open_key_store`] does the other one.
///
/// # Errors
/// [`StoreError::Unavailable`] if it cannot be reached, [`StoreError::NotReady`] if [`migrate_code_store`] has to run first or a newer program has.
pub async fn open_code_store(url: &DatabaseUrl) -> Result<Arc<dyn CodeStore>, StoreError> {
    Ok(match url {
        DatabaseUrl::Sqlite(path) => Arc::new(SqliteCodeStore::open(path)?),
        DatabaseUrl::Postgres(url) => Arc::new(PostgresCodeStore::open(url).await?),
    })
}

/// Brings the key database to the newest version; again changes nothing.
///
/// # Errors
/// As [`open_key_store`]; [`StoreError::NotReady`] also if this user may not do it.
pub async fn migrate_key_store(url: &DatabaseUrl) -> Result<(), StoreError> {
    match url {
        DatabaseUrl::Sqlite(path) => SqliteKeyStore::open(path, Clock::system()).map(drop),
        DatabaseUrl::Postgres(url) => PostgresKeyStore::migrate(url).await,
    }
}

/// Brings the verification database to the newest version; again changes nothing.
///
/// # Errors
/// As [`open_code_store`]; [`StoreError::NotReady`] also if this user may not do it.
pub async fn migrate_code_store(url: &DatabaseUrl) -> Result<(), StoreError> {
    match url {
        DatabaseUrl::Sqlite(path) => SqliteCodeStore::open(path).map(drop),
        DatabaseUrl::Postgres(url) => PostgresCodeStore::migrate(url).await,
    }
}
