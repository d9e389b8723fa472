//! Transactions that have written and do not commit for seconds; and a log of when each key was written, for those who look at times.
//!
//! On PostgreSQL a marked key makes its transaction sleep when it is about to commit, in a deferred trigger, while everybody else goes on: as
//! when a machine swaps or a network stalls. SQLite has one writer at a time, so a transaction that stalls holds up all others, seals too, and nobody
//! can seal what is younger: only readers go on. There a marked key keeps its transaction busy for about a second, and fewer are marked.

use std::time::Instant;

use rusqlite::Connection;
use tests::engine::Place;

/// What a marked key begins with.
pub(crate) const MARK: [u8; 2] = [0xff, 0xff];
/// Numbers that SQLite counts to find out how fast it counts.
const SAMPLE: u64 = 100_000;
/// How often it counts them.
const SAMPLES: usize = 5;

/// Which uploads stall.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stalls {
    /// One of so many.
    of: u64,
}

impl Stalls {
    /// Whether this person's does.
    pub(crate) const fn hit(self, person: u64) -> bool {
        person % self.of == self.of / 2
    }
}

/// Prepares a database that nobody uses yet.
pub(crate) async fn install(place: &Place) -> anyhow::Result<Stalls> {
    match place {
        Place::Server(database) => {
            // The server's role may write to no table that it does not know: the functions do so with the rights of their owner.
            const SQL: &str = "
                CREATE TABLE received (key bytea PRIMARY KEY, at bigint NOT NULL);
                CREATE INDEX ON received (at);
                CREATE FUNCTION note_receipt() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
                BEGIN
                    INSERT INTO received
                    SELECT key, (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM given;
                    RETURN NULL;
                END
                $$;
                CREATE TRIGGER note_receipt AFTER INSERT ON gaen_fresh REFERENCING NEW TABLE AS given
                    FOR EACH STATEMENT EXECUTE FUNCTION note_receipt();
                CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    PERFORM pg_sleep(1 + 3 * random());
                    RETURN NULL;
                END
                $$;
                CREATE CONSTRAINT TRIGGER stall AFTER INSERT ON received DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW WHEN (substring(NEW.key FOR 2) = '\\xffff') EXECUTE FUNCTION stall()";
            database.connect().await?.batch_execute(SQL).await?;
            Ok(Stalls { of: 100 })
        }
        Place::File(path) => {
            let database = Connection::open(path)?;
            let numbers = numbers_a_second(&database)?;
            // What is sealed while a key waits may make its row be written anew: it was received once all the same.
            database.execute_batch(&format!(
                "CREATE TABLE received (key BLOB PRIMARY KEY, at INTEGER NOT NULL);
                CREATE INDEX received_at ON received (at);
                CREATE VIEW stall AS {};
                CREATE TRIGGER note_receipt AFTER INSERT ON gaen_fresh
                WHEN NOT EXISTS (SELECT 1 FROM received WHERE key = NEW.key) BEGIN
                    INSERT INTO received VALUES (NEW.key, CAST(unixepoch('subsec') * 1000 AS INTEGER));
                END;
                CREATE TRIGGER stall AFTER INSERT ON received WHEN substr(NEW.key, 1, 2) = x'ffff' BEGIN
                    SELECT counted FROM stall;
                END",
                count_to(numbers)
            ))?;
            Ok(Stalls { of: 1_000 })
        }
    }
}

/// How far SQLite counts in a second, if nothing holds it up: the best of a few.
fn numbers_a_second(database: &Connection) -> rusqlite::Result<u64> {
    let mut best = 0;
    for _ in 0..SAMPLES {
        let begun = Instant::now();
        database.query_row(&count_to(SAMPLE), [], |row| row.get::<_, i64>(0))?;
        best = best.max((SAMPLE as f64 / begun.elapsed().as_secs_f64().max(1e-3)) as u64);
    }
    Ok(best)
}

fn count_to(number: u64) -> String {
    format!(
        "WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < {number})
        SELECT count(*) AS counted FROM numbers"
    )
}
