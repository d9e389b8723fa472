//! Logging.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Logs to stderr, so that stdout holds results alone, in colours if somebody looks. `RUST_LOG` takes the place of `level`. To be called once.
pub fn log_to_stderr(level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}
