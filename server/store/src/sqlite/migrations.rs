//! Bringing a database file to the newest version.
//!
//! Migrations are append-only: what has landed never changes, a change is a new file with the next number. They are listed here by hand, so
//! that a file cannot be embedded without being looked at, and a test compares the list with `migrations/SHA256SUMS`, which pins what has landed.

use refinery::error::Kind;
use refinery::{Migration, Runner};
use rusqlite::Connection;

use crate::error::StoreError;

/// A migration: its name, `V{number}__{what}`, and its SQL.
pub(super) type Embedded = (&'static str, &'static str);

/// The migrations of the key database.
pub(super) const KEYS: &[Embedded] = &[
    ("V1__keys", include_str!("../../migrations/sqlite/keys/V1__keys.sql")),
    ("V2__life", include_str!("../../migrations/sqlite/keys/V2__life.sql")),
    ("V3__self_reports", include_str!("../../migrations/sqlite/keys/V3__self_reports.sql")),
    ("V4__revisions", include_str!("../../migrations/sqlite/keys/V4__revisions.sql")),
    ("V5__uploads", include_str!("../../migrations/sqlite/keys/V5__uploads.sql")),
    ("V6__chaff", include_str!("../../migrations/sqlite/keys/V6__chaff.sql")),
    ("V7__audit", include_str!("../../migrations/sqlite/keys/V7__audit.sql")),
    ("V8__trust", include_str!("../../migrations/sqlite/keys/V8__trust.sql")),
    ("V10__gateways", include_str!("../../migrations/sqlite/keys/V10__gateways.sql")),
    ("V12__filler", include_str!("../../migrations/sqlite/keys/V12__filler.sql")),
    ("V13__quarantine", include_str!("../../migrations/sqlite/keys/V13__quarantine.sql")),
    ("V15__intervals", include_str!("../../migrations/sqlite/keys/V15__intervals.sql")),
];

/// The migrations of the verification database.
pub(super) const VERIFICATION: &[Embedded] = &[
    ("V1__codes", include_str!("../../migrations/sqlite/verification/V1__codes.sql")),
    ("V2__repeats", include_str!("../../migrations/sqlite/verification/V2__repeats.sql")),
    ("V3__code_styles", include_str!("../../migrations/sqlite/verification/V3__code_styles.sql")),
    ("V4__guesses", include_str!("../../migrations/sqlite/verification/V4__guesses.sql")),
    ("V5__messages", include_str!("../../migrations/sqlite/verification/V5__messages.sql")),
    ("V6__counters", include_str!("../../migrations/sqlite/verification/V6__counters.sql")),
    ("V7__self_reports", include_str!("../../migrations/sqlite/verification/V7__self_reports.sql")),
    ("V8__chaff", include_str!("../../migrations/sqlite/verification/V8__chaff.sql")),
];

/// How often the migrations are tried when several programs open a new file at once. The runner takes no lock between looking and applying,
/// so that one of two fails on tables that the other has just made; when it looks again, there is nothing left to do.
const ATTEMPTS: u32 = 3;

/// Runs the migrations that the file lacks, all of them in one transaction.
///
/// # Errors
/// [`StoreError::NotReady`] if the file knows migrations that this program does not, or others under the same name.
pub(super) fn run(connection: &mut Connection, embedded: &[Embedded]) -> Result<(), StoreError> {
    let migrations: Result<Vec<_>, _> = embedded.iter().map(|(name, sql)| Migration::unapplied(name, sql)).collect();
    let runner = Runner::new(&migrations.map_err(not_ready)?).set_grouped(true);
    let mut attempt = 1;
    loop {
        match runner.run(connection) {
            Ok(_) => return Ok(()),
            Err(error) if attempt < ATTEMPTS && matches!(error.kind(), Kind::Connection(..)) => attempt += 1,
            Err(error) => return Err(not_ready(error)),
        }
    }
}

fn not_ready(error: refinery::Error) -> StoreError {
    StoreError::NotReady(match error.kind() {
        Kind::DivergentVersion(applied, ours) => {
            format!("its {applied} is not this program's {ours}; is it the database of another program?")
        }
        Kind::MissingVersion(applied) => {
            format!("it has {applied}, which this program does not know: a newer or another program's database")
        }
        _ => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn what_is_embedded_is_what_has_landed() {
        let pinned = include_str!("../../migrations/SHA256SUMS").lines().filter(|line| line.contains("sqlite/"));
        let mut pinned: Vec<String> = pinned.map(str::to_owned).collect();
        let mut embedded = Vec::new();
        for (database, migrations) in [("keys", KEYS), ("verification", VERIFICATION)] {
            for (name, sql) in migrations {
                let digest: String = Sha256::digest(sql).iter().map(|byte| format!("{byte:02x}")).collect();
                embedded.push(format!("{digest}  sqlite/{database}/{name}.sql"));
            }
        }
        pinned.sort();
        embedded.sort();
        assert_eq!(embedded, pinned);
    }

    #[test]
    fn every_table_and_column_of_the_key_database_is_explained() {
        for (name, sql) in KEYS {
            let lines: Vec<&str> = sql.lines().collect();
            for pair in lines.windows(2) {
                let declares = pair[1].starts_with("CREATE TABLE")
                    || [" INTEGER", " TEXT", " BLOB"].iter().any(|kind| {
                        let word = pair[1].trim_start().split(' ').next().unwrap_or_default();
                        pair[1].starts_with(&format!("    {word}{kind}"))
                    });
                assert!(!declares || pair[0].trim_start().starts_with("--"), "{name}: {}", pair[1]);
            }
        }
    }

    #[test]
    fn migrations_run_once() {
        for embedded in [KEYS, VERIFICATION] {
            let mut connection = Connection::open_in_memory().expect("opened");
            run(&mut connection, embedded).expect("ran");
            run(&mut connection, embedded).expect("had nothing to do");
        }
    }

    #[test]
    fn what_operators_did_cannot_be_changed() {
        let mut connection = Connection::open_in_memory().expect("opened");
        run(&mut connection, KEYS).expect("ran");
        let act = "INSERT INTO audit (at, act, subject, outcome, reason, os_user) VALUES (0, 'x', '{}', '{}', '', '')";
        connection.execute(act, []).expect("written");
        for change in ["UPDATE audit SET reason = 'none'", "DELETE FROM audit"] {
            let error = connection.execute(change, []).expect_err("refused");
            assert!(error.to_string().contains("append-only"), "{error}");
        }
    }

    #[test]
    fn authorities_of_before_have_the_codes_that_they_had() {
        let mut connection = Connection::open_in_memory().expect("opened");
        run(&mut connection, &VERIFICATION[..2]).expect("ran");
        let old =
            "INSERT INTO authority (id, issuer, audience, date_required, created_at) VALUES ('no', 'no', 'a', 0, 1)";
        connection.execute(old, []).expect("inserted");
        run(&mut connection, VERIFICATION).expect("ran");
        let style: (String, u8, i64, i64) = connection
            .query_row("SELECT code_form, code_length, code_life, long_code_life FROM authority", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .expect("read");
        assert_eq!(style, ("digits".to_owned(), 8, 900, 86_400));
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let mut connection = Connection::open_in_memory().expect("opened");
        let broken = [("V1__good", "CREATE TABLE good (a INTEGER)"), ("V2__bad", "CREATE TABLE bad (")];
        assert!(matches!(run(&mut connection, &broken), Err(StoreError::NotReady(_))));
        assert!(connection.prepare("SELECT * FROM good").is_err());
    }
}
