//! What time the database has.

use async_trait::async_trait;
use proto::Timestamp;

use crate::error::StoreError;

/// Tells the time by which everything in the database is stored and compared, so that a program can tell whether its own differs.
#[async_trait]
pub trait DatabaseClock: Send + Sync {
    /// The database's time in whole UTC seconds, rounded down, moved as far as the program's [`Clock`](crate::Clock) is in a test. In SQLite that
    /// is the program's own time; on PostgreSQL it is that of the server's machine.
    async fn now(&self) -> Result<Timestamp, StoreError>;
}
