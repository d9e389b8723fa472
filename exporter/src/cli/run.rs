//! `exporter run`: passes on a schedule.

use std::io;
use std::net::SocketAddr;

use clap::Args;
use service::LogFormat;
use store::Clock;
use tokio::signal::unix::{SignalKind, signal};

use super::output::fail;
use super::traces::{TraceArgs, Traces};
use crate::config::Settings;
use crate::error::ExportError;
use crate::gateways;
use crate::metrics::ExporterMetrics;
use crate::run::Exporter;
use crate::schedule::Seen;

/// When it does what, and what its exit codes and log lines mean.
pub(super) const HELP: &str = "\
Each feed is sealed once in each of its periods: in the first pass after the boundary that finds enough. Boundaries are whole multiples of the
period since 1970, by the database's clock, so a feed of 4 hours is sealed at 0, 4, 8, ... o'clock UTC. Whether it is due is decided in the
database: any number of exporters may run at once, for one that fails, and make no more bundles than one.

Between boundaries it looks every quarter of an hour, when keys become free for release, whether a feed that was held has enough now, and whether
buckets are as they should be; a directory that was missing at the start is taken up then. What failed is tried again after 1 second, and after twice
as long each time, up to 60 seconds, or 15 to 300 seconds if somebody has to mend it. What each pass does, `exporter once --help` says.

Database, this machine and buckets must agree on the time. While database and this machine are more than 10 minutes apart nothing is done; while a
bucket's clock is off, nothing is sealed, and nothing is put or listed there. It says so and goes on trying.

SIGTERM or Ctrl-C end it: the step that runs is finished, which takes seconds, and the next start goes on from there.

Exit codes:
  0   it was asked to end
  1   it could not begin, and another try may succeed: the database did not answer
  2   it could not begin, and somebody has to look: a setting, a bucket that is none, all of them missing, an address in use
  64  the command line was not understood

Log lines go to standard error, one for each feed that a pass changed and one for each failure: on a terminal for people, else, or as --log-format says,
as JSON with the fields feed, feed.number, bundles.sealed, bundle.sequence (the newest), entries.count, entries.revised, entries.waiting, objects.put,
objects.deleted, bundles.delisted, bundles.purged, duration_ms, and bucket.name for failures in a bucket. RUST_LOG sets what is logged, the default
is info.

Metrics (--metrics-listen), in the text format of OpenMetrics at /metrics; labels are feed and bucket, times UTC seconds. Beside them /healthz answers
200 as long as the program does, and /readyz as long as passes begin when they should: 503 before the first one, after one that did not begin, and
when one is 15 minutes overdue. Every program shows its database and what it takes of the machine, too, see docs/metrics.md:
  pratique_exporter_newest_bundle_end_seconds     the end of the newest listed bundle; its age is time() minus it
  pratique_exporter_waiting                       entries that may be released and wait
  pratique_exporter_held                          the same if they are fewer than the minimum, else 0
  pratique_exporter_number                        the feed's number in the database
  pratique_exporter_bucket_number                 the number at which a bucket's list stands
  pratique_exporter_bucket_behind                 how many numbers it is behind
  pratique_exporter_last_success_seconds          when the bucket last stood at the feed's number without any failure
  pratique_exporter_alarm                         1 while something contradicts itself: corrupt rows, foreign objects
  pratique_exporter_clock_ahead_seconds           by how much a bucket's clock is ahead of this machine's; bucket=\"\" is the database's
  pratique_exporter_last_pass_seconds             when the last pass ended, by outcome: done, behind, failed
  pratique_exporter_next_pass_seconds             when the next pass begins
  pratique_exporter_pass_duration_seconds         how long passes took, a histogram
  pratique_exporter_passes_total                  passes, by outcome: done; behind, in buckets that others stand in for; failed
  pratique_exporter_failures_total                failures, by kind: retry, give-up, corrupt";

/// What can be typed after `run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    settings: Settings,

    /// Serve metrics at this address and port, for instance 127.0.0.1:9464, for operators alone. Default: nowhere.
    #[arg(long, env = "EXPORTER_METRICS_LISTEN", value_name = "ADDRESS:PORT")]
    metrics_listen: Option<SocketAddr>,

    #[command(flatten)]
    traces: TraceArgs,

    /// How log lines are written: text or json. Default: text on a terminal, json elsewhere.
    #[arg(long, env = "EXPORTER_LOG_FORMAT", value_name = "FORMAT", hide_possible_values = true)]
    log_format: Option<LogFormat>,

    /// Log as JSON also on a terminal, and say as JSON why it could not begin.
    #[arg(long)]
    json: bool,
}

impl RunArgs {
    /// How log lines are to be written, if that was said.
    pub(super) fn log_format(&self) -> Option<LogFormat> {
        self.log_format.or(self.json.then_some(LogFormat::Json))
    }
}

/// Runs until a signal; the exit code.
pub(super) async fn run(args: &RunArgs, clock: &Clock) -> u8 {
    match begin(args, clock).await {
        Ok(()) => 0,
        Err(why) => fail(&why, args.json),
    }
}

async fn begin(args: &RunArgs, clock: &Clock) -> Result<(), ExportError> {
    // Caught before anything else, so that whoever starts us may stop us at once.
    let asked = signals().map_err(|why| ExportError::GiveUp(format!("cannot catch signals: {why}")))?;
    let keys = &args.settings.signing_key_dir;
    if !keys.is_dir() {
        let what = format!(
            "signing-key-dir: {} is not there, or no directory; exporter keys generate makes it",
            keys.display()
        );
        return Err(ExportError::GiveUp(what));
    }
    gateways::ensure_readable(&args.settings.gateways)?;
    let exporter = Exporter::open(&args.settings, clock.clone()).await?;
    // A feed or a region that was mistyped is refused here, and not only in the log of each pass.
    exporter.feeds().await?;
    let metrics = ExporterMetrics::register();
    let traces = Traces::begin(&args.traces, clock.now());
    exporter.observe(traces.of(metrics.database()));
    if let Some(address) = args.metrics_listen {
        let url = metrics
            .listen(address)
            .map_err(|why| ExportError::GiveUp(format!("metrics-listen: cannot listen on {address}: {why}")))?;
        tracing::info!(metrics.url = url, "metrics are served");
    }
    let asked = async {
        asked.await;
        metrics.end();
    };
    let note = |seen: &Seen<'_>| {
        traces.note(seen);
        metrics.note_scheduled(seen, clock.now());
    };
    exporter.run(asked, note).await;
    tracing::info!("ended as it was asked to");
    Ok(())
}

/// Ready once somebody has sent SIGTERM or SIGINT; both are caught when this returns.
fn signals() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("asked to end: the step that runs is finished first");
    })
}
