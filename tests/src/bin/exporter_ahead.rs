//! The program `exporter` with a clock that is moved: everything else is the program itself, its command line, its settings and what it does. For
//! tests that cannot wait for the quarter of an hour at which an upload is released.
//!
//! `PRATIQUE_TEST_AHEAD_SECONDS` says by how much the clock is ahead, 960 if it is not set: what was uploaded before now is released then. It is the store's
//! clock that moves, and so everything that the exporter takes for the time: the database's, this machine's and the buckets'. They agree as far as
//! they did before, so that its comparison of clocks still finds what it should. What it says of its own time is ahead by as much: ends of
//! bundles, times of manifests, metrics. Services beside it need no other clock: they write when an upload is released, and it is
//! compared with that.

use std::process::ExitCode;

use store::Clock;

/// What says how far to move the clock.
const VARIABLE: &str = "PRATIQUE_TEST_AHEAD_SECONDS";
/// One grain of release, and a minute.
const DEFAULT: i64 = 960;

#[tokio::main]
async fn main() -> ExitCode {
    let ahead = std::env::var(VARIABLE).map_or(Ok(DEFAULT), |seconds| seconds.parse());
    let Ok(ahead) = ahead else {
        eprintln!("{VARIABLE}: seconds, as a whole number");
        return ExitCode::FAILURE;
    };
    let clock = Clock::system();
    clock.set_offset(ahead);
    exporter::cli::run(&clock).await
}
