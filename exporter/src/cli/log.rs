//! Logging, to standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Logs from now on, for people or as JSON. `RUST_LOG` takes the place of `level`. To be called once.
pub(super) fn start(level: &str, json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    // Colours are for people: in a file they are noise.
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    if json { log.json().flatten_event(true).init() } else { log.init() }
}

/// The log of a command that runs for long: for people on a terminal, for machines elsewhere.
pub(super) fn start_for_long(json: bool) {
    start("info", json || !std::io::stderr().is_terminal());
}
