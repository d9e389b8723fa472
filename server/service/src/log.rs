//! Logging, to standard error, so that standard output holds results alone.
//!
//! A line says one thing that happened, reads alone, and carries what it is about in fields with dotted names: `bundle.sequence`, `authority.id`,
//! `duration_ms`. What happened is logged once, where it is handled: `error` if somebody must act, `warn` if it mends itself, `info` if it is as it
//! should be. Nothing that phones do has a line of its own at any level: what goes wrong with their requests is gathered and said when a step ends.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::panics;

/// Our crates.
const OURS: [&str; 8] = ["client", "exporter", "pratique", "proto", "server", "service", "store", "verification"];
/// The variable that sets what is logged.
pub(crate) const VARIABLE: &str = "RUST_LOG";
/// What may be said beside them: warnings that no request brings about, by what begins their targets. All others have things to say at the moment at
/// which somebody asks: of a peer's head or body, of a connection to the database that is found dead, of a provider that does not answer.
/// A worker of a service that died and was started again is said by the first one, credentials for the buckets that expire or cannot be had by the
/// others, of which the exporter has need and nobody else.
const OTHERS: [&str; 3] = ["actix_server::server", "aws_config", "aws_runtime"];

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

/// Logs from now on. `RUST_LOG` takes the place of `level`, for our own crates, unless it is empty or wrong, which programs refuse at their start; of
/// others nothing is ever logged but a few warnings that no request brings about. Of a panic its place alone is said: its message may hold what somebody
/// sent. To be called once.
pub fn log_to_stderr(level: &str, format: LogFormat) {
    let asked = asked_for().ok().flatten().unwrap_or_else(|| EnvFilter::new(level));
    log_what_is_asked(std::io::stderr, asked, format);
}

/// The same to another place, and whatever the environment says.
pub fn log_to<W>(place: W, level: &str, format: LogFormat)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    log_what_is_asked(place, EnvFilter::new(level), format);
}

fn log_what_is_asked<W>(place: W, asked: EnvFilter, format: LogFormat)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let safe = filter_fn(|event| may_be_logged(event.target(), *event.level()));
    // A line that cannot be written, on a full disk for instance, is lost. To complain of it on the same stream would be a panic.
    let lines = fmt::layer().with_writer(place).log_internal_errors(false);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(asked).with(safe).with(lines).init();
    panics::say_where_only();
}

/// What the environment asks to be logged; none if it asks for nothing.
pub(crate) fn asked_for() -> Result<Option<EnvFilter>, &'static str> {
    let text = std::env::var_os(VARIABLE).unwrap_or_default();
    // What is no UTF-8 is no filter either.
    filter(text.to_str().unwrap_or("="))
}

/// Reads a filter. A word alone would be the name of a crate of which everything is to be logged and of the rest nothing, which is how `inof` silences a
/// program: it must be a level or one of ours.
fn filter(text: &str) -> Result<Option<EnvFilter>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    let allowed =
        "must be a level (error, warn, info, debug, trace, off) or TARGET=LEVEL, several by commas: info,store=debug";
    let is_ours = |word: &str| OURS.contains(&word.split("::").next().unwrap_or_default());
    // Between brackets stand spans and their fields.
    let mut words = text.split(',').map(str::trim).filter(|word| !text.contains('[') && !word.is_empty());
    let is_sound = |word: &str| match word.split_once('=') {
        // No level at all would count as `error`.
        Some((_, level)) => !level.is_empty(),
        None => word.parse::<LevelFilter>().is_ok() || is_ours(word),
    };
    if !words.all(is_sound) {
        return Err(allowed);
    }
    EnvFilter::builder().parse(text).map(Some).map_err(|_| allowed)
}

fn may_be_logged(target: &str, level: Level) -> bool {
    let name = target.split("::").next().unwrap_or_default();
    OURS.contains(&name) || (level <= Level::WARN && OTHERS.iter().any(|other| is_within(target, other)))
}

/// Whether a target is this module or one inside it.
fn is_within(target: &str, module: &str) -> bool {
    target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_would_log_nothing_is_refused() {
        for good in ["info", "DEBUG", "off", "info,store=debug", "server::chores", "warn, exporter", "hyper=warn"] {
            assert!(filter(good).is_ok_and(|filter| filter.is_some()), "{good}");
        }
        assert!(filter("[publish{a=1}]=debug").is_ok_and(|filter| filter.is_some()));
        assert!(filter("").is_ok_and(|filter| filter.is_none()));
        for bad in ["inof", "info,inof", "store=verbose", "=", "info=", "serverr"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn of_other_crates_only_what_no_request_brings_about_is_logged() {
        for (target, level) in [
            ("server::chores", Level::TRACE),
            ("pratique", Level::DEBUG),
            ("actix_server::server", Level::ERROR),
            ("aws_config::profile::credentials", Level::WARN),
        ] {
            assert!(may_be_logged(target, level), "{target} {level}");
        }
        for (target, level) in [
            // A request that finds its connection dead.
            ("deadpool.postgres", Level::WARN),
            ("tokio_postgres::connection", Level::WARN),
            // A phone that comes when there are no descriptors left.
            ("actix_server::accept", Level::ERROR),
            ("actix_web::info", Level::ERROR),
            // A text message to a provider whose certificate is not believed.
            ("rustls::common_state", Level::WARN),
            ("hyper_util::client::legacy::connect::http", Level::WARN),
            ("reqwest::connect", Level::ERROR),
            ("log", Level::ERROR),
            ("aws_configuration", Level::ERROR),
            ("aws_config", Level::INFO),
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
