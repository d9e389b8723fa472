//! Traces of passes, for a collector of OpenTelemetry, if this program was built to send any (`--features otlp`).

use std::sync::Arc;

use clap::Args;
use proto::Timestamp;
use store::Observer;

use crate::schedule::Seen;

/// Where traces go.
#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// Send traces of passes and of their transactions to this OpenTelemetry collector, as OTLP over HTTP in JSON: http://HOST:PORT, for instance
    /// http://127.0.0.1:4318, and a path if it is another than /v1/traces. Default: nowhere.
    #[cfg(feature = "otlp")]
    #[arg(long, env = "EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<service::otlp::Collector>,
}

/// Makes traces, or none.
pub(super) struct Traces {
    #[cfg(feature = "otlp")]
    tracer: Option<Arc<service::otlp::Tracer>>,
}

#[cfg(feature = "otlp")]
impl Traces {
    /// Begins at `now`.
    pub(super) fn begin(args: &TraceArgs, now: Timestamp) -> Self {
        let start = |collector| Arc::new(service::otlp::Tracer::start(collector, "exporter", now));
        Self { tracer: args.otlp_endpoint.clone().map(start) }
    }

    /// Traces the transactions of a database that `metrics` observes.
    pub(super) fn of(&self, metrics: Arc<dyn Observer>) -> Arc<dyn Observer> {
        match &self.tracer {
            Some(tracer) => Arc::new(service::otlp::TracedDatabase { metrics, tracer: Arc::clone(tracer) }),
            None => metrics,
        }
    }

    /// Notes a pass.
    pub(super) fn note(&self, seen: &Seen<'_>) {
        let Some(tracer) = &self.tracer else { return };
        let feeds = seen.outcome.as_ref().map_or(&[][..], |report| &report.feeds);
        let sealed: usize = feeds.iter().map(|feed| feed.sealed.len()).sum();
        let failed = seen.outcome.as_ref().map_or(true, |report| report.failures().next().is_some());
        let counts = [("feeds.count", feeds.len() as u64), ("bundles.sealed", sealed as u64)];
        tracer.whole("pass", seen.took, failed, &counts);
    }
}

#[cfg(not(feature = "otlp"))]
impl Traces {
    /// Nothing is to be traced.
    pub(super) const fn begin(_: &TraceArgs, _: Timestamp) -> Self {
        Self {}
    }

    /// The same.
    pub(super) fn of(&self, metrics: Arc<dyn Observer>) -> Arc<dyn Observer> {
        metrics
    }

    /// Nothing.
    pub(super) const fn note(&self, _: &Seen<'_>) {}
}
