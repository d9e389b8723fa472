//! Why there is no database to test with.

/// A test database could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// There is no PostgreSQL.
    #[error(
        "the tests need PostgreSQL: found no directory with initdb, pg_ctl and postgres in PATH or /usr/lib/postgresql/*/bin. \
         Install it (Debian: apt-get install postgresql), or set PRATIQUE_TEST_DATABASE_URL to a server where the user may create databases"
    )]
    Missing,
    /// The cluster did not start.
    #[error("the PostgreSQL cluster for tests did not start: {0}")]
    Start(String),
    /// What [`PRATIQUE_TEST_DATABASE_URL`](crate::Cluster::shared) says is no URL, or there is no such server.
    #[error("the PostgreSQL server for tests: {0}")]
    Server(#[from] tokio_postgres::Error),
}
