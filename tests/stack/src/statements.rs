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
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// A statement while phones polled, beside as long a time in which nobody called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Who asked: `server_one`.
    pub role: String,
    /// Its name.
    pub name: String,
    /// How often while nobody called: what services ask by themselves, to delete what is old and to look after keys and guessing.
    pub idle: u64,
    /// How often while phones polled.
    pub polling: u64,
    /// How many of these are more than services ask by themselves: those that polling phones caused.
    pub caused: u64,
}

/// By how much a statement that is asked at its own times may come out differently in two spans of one length: once for each of two processes.
const CHANCE: u64 = 2;

/// What was asked while phones polled beside what was asked while nobody called, for a time that was `longer` times as short.
pub(crate) fn beside(polling: &[Statement], idle: &[Statement], longer: f64) -> Vec<Asked> {
    let asked = |statement: &Statement| {
        let Statement { role, name, calls } = statement.clone();
        let known = idle.iter().find(|known| (&known.role, &known.name) == (&role, &name));
        let idle = known.map_or(0, |known| known.calls);
        let by_themselves = (idle as f64 * longer.max(1.0)).ceil() as u64 + CHANCE;
        Asked { role, name, idle, polling: calls, caused: calls.saturating_sub(by_themselves) }
    };
    polling.iter().map(asked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(name: &str, calls: u64) -> Statement {
        Statement { role: "server_one".to_owned(), name: name.to_owned(), calls }
    }

    #[test]
    fn what_services_ask_by_themselves_is_not_the_phones_doing_and_everything_else_is() {
        let idle = [statement("keys::forget", 12)];
        let polling = [statement("keys::forget", 15), statement("keys::find", 40), statement("keys::list", 2)];
        let caused = |longer| beside(&polling, &idle, longer).iter().map(|asked| asked.caused).collect::<Vec<_>>();
        assert_eq!(caused(1.0), [1, 38, 0]);
        // Whoever was watched for longer while phones polled may ask for more by themselves.
        assert_eq!(caused(1.25), [0, 38, 0]);
        assert_eq!(caused(0.1), [1, 38, 0]);
    }

    #[test]
    fn a_statement_of_somebody_else_is_another() {
        let idle = [Statement { role: "verification_one".to_owned(), ..statement("keys::forget", 12) }];
        assert_eq!(beside(&[statement("keys::forget", 12)], &idle, 1.0)[0].caused, 10);
    }
}
