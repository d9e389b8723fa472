//! The settings of a read replica, which takes the heavy reads off the database.

use std::time::Duration;

use clap::Args;
use store::{DatabaseUrl, ReadReplica};

use crate::error::ExportError;
use crate::units::{duration, shown};

/// Nobody waits longer than this for a bundle because of a replica.
const WAITS: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(600));

/// Which replica, and for how long it is waited for.
#[derive(Debug, Clone, Args)]
pub struct ReplicaFlags {
    /// A read replica (hot standby) of a PostgreSQL database, from which what is sealed is read; a login that may only read will do. A replica that is
    /// down or behind costs a warning, and the database itself is read. Default: there is none.
    #[arg(long, env = "EXPORTER_READ_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub read_database_url: Option<DatabaseUrl>,

    /// How long a read waits until the replica has caught up with the database, 0s to 10m.
    #[arg(long, env = "EXPORTER_READ_WAIT", value_name = "TIME", default_value = "10s", value_parser = wait)]
    pub read_wait: Duration,
}

impl ReplicaFlags {
    /// No replica.
    pub(crate) const DEFAULT: Self = Self { read_database_url: None, read_wait: Duration::from_secs(10) };

    /// The replica, as the store wants it.
    pub(crate) fn of_store(&self) -> Option<ReadReplica<'_>> {
        self.read_database_url.as_ref().map(|url| ReadReplica { url, patience: self.read_wait })
    }
}

/// Whether a database can have such a replica.
///
/// # Errors
/// [`ExportError::GiveUp`] unless both are on PostgreSQL.
pub(crate) fn ensure_sound(database: &DatabaseUrl, replica: Option<ReadReplica<'_>>) -> Result<(), ExportError> {
    let refused = |what: &str| Err(ExportError::GiveUp(format!("read-database-url: {what}")));
    match (database, replica.map(|replica| replica.url)) {
        (_, None) | (DatabaseUrl::Postgres(_), Some(DatabaseUrl::Postgres(_))) => Ok(()),
        (DatabaseUrl::Sqlite(_), Some(_)) => refused("a database in a SQLite file has no replica"),
        (_, Some(_)) => refused("must be postgres://USER:PASSWORD@HOST/DATABASE, as the database is"),
    }
}

fn wait(text: &str) -> Result<Duration, String> {
    let (least, most) = WAITS;
    let wait = duration(text).filter(|wait| (least..=most).contains(wait));
    wait.ok_or_else(|| format!("must be {} to {}", shown(least), shown(most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_only_of_postgresql() {
        let flags =
            |url: &str| ReplicaFlags { read_database_url: Some(url.parse().expect("a URL")), ..ReplicaFlags::DEFAULT };
        let (sqlite, postgres) = ("sqlite:k.db", "postgres://u:hunter2@db/k");
        let sound =
            |database: &str, replica| ensure_sound(&database.parse().expect("a URL"), flags(replica).of_store());
        assert!(sound(postgres, postgres).is_ok());
        assert!(ensure_sound(&sqlite.parse().expect("a URL"), ReplicaFlags::DEFAULT.of_store()).is_ok());
        for (database, replica) in [(sqlite, postgres), (postgres, sqlite), (sqlite, sqlite)] {
            let why = sound(database, replica).expect_err("refused").to_string();
            assert!(why.starts_with("read-database-url: ") && !why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn a_wait_is_bounded() {
        assert_eq!(wait("250s"), Ok(Duration::from_secs(250)));
        assert_eq!(wait("0s"), Ok(Duration::ZERO));
        for text in ["601s", "1h", "-1s", "soon", ""] {
            assert_eq!(wait(text).expect_err(text), "must be 0s to 10m");
        }
    }
}
