//! Logging, to standard error, so that standard output holds results alone.
//!
//! A line says one thing that happened, reads alone, and carries what it is about in fields with dotted names: `bundle.sequence`, `authority.id`,
//! `duration_ms`. What happened is logged once, where it is handled: `error` if somebody must act, `warn` if it mends itself, `info` if it is as it
//! should be. Nothing that phones do has a line of its own at any level, but for a text message that its
//! provider did not take.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Our crates. What others have to say of requests, heads and bodies is for nobody: of them warnings are let through and nothing below.
const OURS: [&str; 8] = ["client", "exporter", "pratique", "proto", "server", "service", "store", "verification"];
/// It complains of every connection that breaks, in whatever words its peer chose.
const SILENT: &str = "actix_http";

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people, in colours if they look.
    Text,
    /// For machines: one JSON object a line, with timestamp, level, target, message and the fields of the event.
    Json,
}

impl LogFormat {
    /// What fits a program that runs for long, unless somebody says otherwise: text on a terminal, JSON elsewhere.
    pub fn for_long(said: Option<Self>) -> Self {
        said.unwrap_or(if std::io::stderr().is_terminal() { Self::Text } else { Self::Json })
    }
}

/// Logs from now on. `RUST_LOG` takes the place of `level`, for our own crates; of others nothing below warnings is ever logged. To be called once.
pub fn log_to_stderr(level: &str, format: LogFormat) {
    log_to(std::io::stderr, level, format);
}

/// The same to another place.
pub fn log_to<W>(place: W, level: &str, format: LogFormat)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let asked = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let safe = filter_fn(|event| may_be_logged(event.target(), *event.level()));
    // A line that cannot be written, on a full disk for instance, is lost. To complain of it on the same stream would be a panic.
    let lines = fmt::layer().with_writer(place).log_internal_errors(false);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(asked).with(safe).with(lines).init();
}

fn may_be_logged(target: &str, level: Level) -> bool {
    let name = target.split("::").next().unwrap_or_default();
    OURS.contains(&name) || (level <= Level::WARN && name != SILENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_other_crates_nothing_below_warnings_is_logged() {
        for (target, level) in [
            ("server::chores", Level::TRACE),
            ("pratique", Level::DEBUG),
            ("tokio_postgres::connection", Level::WARN),
            ("actix_server", Level::ERROR),
        ] {
            assert!(may_be_logged(target, level), "{target} {level}");
        }
        for (target, level) in [
            ("actix_http::h1", Level::ERROR),
            ("actix_http", Level::TRACE),
            ("actix_server::builder", Level::INFO),
            ("rustls::client", Level::DEBUG),
            ("hyper", Level::TRACE),
            ("servers", Level::INFO),
        ] {
            assert!(!may_be_logged(target, level), "{target} {level}");
        }
    }
}
