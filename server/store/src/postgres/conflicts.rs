//! What happens to transactions that are in each other's way. Tests alone.

use std::sync::atomic::{AtomicU32, Ordering};

use cluster::Database;
use tokio::sync::Barrier;
use tokio_postgres::Row;

use super::pool::Pool;
use super::transaction::{ATTEMPTS, Mode, Transaction};
use crate::database_url::DatabaseUrl;
use crate::error::StoreError;

/// Two accounts, and a function that fails until it is called for the third time. Sequences do not turn back, so that they count what was
/// rolled back.
const SCHEMA: &str = "
    CREATE TABLE account (name text PRIMARY KEY, balance bigint NOT NULL);
    INSERT INTO account VALUES ('first', 0), ('second', 0);
    CREATE SEQUENCE tries;
    CREATE FUNCTION third_time_lucky(state text) RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('tries') < 3 THEN RAISE EXCEPTION USING ERRCODE = state; END IF;
        RETURN currval('tries');
    END $$;";

/// A database of its own, whose server looks for deadlocks at once.
async fn bank() -> (Database, Pool) {
    let database = Database::empty().await.expect("a database");
    database.connect().await.expect("connected").batch_execute(SCHEMA).await.expect("made");
    let pool = open(&database, "10ms").await;
    (database, pool)
}

/// Connections that look for deadlocks after they have waited for so long.
async fn open(database: &Database, deadlock_timeout: &str) -> Pool {
    let separator = if database.url().contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}options=-c%20deadlock_timeout%3D{deadlock_timeout}", database.url());
    let Ok(DatabaseUrl::Postgres(url)) = url.parse() else { panic!("no URL of a server") };
    Pool::open(&url).await.expect("opened")
}

async fn add(tx: &Transaction<'_>, name: &str) -> Result<(), StoreError> {
    tx.execute("-- test::add\nUPDATE account SET balance = balance + 1 WHERE name = $1", &[&name]).await.map(drop)
}

async fn query(pool: &Pool, sql: &'static str) -> Vec<Row> {
    pool.query("test", sql, &[]).await.expect("answered")
}

async fn balances(pool: &Pool) -> Vec<i64> {
    let rows = query(pool, "-- test::balances\nSELECT balance FROM account ORDER BY name").await;
    rows.iter().map(|row| row.get(0)).collect()
}

/// A transaction that takes a first step, waits there until the other has come as far, but only the first time, and goes on.
struct Step<'a> {
    /// Looks at or adds to this account,
    first: (&'a str, bool),
    /// then adds to this one.
    second: &'a str,
    meeting: &'a Barrier,
    runs: AtomicU32,
}

impl Step<'_> {
    async fn run(&self, pool: &Pool, mode: Mode) -> u32 {
        pool.transact("test", mode, self, |tx, step| Box::pin(step.once(tx))).await.expect("it goes on");
        self.runs.load(Ordering::Relaxed)
    }

    async fn once(&self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        match self.first {
            (name, true) => add(tx, name).await?,
            (name, false) => {
                tx.row("-- test::look\nSELECT balance FROM account WHERE name = $1", &[&name]).await?;
            }
        }
        if self.runs.fetch_add(1, Ordering::Relaxed) == 0 {
            self.meeting.wait().await;
        }
        add(tx, self.second).await
    }
}

/// Runs two such transactions at once; how often they ran, together.
async fn meet(pools: [&Pool; 2], mode: Mode, steps: [((&str, bool), &str); 2]) -> u32 {
    let meeting = Barrier::new(2);
    let [one, other] = steps.map(|(first, second)| Step { first, second, meeting: &meeting, runs: AtomicU32::new(0) });
    let (one, other) = tokio::join!(one.run(pools[0], mode), other.run(pools[1], mode));
    one + other
}

#[tokio::test]
async fn one_of_two_that_wait_for_each_other_runs_again() {
    let (database, pool) = bank().await;
    let steps = [(("first", true), "second"), (("second", true), "first")];
    // Both would give way if both looked for a circle at the same moment: one of them does not look. The other may meet it again on a busy machine.
    let patient = open(&database, "1h").await;
    assert!(meet([&pool, &patient], Mode::Write, steps).await >= 3);
    assert_eq!(balances(&pool).await, [2, 2]);
}

#[tokio::test]
async fn who_saw_what_is_no_longer_so_runs_again() {
    let (_database, pool) = bank().await;
    let steps = [(("first", false), "first"), (("first", false), "first")];
    assert_eq!(meet([&pool, &pool], Mode::Frozen, steps).await, 3);
    assert_eq!(balances(&pool).await, [2, 0]);
}

/// Adds to an account and then fails with a state.
async fn fail(tx: &Transaction<'_>, state: &str) -> Result<(), StoreError> {
    add(tx, "first").await?;
    tx.row("-- test::again\nSELECT setval('tries', 1, false)", &[]).await?;
    tx.row("-- test::fail\nSELECT third_time_lucky($1)", &[&state]).await.map(drop)
}

#[tokio::test]
async fn a_transaction_runs_again_a_fixed_number_of_times() {
    let (_database, pool) = bank().await;
    for (state, expected) in [("40001", ATTEMPTS), ("40P01", ATTEMPTS), ("57014", 1)] {
        let given = (AtomicU32::new(0), state);
        let failed = pool.transact("test", Mode::Write, &given, |tx, (runs, state)| {
            runs.fetch_add(1, Ordering::Relaxed);
            Box::pin(fail(tx, state))
        });
        assert!(matches!(failed.await, Err(StoreError::Unavailable(_))), "{state}");
        assert_eq!(given.0.into_inner(), expected, "{state}");
    }
    assert_eq!(balances(&pool).await, [0, 0], "nothing of what failed is left");
}

#[tokio::test]
async fn a_single_statement_runs_again_too() {
    const LUCKY: &str = "-- test::lucky\nSELECT third_time_lucky($1)";
    let (_database, pool) = bank().await;
    for state in ["40001", "40P01", "23505"] {
        let rows = pool.query("test", LUCKY, &[&state]).await.expect("it goes on");
        assert_eq!(rows[0].get::<_, i64>(0), 3, "{state}");
        query(&pool, "-- test::again\nSELECT setval('tries', 1, false)").await;
    }
    let refused = pool.query("test", LUCKY, &[&"57014"]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    // Nobody asked again: the next call is the second.
    assert_eq!(query(&pool, "-- test::next\nSELECT nextval('tries')").await[0].get::<_, i64>(0), 2);
}
