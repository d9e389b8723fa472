//! `stack`: a whole deployment on this machine, to be looked at or to be tried.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use stack::{Options, Stack, Trial};

/// A whole deployment for tests, on loopback addresses and in a temporary directory: PostgreSQL with a standby, an object store, nginx as CDN and as
/// proxy, both services and an exporter. All of it is taken down in the end, also if this program is killed.
///
/// Exporters have clocks that are ahead by a quarter of an hour and a minute, so that what is uploaded is published in the next pass. Build everything
/// first: cargo build --release --workspace --bins
#[derive(Debug, Parser)]
#[command(name = "stack", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts it, prints where everything is as one line of JSON (what `load --access` reads, with `--trust` of its `keys`), and waits for the end of
    /// standard input.
    Run {
        /// Embedded storage and a directory in place of PostgreSQL and the object store.
        #[arg(long)]
        small: bool,
        /// By how many seconds the exporter's clock is ahead; 0 takes the program as it is, and uploads wait for the next quarter of an hour.
        #[arg(long, default_value_t = stack::AHEAD)]
        ahead: i64,
        /// How often feeds are sealed: 1s to 24h.
        #[arg(long, default_value = "10s")]
        period: String,
    },
    /// Loads it as a country would, with exports every minute, then lets nobody call for a minute, and then phones that poll alone. It fails if there is any
    /// error, if 99 % of the requests of people who upload (publish, reports, verify, certificate) take longer than two ticks (1,000 ms), if a key is
    /// not published exactly once, if a process ends, if one does not give back memory or descriptors, or if PostgreSQL was asked anything because
    /// phones polled.
    Country {
        /// How much of a country: 1 is 20,000 cases a day and 10 million phones that poll once an hour.
        #[arg(long, default_value_t = 0.5)]
        factor: f64,
        /// At least so many people a second who upload: of a country's own, one in four seconds, too few come for a 99th percentile.
        #[arg(long, default_value_t = 4.0)]
        uploads: f64,
        #[command(flatten)]
        trial: TrialArgs,
    },
    /// The same for 30 minutes, with fewer phones and so many more uploads that a leak would show: as many people as a country has in 17 hours.
    Soak {
        /// How much of a country.
        #[arg(long, default_value_t = 0.1)]
        factor: f64,
        /// At least so many people a second who upload.
        #[arg(long, default_value_t = 8.0)]
        uploads: f64,
        #[command(flatten)]
        trial: TrialArgs,
    },
}

#[derive(Debug, Args)]
struct TrialArgs {
    /// How long, in minutes; 5 for country and 30 for soak unless told otherwise.
    #[arg(long)]
    minutes: Option<u32>,
    /// Where results are written: load.json and load.html (times, rates, errors), outcome.json (the course of each process, and what PostgreSQL was asked
    /// while nobody called and while phones polled alone), processes.csv (every look at every process).
    #[arg(long, value_name = "DIR")]
    results: PathBuf,
}

/// Two ticks for each request of somebody who uploads.
const P99: &str = "publish=1000,reports=1000,verify=1000,certificate=1000";

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Run { small, ahead, period } => run(small, ahead, period),
        Command::Country { factor, uploads, trial } => try_it((factor, uploads), &trial, 5),
        Command::Soak { factor, uploads, trial } => try_it((factor, uploads), &trial, 30),
    }
}

fn run(small: bool, ahead: i64, period: String) -> anyhow::Result<()> {
    let base = if small { Options::small() } else { Options::default() };
    let stack = Stack::start(&Options { exporters: vec![ahead], period, ..base })?;
    // Whoever started this may have stopped listening.
    let _ = writeln!(std::io::stdout(), "{}", serde_json::to_string(stack.access())?);
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    Ok(())
}

/// So much of a country, with so many people who upload.
fn try_it((factor, uploads): (f64, f64), args: &TrialArgs, minutes: u32) -> anyhow::Result<()> {
    let load = ["country", "--factor", &factor.to_string(), "--least-uploads", &uploads.to_string(), "--p99", P99];
    let load = load.map(str::to_owned).to_vec();
    let seconds = args.minutes.unwrap_or(minutes) * 60;
    let results = args.results.clone();
    let trial = Trial { load, seconds, polls: 200, polling_seconds: 60, results, options: Trial::deployment() };
    let outcome = trial.run()?;
    println!("{outcome}");
    outcome.ensure_good()
}
