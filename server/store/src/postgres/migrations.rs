//! Bringing a database to the newest version, and telling whether it is there.
//!
//! Migrations are append-only, as the embedded engine's are. They run when `migrate` says so, as the database's owner; the services' own roles
//! may change nothing of the schema and only look whether all of it is there.

use std::collections::BTreeMap;
use std::time::Duration;

use refinery::{Migration, Runner};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::error::with_advice;
use super::pool::Pool;
use crate::error::StoreError;

/// The migrations of one of the databases.
pub(super) struct Database {
    /// What the operator calls to run them.
    command: &'static str,
    /// The table that remembers which ran. Each database has its own, so that both may share one.
    history: &'static str,
    /// Their names, `V{number}__{what}`, and their SQL.
    embedded: &'static [(&'static str, &'static str)],
}

/// The key database.
pub(super) const KEYS: Database = Database {
    command: "server migrate",
    history: "refinery_keys_history",
    embedded: &[
        ("V1__keys", include_str!("../../migrations/postgres/keys/V1__keys.sql")),
        ("V2__life", include_str!("../../migrations/postgres/keys/V2__life.sql")),
        ("V3__self_reports", include_str!("../../migrations/postgres/keys/V3__self_reports.sql")),
        ("V4__revisions", include_str!("../../migrations/postgres/keys/V4__revisions.sql")),
        ("V5__uploads", include_str!("../../migrations/postgres/keys/V5__uploads.sql")),
        ("V6__chaff", include_str!("../../migrations/postgres/keys/V6__chaff.sql")),
        ("V7__audit", include_str!("../../migrations/postgres/keys/V7__audit.sql")),
        ("V8__trust", include_str!("../../migrations/postgres/keys/V8__trust.sql")),
        ("V10__gateways", include_str!("../../migrations/postgres/keys/V10__gateways.sql")),
        ("V12__filler", include_str!("../../migrations/postgres/keys/V12__filler.sql")),
        ("V13__quarantine", include_str!("../../migrations/postgres/keys/V13__quarantine.sql")),
        ("V14__adoption", include_str!("../../migrations/postgres/keys/V14__adoption.sql")),
        ("V15__intervals", include_str!("../../migrations/postgres/keys/V15__intervals.sql")),
        ("V17__hash_indexes", include_str!("../../migrations/postgres/keys/V17__hash_indexes.sql")),
        ("V18__one_row_a_key", include_str!("../../migrations/postgres/keys/V18__one_row_a_key.sql")),
    ],
};

/// The verification database.
pub(super) const VERIFICATION: Database = Database {
    command: "verification migrate",
    history: "refinery_verification_history",
    embedded: &[
        ("V1__codes", include_str!("../../migrations/postgres/verification/V1__codes.sql")),
        ("V2__guesses", include_str!("../../migrations/postgres/verification/V2__guesses.sql")),
        ("V3__messages", include_str!("../../migrations/postgres/verification/V3__messages.sql")),
        ("V4__counters", include_str!("../../migrations/postgres/verification/V4__counters.sql")),
        ("V5__self_reports", include_str!("../../migrations/postgres/verification/V5__self_reports.sql")),
        ("V6__chaff", include_str!("../../migrations/postgres/verification/V6__chaff.sql")),
    ],
};

/// The histories of both databases, and whose they are.
const HISTORIES: [(&str, &str); 2] = [
    ("refinery_keys_history", "it is the key database, which `server migrate` keeps; give the URL of the other one"),
    (
        "refinery_verification_history",
        "it is the verification database, which `verification migrate` keeps; give the URL of the other one",
    ),
];

/// Guards all migrations of a database: two at once would both find the same work to do.
const LOCK: &str = "SELECT pg_advisory_lock(hashtextextended('pratique migrations', 0))";

/// Said when it was waited for long enough.
const IN_THE_WAY: &str = "another transaction has kept a table that the migrations must change for as long as they waited; nothing was changed. A copy \
    (pg_dump) or a long query does so: let it end, or see it with SELECT pid, usename, xact_start, query FROM pg_stat_activity ORDER BY xact_start, and \
    run this again";

/// How long the migrations stand in the way of others. Whoever changes a table waits until nobody reads it, and everybody who comes later,
/// uploads too, waits behind.
struct Manners {
    /// How long it is waited for each table.
    lock: Duration,
    /// How long whoever has waited behind has then.
    between: Duration,
    attempts: u32,
}

impl Default for Manners {
    /// Uploads are held up for 5 s of 10, which phones bear, and for two minutes at most.
    fn default() -> Self {
        Self { lock: Duration::from_secs(5), between: Duration::from_secs(5), attempts: 12 }
    }
}

impl Database {
    /// Runs the migrations that the database lacks, all of them in one transaction, while nobody else does and without keeping uploads waiting for long.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] if the database knows migrations that this program does not, or others under the same name, or if its user may
    /// not run them; [`StoreError::Unavailable`] if another transaction kept a table to itself for minutes. Then nothing was changed.
    pub(super) async fn run(&self, pool: &Pool) -> Result<(), StoreError> {
        self.run_among_others(pool, &Manners::default()).await
    }

    async fn run_among_others(&self, pool: &Pool, manners: &Manners) -> Result<(), StoreError> {
        // The connection leaves the pool, and with it go the lock and the setting.
        let mut wrapped = deadpool_postgres::Object::take(pool.client().await?);
        let client: &mut Client = &mut wrapped;
        client.batch_execute("SET statement_timeout = 0").await?;
        client.batch_execute(LOCK).await?;
        self.refuse_others(client).await?;
        // Not before the lock was had: who waits for that one is in nobody's way.
        client.batch_execute(&format!("SET lock_timeout = '{}ms'", manners.lock.as_millis())).await?;
        let fresh = !exists(client, self.history).await?;
        let done = self.attempts(client, manners).await;
        if done.is_err() && fresh {
            // The runner makes its table before everything else, and leaves it. Should this fail too, nothing can be done about it.
            let _ = client.batch_execute(&format!("DROP TABLE IF EXISTS {}", self.history)).await;
        }
        done
    }

    async fn attempts(&self, client: &mut Client, manners: &Manners) -> Result<(), StoreError> {
        let migrations = self.migrations()?;
        for attempt in 0..manners.attempts {
            if attempt > 0 {
                tracing::warn!("another transaction is in the way of the migrations; they wait until it is over");
                tokio::time::sleep(manners.between).await;
            }
            match self.attempt(client, &migrations).await {
                Err(error) if waited_in_vain(&error) => {}
                done => return done.map_err(not_ready),
            }
        }
        Err(StoreError::Unavailable(IN_THE_WAY.to_owned()))
    }

    async fn attempt(&self, client: &mut Client, migrations: &[Migration]) -> Result<(), refinery::Error> {
        let mut runner = Runner::new(migrations).set_grouped(true);
        runner.set_migration_table_name(self.history);
        runner.run_async(client).await.map(drop)
    }

    /// # Errors
    /// [`StoreError::NotReady`] if it is the database of another program.
    async fn refuse_others(&self, client: &Client) -> Result<(), StoreError> {
        for (history, whose) in HISTORIES.into_iter().filter(|(history, _)| *history != self.history) {
            if exists(client, history).await? {
                return Err(StoreError::NotReady(whose.to_owned()));
            }
        }
        Ok(())
    }

    /// Whether the database is at this program's version.
    ///
    /// # Errors
    /// [`StoreError::NotReady`] if it is not, with what to do.
    pub(super) async fn check(&self, pool: &Pool) -> Result<(), StoreError> {
        let applied = self.applied(pool).await?;
        if applied.is_empty() {
            let client = pool.client().await?;
            self.refuse_others(&client).await?;
        }
        for migration in self.migrations()? {
            match applied.get(&migration.version()) {
                None => return Err(StoreError::NotReady(format!("it lacks {migration}; run {}", self.command))),
                Some(checksum) if *checksum == migration.checksum().to_string() => {}
                Some(_) => {
                    return Err(StoreError::NotReady(format!("its {migration} is another one than this program's")));
                }
            }
        }
        if applied.len() > self.embedded.len() {
            return Err(StoreError::NotReady("a newer program has migrated it; use that one".into()));
        }
        Ok(())
    }

    /// Version and checksum of each migration that ran.
    async fn applied(&self, pool: &Pool) -> Result<BTreeMap<i32, String>, StoreError> {
        let sql = format!("-- migrations::applied\nSELECT version, checksum FROM {}", self.history);
        let rows = match pool.client().await?.query(&sql, &[]).await {
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Vec::new(),
            rows => rows?,
        };
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    fn migrations(&self) -> Result<Vec<Migration>, StoreError> {
        self.embedded.iter().map(|(name, sql)| Migration::unapplied(name, sql).map_err(not_ready)).collect()
    }
}

/// Whether there is such a table.
async fn exists(client: &Client, table: &str) -> Result<bool, StoreError> {
    const SQL: &str = "-- migrations::exists\nSELECT to_regclass($1::text) IS NOT NULL";
    Ok(client.query_one(SQL, &[&table]).await?.try_get(0)?)
}

/// What PostgreSQL said stands in the source.
fn cause(error: &refinery::Error) -> Option<&tokio_postgres::Error> {
    std::error::Error::source(error).and_then(|cause| cause.downcast_ref())
}

fn waited_in_vain(error: &refinery::Error) -> bool {
    cause(error).and_then(tokio_postgres::Error::code) == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

fn not_ready(error: refinery::Error) -> StoreError {
    let said = cause(&error).and_then(tokio_postgres::Error::as_db_error).map(with_advice);
    StoreError::NotReady(said.map_or_else(|| error.to_string(), |said| format!("{error}: {said}")))
}

#[cfg(test)]
mod tests {
    use cluster::Database as OnServer;
    use sha2::{Digest, Sha256};
    use tokio::time::timeout;

    use super::*;
    use crate::database_url::DatabaseUrl;

    #[test]
    fn what_is_embedded_is_what_has_landed() {
        let pinned = include_str!("../../migrations/SHA256SUMS").lines().filter(|line| line.contains("postgres/"));
        let mut pinned: Vec<String> = pinned.map(str::to_owned).collect();
        let mut embedded = Vec::new();
        for (name, database) in [("keys", &KEYS), ("verification", &VERIFICATION)] {
            for (migration, sql) in database.embedded {
                let digest: String = Sha256::digest(sql).iter().map(|byte| format!("{byte:02x}")).collect();
                embedded.push(format!("{digest}  postgres/{name}/{migration}.sql"));
            }
        }
        pinned.sort();
        embedded.sort();
        assert_eq!(embedded, pinned);
    }

    /// When it is certain that somebody waits for ever.
    const PATIENCE: Duration = Duration::from_secs(120);

    fn pool(database: &OnServer) -> Pool {
        match database.url().parse() {
            Ok(DatabaseUrl::Postgres(url)) => Pool::lazy(&url).expect("a pool"),
            other => panic!("no PostgreSQL: {other:?}"),
        }
    }

    /// Waits until the migrations wait for a lock.
    async fn until_somebody_waits(client: &Client, of: &OnServer) {
        const WAITING: &str = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database \
            WHERE datname = $1 AND NOT granted AND mode = 'AccessExclusiveLock'";
        let name = of.name();
        while client.query_one(WAITING, &[&name]).await.expect("counted").get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn migrations_that_wait_for_a_long_reader_hold_up_uploads_for_seconds_only() {
        let database = OnServer::empty().await.expect("a database");
        let (old, new) = (Database { embedded: &KEYS.embedded[..KEYS.embedded.len() - 1], ..KEYS }, KEYS);
        let pool = pool(&database);
        old.run(&pool).await.expect("the version before");

        // A copy is made, which reads every table, and takes its time.
        let connect = async || database.connect().await.expect("connected");
        let (reader, uploader, onlooker) = (connect().await, connect().await, connect().await);
        reader.batch_execute("BEGIN; LOCK TABLE gaen_publication IN ACCESS SHARE MODE").await.expect("it reads");
        let manners = Manners { lock: Duration::from_millis(100), between: Duration::from_millis(50), attempts: 2 };
        let refused = timeout(PATIENCE, new.run_among_others(&pool, &manners)).await.expect("an end");
        let Err(StoreError::Unavailable(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains("nothing was changed") && why.contains("pg_stat_activity"), "{why}");
        assert!(matches!(new.check(&pool).await, Err(StoreError::NotReady(_))), "nothing of it is there");

        let manners = Manners { attempts: u32::MAX, ..manners };
        let upload = async {
            until_somebody_waits(&onlooker, &database).await;
            // It comes after the migrations, and they after the reader, who is not done yet.
            uploader
                .batch_execute("INSERT INTO gaen_publication SELECT * FROM gaen_publication")
                .await
                .expect("uploaded");
            reader.batch_execute("COMMIT").await.expect("now it is done");
        };
        let both = async { tokio::join!(new.run_among_others(&pool, &manners), upload) };
        let (migrated, ()) = timeout(PATIENCE, both).await.expect("nobody waits for ever");
        migrated.expect("migrated");
        new.check(&pool).await.expect("the newest version");
    }
}
