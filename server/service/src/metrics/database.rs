//! What operators see of a database: connections, and transactions by their names.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use store::{Connected, Ended, Observer};
use tokio::time::timeout;

use super::kinds::{GaugeFamily, Histograms, SteppedCounter, SteppedFamily};
use super::registry::Metrics;

/// How long transactions take, in seconds: from what a lookup needs to what a caller gives up on. Each name has one distribution, so parts are few.
const DURATIONS: &[f64] = &[0.002, 0.01, 0.05, 0.25, 1.0, 5.0];
/// How long an operation waits for a connection.
const WAITS: &[f64] = &[0.001, 0.01, 0.1, 1.0, 5.0];
/// How long a database may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(10);
/// The label of what is told by transaction. The names are those of statements, `codes::claim`: they are fixed, and name no row.
const TRANSACTION: &[&str] = &["transaction"];

/// Counts what a database does. The most that was at a time is kept until the next step.
pub struct DatabaseMetrics {
    limit: GaugeFamily,
    in_use: Most,
    waiting: Most,
    waits: Histograms,
    durations: Histograms,
    retries: SteppedFamily,
    failures: SteppedFamily,
    replica_refused: Option<SteppedCounter>,
}

/// Whether the database answers a service that asks by itself. Where a service whose database is gone is sent nothing any more, no request tells of it.
pub struct DatabaseUp(GaugeFamily);

/// The most that was at a time since the last step.
#[derive(Default)]
struct Most(AtomicI64);

impl DatabaseMetrics {
    /// Registers all of them under a program's prefix. To be told to a store as its observer.
    pub fn register(metrics: &Metrics, prefix: &str) -> Arc<Self> {
        Self::registered(metrics, prefix, None)
    }

    /// The same for a program that may read from a replica.
    pub fn register_with_replica(metrics: &Metrics, prefix: &str) -> Arc<Self> {
        let help = "Reads that a read replica was not fit for, so that the database itself was read for a minute";
        let [refused] = metrics.stepped(&format!("{prefix}_replica_refused"), help, [&[]]);
        Self::registered(metrics, prefix, Some(refused))
    }

    fn registered(metrics: &Metrics, prefix: &str, replica_refused: Option<SteppedCounter>) -> Arc<Self> {
        let name = |name: &str| format!("{prefix}_{name}");
        let gauge = |of: &str, help: &str| metrics.stepped_gauges(&name(of), help, &[]);
        let in_use = gauge("database_connections_in_use", "Connections in use, the most at a time since the last step");
        let waiting =
            gauge("database_waiting", "Operations waiting for a connection, the most at a time since the last step");
        let database = Arc::new(Self {
            limit: gauge("database_connections_limit", "How many connections to the database there may be"),
            in_use: Most::default(),
            waiting: Most::default(),
            waits: metrics.stepped_histograms(
                &name("database_wait_seconds"),
                "How long operations waited for a connection",
                &[],
                WAITS,
            ),
            durations: metrics.stepped_histograms(
                &name("transaction_duration_seconds"),
                "How long transactions took, repeats and the wait for a connection included",
                TRANSACTION,
                DURATIONS,
            ),
            retries: metrics.stepped_family(
                &name("transaction_retries"),
                "Repeats of transactions that others were in the way of",
                TRANSACTION,
            ),
            failures: metrics.stepped_family(&name("transaction_failures"), "Transactions that failed", TRANSACTION),
            replica_refused,
        });
        let shown = Arc::clone(&database);
        metrics.before_steps(move || {
            in_use.set(&[], shown.in_use.take());
            waiting.set(&[], shown.waiting.take());
        });
        database
    }
}

impl DatabaseUp {
    /// Registers it under a program's prefix, for a service that has just opened its database.
    pub fn register(metrics: &Metrics, prefix: &str) -> Self {
        let help =
            "1 while the database answers the service itself, which asks it every minute, whether or not requests come";
        let up = metrics.gauge_family(&format!("{prefix}_database_up"), help, &[]);
        up.set(&[], 1);
        Self(up)
    }

    /// Asks the database, which has 10 seconds for its answer. It is published at once, so only what a service does by itself at fixed times may come here:
    /// what a request found out would tell when that came.
    pub async fn ask<E>(&self, ping: impl Future<Output = Result<(), E>>) {
        let answers = matches!(timeout(PATIENCE, ping).await, Ok(Ok(())));
        self.0.set(&[], i64::from(answers));
    }
}

impl Observer for DatabaseMetrics {
    fn connected(&self, connected: &Connected) {
        self.limit.set(&[], signed(connected.limit));
        self.in_use.note(connected.in_use);
        self.waiting.note(connected.waiting);
        self.waits.note(&[], connected.waited);
    }

    fn ended(&self, ended: &Ended) {
        let name = &[ended.name];
        self.durations.note(name, ended.took);
        // Those that are none are counted, too: from a number that appears with its first failure Prometheus learns no increase.
        self.retries.count_many(name, u64::from(ended.retries));
        self.failures.count_many(name, u64::from(ended.failed));
    }

    fn replica_refused(&self) {
        self.replica_refused.iter().for_each(SteppedCounter::count);
    }
}

impl Most {
    fn note(&self, many: usize) {
        self.0.fetch_max(signed(many), Ordering::Relaxed);
    }

    fn take(&self) -> i64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_database_that_refuses_or_hangs_shows_at_once_and_so_does_its_return() {
        let metrics = Metrics::default();
        let up = DatabaseUp::register(&metrics, "x");
        let is_up = || metrics.render().lines().any(|line| line == "x_database_up{} 1");
        assert!(is_up(), "it was just opened");
        up.ask(ready(Err("refused"))).await;
        assert!(!is_up());
        up.ask(ready(Ok::<(), &str>(()))).await;
        assert!(is_up());
        up.ask(pending::<Result<(), &str>>()).await;
        assert!(!is_up(), "it hangs");
    }

    #[test]
    fn a_database_is_told_by_transaction_and_by_the_most_at_a_time() {
        let metrics = Metrics::default();
        let database = DatabaseMetrics::register_with_replica(&metrics, "x");
        let connected = |in_use, waiting| Connected { limit: 16, in_use, waiting, waited: Duration::from_millis(20) };
        database.connected(&connected(3, 0));
        database.connected(&connected(9, 2));
        database.connected(&connected(1, 0));
        let ended = |failed, retries| Ended { name: "keys::accept", took: Duration::from_millis(20), failed, retries };
        database.ended(&ended(false, 2));
        database.ended(&ended(true, 0));
        database.replica_refused();
        let shown = |line: &str| metrics.render().lines().any(|shown| shown == line);
        assert!(!shown("x_database_connections_in_use{} 9"), "not before the step");
        metrics.step();
        for line in [
            "x_database_connections_limit{} 16",
            "x_database_connections_in_use{} 9",
            "x_database_waiting{} 2",
            "x_database_wait_seconds_count{} 3",
            "x_transaction_duration_seconds_bucket{le=\"0.05\",transaction=\"keys::accept\"} 2",
            "x_transaction_retries_total{transaction=\"keys::accept\"} 2",
            "x_transaction_failures_total{transaction=\"keys::accept\"} 1",
            "x_replica_refused_total{} 1",
        ] {
            assert!(shown(line), "{line}\n{}", metrics.render());
        }
        metrics.step();
        assert!(shown("x_database_connections_in_use{} 0"), "nothing since the last step");
    }

    #[test]
    fn a_transaction_that_never_failed_shows_that_it_did_not() {
        let metrics = Metrics::default();
        let database = DatabaseMetrics::register(&metrics, "x");
        database.ended(&Ended { name: "keys::accept", took: Duration::ZERO, failed: false, retries: 0 });
        metrics.step();
        let shown = metrics.render();
        for name in ["retries", "failures"] {
            let line = format!("x_transaction_{name}_total{{transaction=\"keys::accept\"}} 0\n");
            assert!(shown.contains(&line), "{shown}");
        }
    }
}
