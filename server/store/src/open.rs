//! Opening a database by its URL.

use std::sync::Arc;

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
    Ok(match url {
        DatabaseUrl::Sqlite(path) => Arc::new(SqliteKeyStore::open(path, clock)?),
        DatabaseUrl::Postgres(url) => Arc::new(PostgresKeyStore::open(url, clock).await?),
    })
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
