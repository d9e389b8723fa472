//! Programs that stop at every step, and are killed where they stand: `stepping_exporter` before and after each step of a pass,
//! `stepping_verification` when a request is answered and the answer has not left yet.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context as _;
use exporter::Settings;
use exporter::recall::RecallSpec;
use store::DatabaseUrl;

/// Seconds by which the clock of a stepping exporter is late. It always stands before the end of the newest bundle, so the times of its own
/// bundles follow from that end alone and not from when the test runs.
pub const CLOCK_OFFSET: i64 = -7_200;

/// The variable in its environment that lets a stepping exporter take over what the buckets know, after a restore, in place of a pass.
pub const ADOPT: &str = "STEPPING_ADOPT";

/// The variable that names a bundle to be recalled, as `NO/gaen 4`.
pub const RECALL: &str = "STEPPING_RECALL";

/// What such a name means.
///
/// # Errors
/// If it is no feed and sequence.
pub fn recall_of(name: &str) -> anyhow::Result<RecallSpec> {
    let (feed, sequence) = name.split_once(' ').context("a feed and a sequence")?;
    let reason = Some("it should not have gone out".parse()?);
    Ok(RecallSpec { feed: feed.parse()?, sequence: sequence.parse()?, without: Vec::new(), reason })
}

/// Settings that cut what waits into several bundles.
///
/// # Errors
/// If the path of the database is none that fits into a URL.
pub fn settings(database: &Path, keys: PathBuf) -> anyhow::Result<Settings> {
    let url = DatabaseUrl::Sqlite(database.to_owned());
    let small = Settings { minimum_keys: 1, minimum_reports: 1, ..Settings::new(url, keys) };
    Ok(Settings { maximum_keys: 15, maximum_reports: 5, ..small })
}

/// The command that starts `stepping_exporter`; `program` is its path.
pub fn exporter(program: &str, database: &Path, keys: &Path, buckets: &[PathBuf]) -> Command {
    let mut command = Command::new(program);
    command.arg(database).arg(keys).arg(CLOCK_OFFSET.to_string()).args(buckets);
    command
}

/// Says where a program stands, and waits until it may go on: the other end of [`SteppingProgram`]. Whoever hangs up instead ends the
/// program.
pub fn stop_at(step: impl Display) {
    let mut out = std::io::stdout().lock();
    let said = writeln!(out, "{step}").and_then(|()| out.flush());
    let heard = std::io::stdin().lock().read_line(&mut String::new());
    if said.is_err() || !matches!(heard, Ok(1..)) {
        std::process::exit(1);
    }
}

/// A running program that stops at its steps.
pub struct SteppingProgram {
    process: Child,
    answers: ChildStdin,
    steps: Lines<BufReader<ChildStdout>>,
}

impl SteppingProgram {
    /// Starts it.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let answers = process.stdin.take().context("its input is piped")?;
        let steps = BufReader::new(process.stdout.take().context("its output is piped")?).lines();
        Ok(Self { process, answers, steps })
    }

    /// The step that it stops at next, without letting it go on; none once it has ended.
    ///
    /// # Errors
    /// If it ends in any other way.
    pub fn next_step(&mut self) -> anyhow::Result<Option<String>> {
        if let Some(step) = self.steps.next() {
            return Ok(Some(step?));
        }
        let status = self.process.wait()?;
        anyhow::ensure!(status.success(), "the program failed: {status}");
        Ok(None)
    }

    /// Lets it go on from the step where it stands.
    ///
    /// # Errors
    /// If it is gone.
    pub fn go_on(&mut self) -> anyhow::Result<()> {
        Ok(self.answers.write_all(b"\n")?)
    }

    /// Lets it go on past `steps` steps and stops at the one after: answers with that step, or none if it ended before.
    ///
    /// # Errors
    /// If it fails by itself.
    pub fn advance(&mut self, steps: usize) -> anyhow::Result<Option<String>> {
        for _ in 0..steps {
            if self.next_step()?.is_none() {
                return Ok(None);
            }
            self.go_on()?;
        }
        self.next_step()
    }

    /// Kills it where it stands, with SIGKILL.
    ///
    /// # Errors
    /// If the system does not let us.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Lets it go on to its end.
    ///
    /// # Errors
    /// If it fails.
    pub fn finish(mut self) -> anyhow::Result<()> {
        loop {
            self.go_on()?;
            if self.next_step()?.is_none() {
                return Ok(());
            }
        }
    }
}

/// Nothing that a test started outlives it.
impl Drop for SteppingProgram {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
