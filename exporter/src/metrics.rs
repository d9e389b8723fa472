//! What operators see of a schedule. Labels are feeds and buckets; nothing says anything about a person.
//!
//! How many entries may not be released yet is not among it: each upload moves that number at once, and exporters that look at different moments would
//! tell together when somebody's keys came. What may be released changes by the quarter of an hour.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use proto::Timestamp;
use service::{Beats, DatabaseMetrics, GaugeFamily, Histograms, Metrics, SteppedCounter};
use store::Observer;

use crate::error::{ExportError, FailureKind};
use crate::readiness::Readiness;
use crate::report::{BucketReport, FeedReport, Report};
use crate::schedule::Seen;

/// How the names of all of them begin.
const PREFIX: &str = "pratique_exporter";
/// How often what is stepped is published between passes: nothing here is what a phone does.
const STEP: Duration = Duration::from_secs(10);
/// How long passes take, in seconds: an idle one, one that seals, one that has a country's bundles to make.
const PASSES: &[f64] = &[0.1, 0.5, 2.0, 10.0, 60.0, 300.0];

/// How a pass ended: nothing failed; all that failed did so in buckets, and in each of their feeds another bucket is current, so that phones are
/// served and nobody is woken; something else failed.
const OUTCOMES: [&str; 3] = ["done", "behind", "failed"];

/// The labels of what is told of a feed, and of a bucket.
const OF_FEED: &[&str] = &["feed"];
const OF_BUCKET: &[&str] = &["feed", "bucket"];

/// All families, each registered once. Families of other commands and steps have their place here too.
pub struct ExporterMetrics {
    metrics: Metrics,
    newest: GaugeFamily,
    waiting: GaugeFamily,
    held: GaugeFamily,
    number: GaugeFamily,
    bucket_number: GaugeFamily,
    bucket_behind: GaugeFamily,
    last_success: GaugeFamily,
    alarm: GaugeFamily,
    clock_ahead: GaugeFamily,
    last_pass: GaugeFamily,
    next_pass: GaugeFamily,
    durations: Histograms,
    database: Arc<DatabaseMetrics>,
    readiness: Arc<Readiness>,
    /// By how they ended, in the order of [`OUTCOMES`].
    passes: [SteppedCounter; 3],
    /// By kind, in the order of [`FailureKind`].
    failures: [SteppedCounter; 3],
}

impl ExporterMetrics {
    /// Registers all of them.
    pub fn register() -> Self {
        Self::registered(Metrics::of_program(PREFIX))
    }

    /// The same without the version and what the process takes of the machine, for a process that serves phones, too: each of their requests takes some, and
    /// these numbers are published more often than anything that a request moves may be.
    pub fn register_beside_services() -> Self {
        Self::registered(Metrics::default())
    }

    fn registered(metrics: Metrics) -> Self {
        let gauge = |name: &str, help: &str, labels| metrics.gauge_family(&format!("{PREFIX}_{name}"), help, labels);
        Self {
            newest: gauge("newest_bundle_end_seconds", "End of the newest listed bundle, unix time", OF_FEED),
            waiting: gauge("waiting", "Entries that may be released and wait", OF_FEED),
            held: gauge("held", "Entries that may be released and are fewer than the minimum", OF_FEED),
            number: gauge("number", "The feed's number in the database", OF_FEED),
            bucket_number: gauge("bucket_number", "The number at which a bucket's list stands", OF_BUCKET),
            bucket_behind: gauge("bucket_behind", "How many numbers a bucket's list is behind the database", OF_BUCKET),
            last_success: gauge(
                "last_success_seconds",
                "When a bucket last stood at the feed's number without any failure, unix time; 0 if never since the exporter started",
                OF_BUCKET,
            ),
            alarm: gauge("alarm", "1 while rows or objects contradict themselves: somebody has to look", OF_FEED),
            clock_ahead: gauge(
                "clock_ahead_seconds",
                "How far a bucket's clock is ahead of this machine's; without a bucket, the database's",
                &["bucket"],
            ),
            last_pass: gauge(
                "last_pass_seconds",
                "When the last pass ended in which nothing failed (done), only buckets that others stand in for (behind), or \
                 something else (failed), unix time",
                &["outcome"],
            ),
            next_pass: gauge("next_pass_seconds", "When the next pass begins, unix time", &[]),
            durations: metrics.stepped_histograms(
                "pratique_exporter_pass_duration_seconds",
                "How long passes took",
                &[],
                PASSES,
            ),
            database: DatabaseMetrics::register_with_replica(&metrics, PREFIX),
            readiness: Arc::default(),
            passes: metrics.stepped(
                "pratique_exporter_passes",
                "Passes, by what failed: nothing (done), only buckets that others stand in for (behind), something else (failed)",
                [&[("outcome", OUTCOMES[0])], &[("outcome", OUTCOMES[1])], &[("outcome", OUTCOMES[2])]],
            ),
            failures: metrics.stepped(
                "pratique_exporter_failures",
                "Failures, by what can be done about them",
                [&[("kind", "retry")], &[("kind", "give-up")], &[("kind", "corrupt")]],
            ),
            metrics,
        }
    }

    /// What counts what the database does: to be told to an exporter.
    pub fn database(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.database) as Arc<dyn Observer>
    }

    /// Serves them for as long as the program runs, and `/healthz` and `/readyz` beside them; the URL.
    ///
    /// # Errors
    /// Those of the listener.
    pub fn listen(&self, address: SocketAddr) -> io::Result<String> {
        let (listener, url) = service::bind(address, "--metrics-listen")?;
        self.serve(listener, Vec::new())?;
        Ok(format!("{url}/metrics"))
    }

    /// The same on a listener that is bound already, with the numbers of other programs in this process before them. `/readyz` is the exporter's.
    ///
    /// # Errors
    /// Those of the listener.
    pub fn serve(&self, listener: TcpListener, others: Vec<Metrics>) -> io::Result<()> {
        let (metrics, readiness) = (self.metrics.clone(), Arc::clone(&self.readiness));
        let is_ready = Arc::new(move || readiness.is_ready());
        let shown: Arc<[Metrics]> = others.into_iter().chain([metrics.clone()]).collect();
        tokio::spawn(service::listen_metrics_and_probes(listener, shown, is_ready)?);
        tokio::spawn(async move {
            let mut beats = Beats::every(STEP, || true);
            while beats.next().await.is_some() {
                metrics.step();
            }
        });
        Ok(())
    }

    /// Has `/readyz` say from now on that this exporter is about to end.
    pub fn end(&self) {
        self.readiness.end();
    }

    /// All of them as text.
    pub fn render(&self) -> String {
        self.metrics.render()
    }

    /// What there is, whether or not it has values yet.
    pub fn described(&self) -> Vec<service::Described> {
        self.metrics.described()
    }

    /// Notes a pass of a schedule, which ended at `now`.
    pub fn note_scheduled(&self, seen: &Seen<'_>, now: Timestamp) {
        self.durations.note(&[], seen.took);
        self.next_pass.set(&[], now.plus(i64::try_from(seen.rest.as_secs()).unwrap_or(i64::MAX)).unix());
        self.readiness.note(seen);
        self.note(seen.outcome, now);
    }

    /// Notes what a pass came to, which ended at `now`.
    pub fn note(&self, outcome: &Result<Report, ExportError>, now: Timestamp) {
        let kinds: Vec<FailureKind> = match outcome {
            Ok(report) => report.failures().map(|failure| failure.kind).collect(),
            Err(why) => vec![why.kind()],
        };
        let ended = match outcome {
            _ if kinds.is_empty() => 0,
            Ok(report) if is_stood_in_for(report) => 1,
            _ => 2,
        };
        self.passes[ended].count();
        self.last_pass.set(&[OUTCOMES[ended]], now.unix());
        let [retry, give_up, corrupt] = &self.failures;
        for kind in kinds {
            match kind {
                FailureKind::Retry => retry.count(),
                FailureKind::GiveUp => give_up.count(),
                FailureKind::Corrupt => corrupt.count(),
            }
        }
        if let Ok(report) = outcome {
            self.note_clocks(report);
            report.feeds.iter().for_each(|feed| self.note_feed(feed, now));
        }
        // Nothing here is what a phone does: it is published at once.
        self.metrics.step();
    }

    fn note_clocks(&self, report: &Report) {
        let Some(clocks) = &report.clocks else { return };
        self.clock_ahead.set(&[""], clocks.database);
        clocks.buckets.iter().for_each(|(bucket, ahead)| self.clock_ahead.set(&[bucket], *ahead));
    }

    fn note_feed(&self, report: &FeedReport, now: Timestamp) {
        let feed = &[report.feed.as_str()];
        if let Some(end) = report.newest {
            self.newest.set(feed, end);
        }
        if let Some(waiting) = report.waiting {
            self.waiting.set(feed, signed(waiting.held));
            let is_held = waiting.held < u64::from(waiting.minimum);
            self.held.set(feed, if is_held { signed(waiting.held) } else { 0 });
        }
        if report.number > 0 {
            self.number.set(feed, signed(report.number));
        }
        report.buckets.iter().for_each(|bucket| self.note_bucket(report, bucket, now));
        let mut failures = report.failures.iter().chain(report.buckets.iter().flat_map(|bucket| &bucket.failures));
        self.alarm.set(feed, i64::from(failures.any(|failure| failure.kind == FailureKind::Corrupt)));
    }

    fn note_bucket(&self, feed: &FeedReport, report: &BucketReport, now: Timestamp) {
        let labels = &[feed.feed.as_str(), report.bucket.as_str()];
        if is_current(feed, report) {
            self.last_success.set(labels, now.unix());
        } else {
            // One that has never answered must be missed, too: an alarm cannot look for what is not there.
            self.last_success.show(labels);
        }
        if let Some(number) = report.number {
            self.bucket_number.set(labels, signed(number));
            self.bucket_behind.set(labels, signed(feed.number.saturating_sub(number)));
        }
    }
}

/// Whether a bucket stands where its feed does, and nothing failed in it.
fn is_current(feed: &FeedReport, bucket: &BucketReport) -> bool {
    bucket.number == Some(feed.number) && bucket.failures.is_empty()
}

/// Whether all that failed did so in buckets, and each of their feeds has another one that is current.
fn is_stood_in_for(report: &Report) -> bool {
    let is_served = |feed: &FeedReport| {
        let mut buckets = feed.buckets.iter();
        feed.failures.is_empty()
            && (buckets.clone().all(|bucket| bucket.failures.is_empty())
                || buckets.any(|bucket| is_current(feed, bucket)))
    };
    report.failures.is_empty() && report.feeds.iter().all(is_served)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proto::{Feed, Kind};

    use super::*;
    use crate::report::WaitingReport;

    fn shown(metrics: &ExporterMetrics, line: &str) -> bool {
        metrics.render().lines().any(|shown| shown == format!("pratique_exporter_{line}"))
    }

    #[test]
    fn a_pass_is_told_by_feed_and_bucket() {
        let metrics = ExporterMetrics::register();
        let bucket = |name: &str, number| BucketReport { number, ..BucketReport::new(name) };
        let mut feed = FeedReport::new(&Feed::verified("NO".parse().expect("a region"), Kind::Gaen));
        (feed.number, feed.newest) = (7, Some(1_790_000_000));
        feed.waiting = Some(WaitingReport { held: 12, unripe: 3, minimum: 1_000 });
        feed.buckets = vec![bucket("main", Some(7)), bucket("slow", Some(5)), bucket("down", None)];
        feed.buckets[2].failures.push(ExportError::Retry("gone".into()).into());
        let mut report = Report { feeds: vec![feed], ..Report::default() };
        let now = Timestamp::from_unix(1_790_000_100);
        metrics.note(&Ok(report.clone()), now);
        for line in [
            "newest_bundle_end_seconds{feed=\"NO/gaen\"} 1790000000",
            "waiting{feed=\"NO/gaen\"} 12",
            "held{feed=\"NO/gaen\"} 12",
            "bucket_behind{feed=\"NO/gaen\",bucket=\"main\"} 0",
            "bucket_behind{feed=\"NO/gaen\",bucket=\"slow\"} 2",
            "last_success_seconds{feed=\"NO/gaen\",bucket=\"main\"} 1790000100",
            "alarm{feed=\"NO/gaen\"} 0",
            "last_success_seconds{feed=\"NO/gaen\",bucket=\"slow\"} 0",
            "last_success_seconds{feed=\"NO/gaen\",bucket=\"down\"} 0",
            "last_pass_seconds{outcome=\"behind\"} 1790000100",
            "passes_total{outcome=\"behind\"} 1",
            "failures_total{kind=\"retry\"} 1",
        ] {
            assert!(shown(&metrics, line), "{line}\n{}", metrics.render());
        }

        report.feeds[0].waiting = Some(WaitingReport { held: 1_000, unripe: 4, minimum: 1_000 });
        report.feeds[0].failures.push(ExportError::Corrupt("a row".into()).into());
        metrics.note(&Ok(report), now);
        metrics.note(&Err(ExportError::GiveUp("a setting".into())), now);
        for line in [
            "held{feed=\"NO/gaen\"} 0",
            "last_pass_seconds{outcome=\"failed\"} 1790000100",
            "alarm{feed=\"NO/gaen\"} 1",
            "passes_total{outcome=\"failed\"} 2",
            "failures_total{kind=\"corrupt\"} 1",
            "failures_total{kind=\"give-up\"} 1",
        ] {
            assert!(shown(&metrics, line), "{line}\n{}", metrics.render());
        }
    }

    #[test]
    fn when_a_bucket_was_well_stays_known_while_it_is_not() {
        let metrics = ExporterMetrics::register();
        let feed =
            FeedReport { number: 7, ..FeedReport::new(&Feed::verified("NO".parse().expect("a region"), Kind::Gaen)) };
        let pass = |number, seconds| {
            let bucket = BucketReport { number, ..BucketReport::new("main") };
            let report =
                Report { feeds: vec![FeedReport { buckets: vec![bucket], ..feed.clone() }], ..Report::default() };
            metrics.note(&Ok(report), Timestamp::from_unix(seconds));
            metrics.render().lines().find(|line| line.contains("_last_success_seconds{")).map(str::to_owned)
        };
        let told = |seconds| {
            Some(format!("pratique_exporter_last_success_seconds{{feed=\"NO/gaen\",bucket=\"main\"}} {seconds}"))
        };
        assert_eq!([pass(None, 1_000), pass(Some(7), 2_000), pass(None, 3_000)], [told(0), told(2_000), told(2_000)]);
    }

    #[test]
    fn a_pass_failed_unless_each_feed_has_a_bucket_that_is_current() {
        let failure = || vec![ExportError::Retry("gone".into()).into()];
        let bucket = |name: &str, number, failures| BucketReport { number, failures, ..BucketReport::new(name) };
        let feed = |buckets| {
            let feed = Feed::verified("NO".parse().expect("a region"), Kind::Gaen);
            FeedReport { number: 7, buckets, ..FeedReport::new(&feed) }
        };
        let down = || bucket("down", None, failure());
        let well = || feed(vec![down(), bucket("main", Some(7), vec![])]);
        let of = |feeds, failures| Report { feeds, failures, ..Report::default() };
        assert!(is_stood_in_for(&of(vec![well(), well()], vec![])));
        for failed in [
            of(vec![well(), feed(vec![down()])], vec![]),
            of(vec![well(), feed(vec![down(), bucket("main", Some(6), vec![])])], vec![]),
            of(vec![well(), feed(vec![down(), bucket("main", Some(7), failure())])], vec![]),
            of(vec![well(), FeedReport { failures: failure(), ..well() }], vec![]),
            of(vec![well()], failure()),
        ] {
            assert!(!is_stood_in_for(&failed), "{failed:?}");
        }
    }

    #[test]
    fn what_came_a_moment_ago_moves_nothing() {
        let feed = Feed::verified("NO".parse().expect("a region"), Kind::Gaen);
        let told = |unripe| {
            let metrics = ExporterMetrics::register();
            let waiting = Some(WaitingReport { held: 1, unripe, minimum: 1 });
            let report = Report { feeds: vec![FeedReport { waiting, ..FeedReport::new(&feed) }], ..Report::default() };
            metrics.note(&Ok(report), Timestamp::from_unix(1_790_000_100));
            let text = metrics.render();
            // What the process itself takes moves between two looks, whatever is waiting.
            let of_feeds = text.lines().filter(|line| line.contains("{feed=")).collect::<Vec<_>>().join("\n");
            assert!(of_feeds.contains("pratique_exporter_waiting{feed=\"NO/gaen\"} 1"), "{text}");
            of_feeds
        };
        assert_eq!(told(3), told(17));
    }

    #[test]
    fn when_the_next_pass_begins_is_told() {
        let metrics = ExporterMetrics::register();
        let outcome = Ok(Report::default());
        let seen = Seen { outcome: &outcome, took: Duration::from_secs(3), rest: Duration::from_secs(60) };
        metrics.note_scheduled(&seen, Timestamp::from_unix(1_790_000_100));
        for line in [
            "next_pass_seconds{} 1790000160",
            "last_pass_seconds{outcome=\"done\"} 1790000100",
            "pass_duration_seconds_bucket{le=\"10.0\"} 1",
        ] {
            assert!(shown(&metrics, line), "{line}\n{}", metrics.render());
        }
    }
}
