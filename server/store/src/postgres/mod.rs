//! PostgreSQL.

mod column;
mod error;
mod tls;

mod migrations;
mod pool;
mod transaction;

mod key_store;

mod authorities;
mod feeds;

pub use key_store::PostgresKeyStore;
