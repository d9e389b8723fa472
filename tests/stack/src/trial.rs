//! A deployment under the load of a country, and what becomes of it: errors, times, memory, descriptors, and what its phones ask of the databases.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Serialize;

use crate::options::Options;
use crate::programs::path;
use crate::stack::Stack;
use crate::statements::{Statement, forget_statements, statements};
use crate::watch::{Course, Watch};

/// Between two looks at every process.
const LOOK: Duration = Duration::from_secs(1);
/// What services ask their databases by themselves, whether or not anybody calls: what is old is deleted, keys of authorities are looked after,
/// guessing is watched for. Everything else they ask because somebody called.
const CHORES: [&str; 12] = [
    "admissions::forget",
    "authorities::find",
    "authorities::ids",
    "codes::purge",
    "counters::forget",
    "denied_key::of",
    "guesses::failures",
    "guesses::forget",
    "issuers::list",
    "key_set::url",
    "key_sets::claim",
    "uploads::forget",
];
/// Each of them, at the most, once in so many seconds: a chore that is asked more often is asked by somebody who calls.
const CHORE_SECONDS: u32 = 4;

/// What is to be tried.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The command line of `load` but for what follows from the deployment: `country --factor 0.2`.
    pub load: Vec<String>,
    /// How long it goes on, in seconds.
    pub seconds: u32,
    /// How many phones a second poll afterwards, when nobody does anything else.
    pub polls: u32,
    /// For how many seconds.
    pub polling_seconds: u32,
    /// Where results are written: what `load` has to say, what every process held, and what PostgreSQL was asked.
    pub results: PathBuf,
    /// The deployment.
    pub options: Options,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// What became of the processes.
    pub courses: Vec<Course>,
    /// What the services asked their databases while phones polled and nobody did anything else.
    pub statements: Vec<Statement>,
    /// How many of these are no chores of the services' own: those that polling phones caused.
    pub caused_by_polling: u64,
}

impl Trial {
    /// What an installation for a country is tried with: exports every minute, commits that wait for the disk, answers on the raster of production.
    pub fn deployment() -> Options {
        Options { durable: true, servers: 2, period: "1m".to_owned(), fresh_seconds: 10, ..Options::default() }
    }

    /// Starts the deployment, lets `load` do its work, then lets phones poll alone, and writes down what came of it.
    ///
    /// # Errors
    /// If `load` found an error, or a key that is not published exactly once.
    pub fn run(&self) -> anyhow::Result<Outcome> {
        fs::create_dir_all(&self.results)?;
        let stack = Stack::start(&self.options)?;
        let access = stack.directory().join("access.json");
        fs::write(&access, serde_json::to_string(stack.access())?)?;
        let watch = self.under_load(&stack, &access)?;
        fs::write(self.results.join("processes.csv"), watch.csv())?;
        let statements = self.phones_alone(&stack, &access)?;
        let caused_by_polling = statements.iter().map(|statement| self.caused(statement)).sum();
        let outcome = Outcome { courses: watch.courses(), statements, caused_by_polling };
        fs::write(self.results.join("outcome.json"), serde_json::to_string_pretty(&outcome)?)?;
        Ok(outcome)
    }

    /// How many calls of a statement are not for a service's own chores.
    fn caused(&self, statement: &Statement) -> u64 {
        let name = statement.name.split(',').next().unwrap_or_default();
        if !CHORES.contains(&name) {
            return statement.calls;
        }
        // They begin anew with each process, and a run takes a little longer than phones poll.
        let services = self.options.verifications.max(self.options.servers) as u64;
        let own = services * u64::from(self.polling_seconds / CHORE_SECONDS + 4);
        statement.calls.saturating_sub(own)
    }

    fn under_load(&self, stack: &Stack, access: &Path) -> anyhow::Result<Watch> {
        let [json, html] = ["load.json", "load.html"].map(|name| self.results.join(name));
        let mut load = self.load(stack, access, &self.load, self.seconds)?;
        load.args(["--publish-wait", "10m", "--json"]).arg(json).arg("--html").arg(html);
        let mut watch = Watch::default();
        self.finish(load, "load", || watch.look(stack))?;
        Ok(watch)
    }

    /// Exporters ask their database whether phones poll or not, in passes of their own: here they have ended.
    fn phones_alone(&self, stack: &Stack, access: &Path) -> anyhow::Result<Vec<Statement>> {
        for exporter in stack.exporters() {
            let status = exporter.terminate()?;
            ensure!(status.success(), "{} ended with {status}", exporter.name());
        }
        let Some(postgres) = stack.postgres() else { return Ok(Vec::new()) };
        forget_statements(&postgres.primary)?;
        let wish = ["custom".to_owned(), "--polls".to_owned(), self.polls.to_string()];
        let mut load = self.load(stack, access, &wish, self.polling_seconds)?;
        load.arg("--no-proof").arg("--json").arg(self.results.join("polling.json"));
        self.finish(load, "polling", || ())?;
        statements(&postgres.primary)
    }

    fn load(&self, stack: &Stack, access: &Path, wish: &[String], seconds: u32) -> anyhow::Result<Command> {
        let mut load = Command::new(path("load")?);
        load.args(wish).arg("--access").arg(access).arg("--trust").arg(&stack.access().keys);
        load.args(["--duration", &format!("{seconds}s"), "--seed", "1"]);
        Ok(load)
    }

    /// Runs `load` to its end, looking on once a second, and takes its word for what came of it.
    fn finish(&self, mut load: Command, name: &str, mut look: impl FnMut()) -> anyhow::Result<()> {
        let said = self.results.join(format!("{name}.txt"));
        let output = File::create(&said)?;
        load.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let mut running = Running(load.spawn().context("load")?);
        loop {
            if let Some(status) = running.0.try_wait()? {
                let said = fs::read_to_string(&said).unwrap_or_default();
                println!("{said}");
                ensure!(status.success(), "load ended with {status}; it says why");
                return Ok(());
            }
            look();
            sleep(LOOK);
        }
    }
}

impl Outcome {
    /// # Errors
    /// If a process does not give back what it takes, or if PostgreSQL was asked anything because phones polled.
    pub fn ensure_good(&self) -> anyhow::Result<()> {
        self.courses.iter().try_for_each(Course::ensure_flat)?;
        ensure!(self.caused_by_polling == 0, "phones that poll reach a database: {:?}", self.statements);
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.courses.iter().try_for_each(|course| writeln!(f, "{course}"))?;
        for Statement { role, name, calls } in &self.statements {
            writeln!(f, "while phones polled alone: {calls:4} times {name}, by {role}")?;
        }
        write!(f, "statements caused by polling phones: {}", self.caused_by_polling)
    }
}

/// A program that is killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
