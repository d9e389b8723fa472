//! A deployment under the load of a country, and what becomes of it: errors, times, memory, descriptors, and what its phones ask of the databases.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;

use crate::course::Course;
use crate::guardian::Guardian;
use crate::options::Options;
use crate::programs::path;
use crate::stack::Stack;
use crate::statements::{Asked, beside, forget_statements, statements};
use crate::watch::Watch;

/// Between two looks at every process.
const LOOK: Duration = Duration::from_millis(500);
/// How much longer than an exporter's period and the time that a cache takes a list for new: a pass takes a moment, too.
const A_LITTLE: u32 = 10;
/// Nobody calls for this much longer than phones poll: a run that polls begins and ends beside its polling.
const LONGER: Duration = Duration::from_secs(5);
/// In such steps: a machine that stands still for a while asks nothing meanwhile, and that time must not count.
const BEAT: Duration = Duration::from_millis(100);

/// What is to be tried.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The command line of `load` but for what follows from the deployment: `country --factor 0.2`.
    pub load: Vec<String>,
    /// How long it goes on, in seconds.
    pub seconds: u32,
    /// How many phones a second poll afterwards, when nobody does anything else.
    pub polls: u32,
    /// For how many seconds; before that, nobody calls for as long.
    pub polling_seconds: u32,
    /// Where results are written: what `load` has to say, what every process held, and what PostgreSQL was asked.
    pub results: PathBuf,
    /// The deployment.
    pub options: Options,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The command line of `load`, but for what follows from the deployment.
    pub load: Vec<String>,
    /// How long it went on, in seconds. So long the processes were watched.
    pub seconds: u32,
    /// What `load` ended with: 0 if nothing failed and everything acknowledged is published exactly once.
    pub load_exit_code: Option<i32>,
    /// What became of the processes.
    pub courses: Vec<Course>,
    /// How many phones a second polled when nobody did anything else; nothing was counted if the databases are files.
    pub polls: u32,
    /// What the services asked their databases meanwhile.
    pub asked: Vec<Asked>,
    /// How much of that the phones caused.
    pub caused_by_polling: u64,
}

impl Trial {
    /// What an installation for a country is tried with: exports every minute, commits that wait for the disk, answers on the raster of production.
    pub fn deployment() -> Options {
        Options { durable: true, servers: 2, period_seconds: 60, fresh_seconds: 10, ..Options::default() }
    }

    /// Starts the deployment, lets `load` do its work, then nobody, then phones that poll, and writes down what came of it: also of what failed.
    ///
    /// # Errors
    /// If the deployment or `load` cannot be started, if a process ended in the middle of it, or was hardly seen.
    pub fn run(&self) -> anyhow::Result<Outcome> {
        fs::create_dir_all(&self.results)?;
        let stack = Stack::start(&self.options)?;
        let access = stack.directory().join("access.json");
        fs::write(&access, serde_json::to_string(stack.access())?)?;
        let mut watch = Watch::begin(&stack)?;
        let ended = self.under_load(&stack, &access, &mut watch);
        // Whatever became of it, what was seen so far is kept.
        fs::write(self.results.join("processes.csv"), watch.csv())?;
        let (load, seconds, polls) = (self.load.clone(), self.seconds, self.polls);
        let (load_exit_code, courses) = (ended?.code(), watch.courses()?);
        let asked = self.phones_alone(&stack, &access)?;
        let caused_by_polling = asked.iter().map(|asked| asked.caused).sum();
        let outcome = Outcome { load, seconds, load_exit_code, courses, polls, asked, caused_by_polling };
        fs::write(self.results.join("outcome.json"), serde_json::to_string_pretty(&outcome)?)?;
        Ok(outcome)
    }

    /// Processes are watched while the schedule lasts. What they hold while `load` waits for what is published, and nobody calls, would hide what they kept.
    fn under_load(&self, stack: &Stack, access: &Path, watch: &mut Watch) -> anyhow::Result<ExitStatus> {
        let [json, html] = ["load.json", "load.html"].map(|name| self.results.join(name));
        let mut load = self.load(stack, access, &self.load, self.seconds)?;
        let settle = format!("{}s", self.options.period_seconds + self.options.fresh_seconds + A_LITTLE);
        load.args(["--publish-wait", "10m", "--settle", &settle, "--json"]).arg(json).arg("--html").arg(html);
        let (begun, lasts) = (Instant::now(), Duration::from_secs(self.seconds.into()));
        let look = || if begun.elapsed() < lasts { watch.look(stack) } else { Ok(()) };
        let ended = self.finish(stack, load, "load", look)?;
        watch.end(stack)?;
        Ok(ended)
    }

    /// Exporters ask their database whether phones poll or not, in passes of their own: here they have ended.
    fn phones_alone(&self, stack: &Stack, access: &Path) -> anyhow::Result<Vec<Asked>> {
        let Some(postgres) = stack.postgres() else { return Ok(Vec::new()) };
        for exporter in stack.exporters() {
            let status = exporter.terminate()?;
            ensure!(status.success(), "{} ended with {status}", exporter.name());
        }
        forget_statements(&postgres.primary)?;
        let calm = Duration::from_secs(self.polling_seconds.into()) + LONGER;
        (0..calm.as_millis() / BEAT.as_millis()).for_each(|_| sleep(BEAT));
        let idle = statements(&postgres.primary)?;

        let wish = ["custom".to_owned(), "--polls".to_owned(), self.polls.to_string()];
        let mut load = self.load(stack, access, &wish, self.polling_seconds)?;
        load.arg("--no-proof").arg("--json").arg(self.results.join("polling.json"));
        forget_statements(&postgres.primary)?;
        let begun = Instant::now();
        let ended = self.finish(stack, load, "polling", || Ok(()))?;
        let polling = statements(&postgres.primary)?;
        ensure!(ended.success(), "load ended with {ended} when phones polled alone; it says why");
        for service in stack.verifications().iter().chain(stack.servers()).chain([stack.nginx()]) {
            ensure!(
                service.ended()?.is_none(),
                "{} ended while phones polled\n{}",
                service.name(),
                service.last_words()
            );
        }
        Ok(beside(&polling, &idle, begun.elapsed().as_secs_f64() / calm.as_secs_f64()))
    }

    fn load(&self, stack: &Stack, access: &Path, wish: &[String], seconds: u32) -> anyhow::Result<Command> {
        let mut load = Command::new(path("load")?);
        load.args(wish).arg("--access").arg(access).arg("--trust").arg(&stack.access().keys);
        load.args(["--duration", &format!("{seconds}s"), "--seed", "1"]);
        Ok(load)
    }

    /// Runs `load` to its end, looking on twice a second, and shows what it says; what it ended with.
    fn finish(
        &self,
        stack: &Stack,
        mut load: Command,
        name: &str,
        mut look: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<ExitStatus> {
        let said = self.results.join(format!("{name}.txt"));
        let output = File::create(&said)?;
        load.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let mut running = Running::start(&mut load, stack.guardian())?;
        loop {
            if let Some(status) = running.child.try_wait()? {
                println!("{}", fs::read_to_string(&said).unwrap_or_default());
                return Ok(status);
            }
            look()?;
            sleep(LOOK);
        }
    }
}

impl Outcome {
    /// # Errors
    /// If `load` found an error, or a key that is not published exactly once; if a process does not give back what it takes; or if PostgreSQL was asked
    /// anything because phones polled.
    pub fn ensure_good(&self) -> anyhow::Result<()> {
        ensure!(self.load_exit_code == Some(0), "load ended with {:?}; it says why", self.load_exit_code);
        self.courses.iter().try_for_each(Course::ensure_flat)?;
        ensure!(self.caused_by_polling == 0, "phones that poll reach a database: {:?}", self.asked);
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.courses.iter().try_for_each(|course| writeln!(f, "{course}"))?;
        for Asked { role, name, idle, polling, .. } in &self.asked {
            writeln!(f, "while phones polled alone: {polling:4} times {name}, by {role}; {idle:4} while nobody did")?;
        }
        write!(f, "statements caused by polling phones: {}", self.caused_by_polling)
    }
}

/// `load`, which is killed when this is dropped, or when this process ends in whatever way.
struct Running<'a> {
    child: Child,
    guardian: &'a Guardian,
}

impl<'a> Running<'a> {
    fn start(load: &mut Command, guardian: &'a Guardian) -> anyhow::Result<Self> {
        let child = load.spawn().context("load")?;
        guardian.started(child.id());
        Ok(Self { child, guardian })
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.guardian.ended(self.child.id());
    }
}
