//! `stack`: a whole deployment on this machine, to be looked at or to be tried.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
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
        /// By how many seconds the exporter's clock is ahead, 0 to 86400; 0 takes the program as it is, and uploads wait for the next quarter of an hour.
        #[arg(long, value_name = "SECONDS", default_value_t = stack::AHEAD, value_parser = clap::value_parser!(i64).range(0..=86_400))]
        ahead: i64,
        /// How often feeds are sealed: 1s to 24h.
        #[arg(long, value_name = "TIME", default_value = "10s", value_parser = period)]
        period: u32,
    },
    /// Loads it as a country would, with exports every minute, then lets nobody call for a minute, and then phones that poll alone. It fails if there is any
    /// error, if 99 % of the requests of people who upload (publish, reports, verify, certificate) take longer than two ticks (1,000 ms), if a key is
    /// not published exactly once, if a process ends, if one does not give back memory or descriptors, or if PostgreSQL was asked anything because
    /// phones polled.
    Country {
        /// How much of a country: 1 is 20,000 cases a day and 10 million phones that poll once an hour. More than 0, at most 100.
        #[arg(long, default_value_t = 0.5, value_parser = factor)]
        factor: f64,
        /// At least so many people a second who upload: of a country's own, one in four seconds, too few come for a 99th percentile.
        /// 0 to 10000.
        #[arg(long, default_value_t = 4.0, value_parser = rate)]
        uploads: f64,
        #[command(flatten)]
        trial: TrialArgs,
    },
    /// The same for 30 minutes, with fewer phones and so many more uploads that a leak would show: as many people as a country has in 17 hours.
    Soak {
        /// How much of a country; more than 0, at most 100.
        #[arg(long, default_value_t = 0.1, value_parser = factor)]
        factor: f64,
        /// At least so many people a second who upload, 0 to 10000.
        #[arg(long, default_value_t = 8.0, value_parser = rate)]
        uploads: f64,
        #[command(flatten)]
        trial: TrialArgs,
    },
}

/// `load` goes on for no longer than a month.
const MOST_MINUTES: i64 = 30 * 24 * 60;

#[derive(Debug, Args)]
struct TrialArgs {
    /// How long, in minutes, 1 to 43200, which are 30 days; 5 for country and 30 for soak unless told otherwise.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=MOST_MINUTES))]
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

fn run(small: bool, ahead: i64, period_seconds: u32) -> anyhow::Result<()> {
    let base = if small { Options::small() } else { Options::default() };
    let stack = Stack::start(&Options { exporters: vec![ahead], period_seconds, ..base })?;
    // Whoever started this may have stopped listening.
    let _ = writeln!(io::stdout(), "{}", serde_json::to_string(stack.access())?);
    let _ = io::stdin().read_to_end(&mut Vec::new());
    Ok(())
}

/// So much of a country, with so many people who upload.
fn try_it((factor, uploads): (f64, f64), args: &TrialArgs, minutes: u32) -> anyhow::Result<()> {
    let load = ["country", "--factor", &factor.to_string(), "--least-uploads", &uploads.to_string(), "--p99", P99];
    let load = load.map(str::to_owned).to_vec();
    let seconds = args.minutes.unwrap_or(minutes) * 60;
    let results = args.results.clone();
    // Where they cannot be written is known before anything is started, and not after half an hour.
    ensure_writable(&results).with_context(|| format!("--results: {} takes no files", results.display()))?;
    let trial = Trial { load, seconds, polls: 200, polling_seconds: 60, results, options: Trial::deployment() };
    let outcome = trial.run()?;
    println!("{outcome}");
    outcome.ensure_good()
}

/// Makes the directory, and a file in it that it takes away again.
fn ensure_writable(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let probe = directory.join(".probe");
    fs::write(&probe, "")?;
    fs::remove_file(probe)
}

/// The seconds of a length of time as `exporter run` takes it, which is to be told wrong before anything is started.
fn period(text: &str) -> Result<u32, String> {
    let unit = |unit: char| match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3_600),
        _ => None,
    };
    let seconds = text.chars().last().and_then(unit).and_then(|unit| {
        let number: u32 = text[..text.len() - 1].parse().ok()?;
        number.checked_mul(unit)
    });
    seconds
        .filter(|seconds| (1..=86_400).contains(seconds))
        .ok_or_else(|| "must be 1s to 24h, as in 10s, 1m or 4h".to_owned())
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor: &f64| *factor > 0.0 && *factor <= 100.0);
    factor.ok_or_else(|| "must be more than 0 and at most 100".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| (0.0..=10_000.0).contains(rate));
    rate.ok_or_else(|| "must be 0 to 10000 a second".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_setting_is_refused_with_its_name() {
        let of_trial = ["--results", "results"];
        for (command, flag, values, more) in [
            ("run", "--ahead", &["-1", "86401", "x"][..], &[][..]),
            ("run", "--period", &["0s", "25h", "10", "s", "1d", "-1s", "1\u{20ac}", ""], &[]),
            ("country", "--factor", &["0", "-1", "nan", "inf", "101"], &of_trial),
            ("country", "--minutes", &["0", "43201", "4294967295", "71582789"], &of_trial),
            ("country", "--uploads", &["-1", "inf", "10001"], &of_trial),
            ("soak", "--uploads", &["-1", "nan"], &of_trial),
            ("soak", "--results", &[""], &[]),
        ] {
            for value in values {
                let said = format!("{flag}={value}");
                let line = [&["stack", command, said.as_str()], more].concat();
                let refused = Cli::try_parse_from(line).expect_err(&said).to_string();
                assert!(refused.contains(flag), "{said}: {refused}");
            }
        }
        for good in [&["run", "--ahead", "0", "--period", "24h"][..], &["soak", "--minutes", "43200", "--results", "r"]]
        {
            assert!(Cli::try_parse_from([&["stack"], good].concat()).is_ok(), "{good:?}");
        }
        assert!(Cli::try_parse_from(["stack", "soak"]).expect_err("no place").to_string().contains("--results"));
    }

    #[test]
    fn results_that_cannot_be_written_are_told_before_anything_is_started() {
        let file = std::env::current_exe().expect("a test has a path");
        let args = TrialArgs { minutes: Some(1), results: file.join("results") };
        let refused = try_it((0.1, 1.0), &args, 5).expect_err("a file is no directory");
        assert!(refused.to_string().starts_with("--results: "), "{refused}");
    }
}
