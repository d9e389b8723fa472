//! What classifiers make of what was seen.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use crate::observe::Observation;

/// What somebody who watches would like to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Whether a request that seems to be a good one was chaff; the status counts.
    Chaff,
    /// Whether a request was refused; the status, which is documented, does not count.
    Refused,
}

/// How well a classifier did.
#[derive(Debug, Deserialize)]
pub(crate) struct Finding {
    pub(crate) system: String,
    pub(crate) route: String,
    pub(crate) task: String,
    model: String,
    /// Balanced: the mean of what it got right of each class, in data that it was not trained on.
    accuracy: f64,
    /// Where the 99.9 % interval of that begins.
    pub(crate) lower: f64,
    /// How many of each class there were at least.
    samples: usize,
    /// How many of all answers took longer than a tick.
    overruns: f64,
}

impl Task {
    pub(crate) const ALL: [Self; 2] = [Self::Chaff, Self::Refused];

    /// As the script calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chaff => "chaff",
            Self::Refused => "refused",
        }
    }
}

impl Finding {
    /// Whether the same was found of a system that was watched for the first time: by either kind of classifier.
    pub(crate) fn repeats(&self, first: &Self) -> bool {
        self.system.strip_suffix("_again") == Some(&first.system)
            && self.route == first.route
            && self.task == first.task
    }
}

/// Trains and tries both kinds of classifier on each route of each system.
pub(crate) fn judge(seen: &[Observation]) -> anyhow::Result<Vec<Finding>> {
    let file = tempfile::NamedTempFile::new()?;
    serde_json::to_writer(&file, seen)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new(root.join("../target/python/bin/python"));
    // One thread: several that wait for each other on a busy machine take many times as long.
    python.env("OMP_NUM_THREADS", "1").env("OPENBLAS_NUM_THREADS", "1");
    let output = python.arg(root.join("secrecy/classify.py")).arg(file.path()).output();
    let output = output.context("target/python is missing: run tests/run once, which makes it")?;
    ensure!(output.status.success(), "classify.py: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { system, route, task, model, accuracy, lower, samples, overruns } = self;
        write!(
            f,
            "{system:8} {route:12} {task:8} {model:9} {accuracy:.4}, from {lower:.4} on ({samples} of each, {:.2} % late)",
            100.0 * overruns
        )
    }
}
