//! How long, how, and what becomes of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::span::seconds;
use crate::error::LoadError;
use crate::operations::OPERATIONS;
use crate::schedule::Arrivals;

/// How it is loaded, and what becomes of it.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(next_help_heading = "How")]
pub struct RunArgs {
    /// How long arrivals go on, the ramp included: 500ms, 10s, 5m, 2h, 1d; 31d at most. A soak is a long one.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = seconds)]
    pub duration: Duration,
    /// How long the rates rise, evenly, from nothing to what was asked for.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = seconds)]
    pub ramp: Duration,
    /// How arrivals are spaced.
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson)]
    pub arrivals: Arrivals,
    /// From which the times of all arrivals and the addresses of all phones follow. Drawn if it is not given, and shown in the results. Keys and secrets do
    /// not follow from it: no run uploads what another one did.
    #[arg(long)]
    pub seed: Option<u64>,
    /// How many arrivals of each actor may be under way at once. Who finds no room waits, with the clock running; who has found none a minute after the
    /// end has failed.
    #[arg(long, value_name = "COUNT", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub in_flight: u32,
    /// How many codes the authority asks for at a time: 1 (a request for each person) to 10.
    #[arg(long, value_name = "CODES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10))]
    pub batch: u32,
    /// Errors are expected, because somebody is breaking things meanwhile: phones repeat what failed until a minute after the end, and only the proof
    /// counts.
    #[arg(long)]
    pub through_faults: bool,
    /// How long to wait, after the load, until everything acknowledged is published. An upload is released at the next quarter of an hour, the exporter
    /// comes by after that, and caches keep lists for five minutes.
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = seconds)]
    pub publish_wait: Duration,
    /// How long to wait, once all is there, before everything is read for the last time: what is published twice by the exporter's next pass is found if
    /// that comes within this time. 0s waits for nothing; the period of the exporter and a little more is what finds everything.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = seconds)]
    pub settle: Duration,
    /// Do not read what is published: the figures alone are wanted.
    #[arg(long)]
    pub no_proof: bool,
    /// A limit for the 99th percentile of an operation, several by commas: publish=1000 asks that 99 % of `publish` take no longer than 1,000 ms.
    /// `publish` and the other steps of a journey count from the first try of the step, `upload` and whatever else the schedule asks for from the time of
    /// the schedule. A limit that is exceeded is an error.
    #[arg(long = "p99", value_name = "OPERATION=MS", value_delimiter = ',', value_parser = limit)]
    pub limits: Vec<(String, f64)>,
    /// Write the results as JSON into this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a report with plots into this file, which needs nothing else.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

impl RunArgs {
    /// Checks what no flag shows by itself.
    ///
    /// # Errors
    /// [`LoadError::Setting`].
    pub fn check(&self) -> Result<(), LoadError> {
        if self.duration.is_zero() {
            return Err(LoadError::setting("--duration", "must be longer than nothing"));
        }
        if self.ramp > self.duration {
            return Err(LoadError::setting("--ramp", "must not be longer than --duration"));
        }
        if self.through_faults && self.no_proof {
            return Err(LoadError::setting(
                "--through-faults",
                "must stand without --no-proof: only the proof counts then",
            ));
        }
        // Where they cannot be written is known before anything is sent, and not after an hour.
        for (field, file) in [("--json", &self.json), ("--html", &self.html)] {
            let Some(path) = file else { continue };
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            if directory.is_some_and(|directory| !directory.is_dir()) || path.is_dir() {
                return Err(LoadError::setting(field, "must be a file in a directory that exists"));
            }
        }
        Ok(())
    }
}

/// Reads `OPERATION=MS`.
fn limit(text: &str) -> Result<(String, f64), String> {
    let refused = || "must be OPERATION=MS, for instance publish=1000".to_owned();
    let (operation, limit) = text.split_once('=').ok_or_else(refused)?;
    if !OPERATIONS.contains(&operation) {
        // A limit that nothing is measured for would be broken after an hour's run.
        return Err(format!("must name one of these: {}", OPERATIONS.join(", ")));
    }
    let limit = limit.parse().ok().filter(|ms: &f64| ms.is_finite() && *ms > 0.0);
    limit.map(|limit| (operation.to_owned(), limit)).ok_or_else(refused)
}
