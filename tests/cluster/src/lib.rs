//! A PostgreSQL for tests: a private cluster from the installed binaries, a database of its own for each test.
//!
//! Nobody has to prepare anything and nothing stays behind: the cluster lies in a temporary directory, is reached through a socket that
//! only this user can open, and ends with the process that started it, however that ends. `PRATIQUE_TEST_DATABASE_URL` points the tests
//! at a server that runs already instead. Without either, tests fail and say what to install; none is skipped.

mod error;

mod binaries;
mod user;

mod server;

mod control;
mod psql;

mod database;
mod dump;

pub mod asker;
mod pgbench;
mod port;
pub mod processor_time;

pub use control::StopMode;
pub use database::Database;
pub use error::ClusterError;
pub use port::free_port;
pub use server::{Cluster, Options};
pub use user::as_servers_run;
