//! The embedded engine.

mod migrations;
mod pool;

mod codes;
mod issuers;
mod keys;

pub use codes::SqliteCodeStore;
pub use keys::SqliteKeyStore;
