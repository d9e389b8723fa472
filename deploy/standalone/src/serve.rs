//! `pratique serve`: all services until Ctrl-C, with an export every so often.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use exporter::metrics::ExporterMetrics;
use exporter::{Report, Seen};
use store::Clock;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::access::Access;
use crate::cli::Serve;
use crate::error::StandaloneError;
use crate::layout::Layout;
use crate::system::System;

/// Below these a bundle may tell who is in it: the defaults of the exporter.
const SAFE_KEYS: u32 = 1_000;
const SAFE_REPORTS: u32 = 50;

/// Runs until SIGINT or SIGTERM; requests that are under way and a running export are finished first.
pub(crate) async fn run(flags: &Serve) -> Result<(), StandaloneError> {
    let layout = Layout::create(&flags.dir)?;
    let earlier = Access::left_behind(&layout)?;
    Access::clear(&layout)?;
    let plan = flags.plan();
    let bind = |address| service::bind(address, "--metrics-listen").map_err(StandaloneError::Metrics);
    let metrics_listener = flags.metrics_listen.map(bind).transpose()?;
    let system = System::open(&layout, &plan, Clock::system()).await?;
    let exports = Exports::of(&system, Duration::from_secs(flags.export_period));
    let api_keys = system.api_keys(&plan).await?;
    // Caught before anybody is told that we listen: whoever waits for access.json may stop us at once.
    let mut stop = Stop::catch(&layout)?;
    let listening = system.listen(flags.ports(), earlier.as_ref())?;
    let access = Access {
        verification: listening.verification.clone(),
        server: listening.server.clone(),
        cdn: listening.cdn.clone(),
        region: plan.region.to_string(),
        health_authority_id: plan.authority.clone(),
        api_keys,
        metrics: metrics_listener.as_ref().map(|(_, url)| format!("{url}/metrics")),
    };
    if let Some((listener, _)) = metrics_listener {
        exports.metrics.serve(listener, system.metrics()).map_err(StandaloneError::Metrics)?;
    }
    // Before anybody is told, so that the first phone that asks finds an index and a manifest for every feed.
    exports.export().await;
    access.write(&layout)?;
    // A service whose standard output is closed serves all the same.
    let _ = writeln!(std::io::stdout(), "{}", welcome(&access, flags, &layout));
    if plan.minimum_keys < SAFE_KEYS || plan.minimum_reports < SAFE_REPORTS {
        tracing::warn!(
            keys.minimum = plan.minimum_keys,
            reports.minimum = plan.minimum_reports,
            "this is no production setting: a bundle of few people's keys may tell who is in it"
        );
    }
    // Everything is on loopback: relays in front of the gateways are the exception here, and nothing to warn of.
    for warning in flags.edge.warnings(Ipv4Addr::LOCALHOST.into(), false) {
        tracing::warn!("{warning}");
    }
    exports.until_stopped(&mut stop).await;
    tracing::info!("stopping: requests that are under way are finished first");
    system.drain();
    exports.metrics.end();
    Access::clear(&layout)?;
    listening.stop().await;
    Ok(())
}

/// The exports of a system, and what operators see of them.
struct Exports<'s> {
    system: &'s System,
    period: Duration,
    metrics: ExporterMetrics,
}

impl<'s> Exports<'s> {
    fn of(system: &'s System, period: Duration) -> Self {
        let metrics = ExporterMetrics::register_beside_services();
        system.exporter().observe(metrics.database());
        Self { system, period, metrics }
    }

    /// A pass is never interrupted, and one that takes longer than the period delays the next.
    async fn until_stopped(&self, stop: &mut Stop) {
        let mut ticks = interval_at(Instant::now() + self.period, self.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.requested() => return,
                _ = ticks.tick() => self.export().await,
            }
        }
    }

    /// One pass. What failed is repaired by the next one, so nothing here ends the program.
    async fn export(&self) {
        if let Err(error) = self.system.hand_over_gateway_keys() {
            tracing::error!(%error, "the keys of the gateways are announced as they were");
        }
        let begun = Instant::now();
        let outcome = self.system.exporter().once().await;
        let seen = Seen { outcome: &outcome, took: begun.elapsed(), rest: self.period };
        self.metrics.note_scheduled(&seen, Clock::system().now());
        match &outcome {
            Ok(report) => tell(report),
            Err(error) => tracing::error!(%error, "the export did not begin"),
        }
    }
}

/// One line for each bundle that was published, and for each feed that waits for more; failures were logged by the pass.
fn tell(report: &Report) {
    for feed in &report.feeds {
        for bundle in &feed.sealed {
            tracing::info!(
                feed = feed.feed,
                bundle.sequence = bundle.sequence,
                entries.count = bundle.count,
                "published a bundle"
            );
        }
        if let Some(waiting) = feed.waiting.filter(|waiting| waiting.held > 0) {
            tracing::info!(
                feed = feed.feed,
                entries.waiting = waiting.held,
                entries.minimum = waiting.minimum,
                "held: a feed has fewer entries than its minimum"
            );
        }
    }
}

/// The two signals that end the program.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn catch(layout: &Layout) -> Result<Self, StandaloneError> {
        let catch = |kind| signal(kind).map_err(StandaloneError::file("catch signals for", layout.root()));
        Ok(Self { interrupt: catch(SignalKind::interrupt())?, terminate: catch(SignalKind::terminate())? })
    }

    async fn requested(&mut self) {
        tokio::select! { _ = self.interrupt.recv() => {}, _ = self.terminate.recv() => {} }
    }
}

/// What the owner needs to know, once. The keys are shown here and kept in files of mode 0600; they never reach the log.
fn welcome(access: &Access, flags: &Serve, layout: &Layout) -> String {
    let Access { verification, server, cdn, region, health_authority_id, api_keys, metrics } = access;
    let metrics = metrics.as_ref().map(|url| format!("\n  metrics        {url}")).unwrap_or_default();
    let (dir, period) = (layout.root().display(), flags.export_period);
    format!(
        "\
Pratique runs. Everything it keeps is in {dir}

  verification   {verification}
  server         {server}
  public tree    {cdn}/{region}/gaen/index.txt
                 {cdn}/{region}/tcn/index.txt
  exports        every {period} s; Ctrl-C stops{metrics}

  authority      {health_authority_id}, region {region}
  admin key      {}
  device key     {}
  for scripts    {}

Issue a code:
  curl -s {verification}/api/issue -H 'X-API-Key: {}' \\
    -H 'Content-Type: application/json' -d '{{\"testType\":\"confirmed\"}}'
",
        api_keys.admin,
        api_keys.device,
        layout.access_file().display(),
        api_keys.admin,
    )
}
