//! What PostgreSQL was asked, counted by itself (`pg_stat_statements`).

use anyhow::Context as _;
use cluster::Cluster;
use serde::Serialize;

/// The statements of the deployment's programs, and not those of whoever looks.
const COUNTED: &str = "
SELECT rolname, calls, split_part(query, E'\\n', 1)
FROM pg_stat_statements JOIN pg_roles ON pg_roles.oid = userid
WHERE rolname LIKE '%\\_one' OR rolname LIKE 'pratique%'
ORDER BY rolname, calls DESC";

/// A statement, and how often it was executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// Who asked: `server_one`.
    pub role: String,
    /// Its name, as its first line says (`keys::accept`), or that line.
    pub name: String,
    /// How often.
    pub calls: u64,
}

/// Begins to count anew.
///
/// # Errors
/// If PostgreSQL does not answer.
pub fn forget_statements(cluster: &Cluster) -> anyhow::Result<()> {
    cluster.psql("postgres", "SELECT pg_stat_statements_reset()")?;
    Ok(())
}

/// What the deployment's programs have asked since then. Beginning and ending a transaction are not counted: by itself that reads nothing.
///
/// # Errors
/// If PostgreSQL does not answer.
pub fn statements(cluster: &Cluster) -> anyhow::Result<Vec<Statement>> {
    let counted = cluster.psql("postgres", COUNTED)?;
    let statement = |line: &str| {
        let mut columns = line.splitn(3, '|');
        let mut next = || columns.next().context("three columns");
        let (role, calls, name) =
            (next()?.to_owned(), next()?.parse()?, next()?.trim_start_matches("--").trim().to_owned());
        Ok(Statement { role, name, calls })
    };
    counted.lines().map(statement).collect()
}
