//! The embedded engine.

mod codes;
mod keys;
mod pool;

pub use codes::SqliteCodeStore;
pub use keys::SqliteKeyStore;
