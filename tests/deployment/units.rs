//! What the units of `deploy/systemd` start runs with the sample settings of `deploy/config`, and what these name is each program's own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::programs::{built, ended, program, repository};
use crate::systemd::{PROGRAMS, SETTINGS, Unit, directory};

/// How long a service may take for what is under way once its listener is closed, in seconds: `SHUTDOWN_TIMEOUT` of the crate service.
const UNDER_WAY: u64 = 45;
/// How much longer it is waited for, in seconds.
const TO_SPARE: u64 = 10;
/// How long a program is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// The sample that stands for a unit's settings; none for what needs no settings.
fn sample(unit: &Unit) -> Option<PathBuf> {
    let file = unit.values("EnvironmentFile").pop()?.strip_prefix(SETTINGS)?;
    Some(repository("deploy/config").join(file))
}

#[test]
fn what_a_sample_names_is_its_programs_and_hidden_from_the_others() -> anyhow::Result<()> {
    let owners = fs::read_to_string(directory().join("tmpfiles.conf"))?;
    let units = Unit::all()?;
    let mut named = 0;
    for unit in &units {
        let Some(settings) = sample(unit) else { continue };
        for file in private_files(&fs::read_to_string(&settings)?) {
            named += 1;
            let covers =
                |path: &str| file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            let rules = owners.lines().filter(|line| line.starts_with("Z "));
            let line = rules.clone().find(|line| line.split_whitespace().nth(1).is_some_and(covers));
            let line = line.with_context(|| format!("tmpfiles.conf does not say whose {file} is"))?;
            assert_eq!(line.split_whitespace().nth(3), Some(unit.value("User")?), "{line}");
            for other in units.iter().filter(|other| sample(other).is_some_and(|theirs| theirs != settings)) {
                let hidden = other.values("InaccessiblePaths").join(" ");
                let is_hidden = hidden.split(' ').any(|path| path.strip_prefix('-').is_some_and(covers));
                assert!(is_hidden, "{} sees {file}", other.name);
            }
        }
    }
    assert!(named >= 8, "{named} files are named");
    Ok(())
}

/// The files below `/etc/pratique` in a sample that somebody should keep to themselves, commented out or not.
fn private_files(sample: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in sample.lines().map(|line| line.trim_start_matches('#')) {
        let Some((name, value)) = line.split_once('=').filter(|(name, _)| !name.contains(' ')) else { continue };
        let found = value.split(['=', '&', '?', ',']).filter(|part| part.starts_with(SETTINGS));
        // Certificates of databases and the public keys of gateways are for everybody.
        let is_public = |file: &str| file.ends_with(".pem") || name == "EXPORTER_GATEWAYS";
        files.extend(found.filter(|file| !is_public(file)).map(str::to_owned));
    }
    files
}

#[test]
fn whoever_is_asked_to_stop_has_the_time_for_it() -> anyhow::Result<()> {
    for unit in Unit::all()?.iter().filter(|unit| unit.value("Type").is_ok_and(|kind| kind == "exec")) {
        let drains: u64 = match sample(unit) {
            Some(sample) => drain_seconds(&fs::read_to_string(sample)?)?,
            None => 0,
        };
        let patience: u64 = unit.value("TimeoutStopSec")?.parse()?;
        assert!(patience >= drains + UNDER_WAY + TO_SPARE, "{}: {patience} s for {drains} and {UNDER_WAY}", unit.name);
        assert_eq!((unit.value("KillSignal")?, unit.value("Restart")?), ("SIGTERM", "always"), "{}", unit.name);
    }
    Ok(())
}

#[test]
fn containers_have_as_long_as_units_to_stop() -> anyhow::Result<()> {
    let compose = fs::read_to_string(repository("deploy/compose.yaml"))?;
    let periods = compose.lines().filter_map(|line| line.trim().strip_prefix("stop_grace_period: ")?.strip_suffix('s'));
    let periods: Vec<u64> = periods.map(str::parse).collect::<Result<_, _>>()?;
    let unit = Unit::named("pratique-server.service")?;
    let patience: u64 = unit.value("TimeoutStopSec")?.parse()?;
    assert!(periods.len() >= 3 && periods.iter().all(|period| *period >= patience), "{periods:?} and {patience}");
    Ok(())
}

/// Started again and again, it would say the same to the journal every two seconds, and the alarm that nothing answers would come no sooner.
#[test]
fn a_setting_that_is_not_understood_ends_a_unit_for_good() -> anyhow::Result<()> {
    for unit in Unit::all()?.iter().filter(|unit| unit.value("Type").is_ok_and(|kind| kind == "exec")) {
        let line = unit.value("ExecStart")?;
        let mut words = line.trim_start_matches(PROGRAMS).split(' ');
        let name = words.next().context("a program")?;
        let mut run = program(name);
        run.args(words.take(1)).env(format!("{}_LOG_FORMAT", name.to_uppercase()), "loud");
        // It has no such setting.
        run.env("PRATIQUE_TICK_MS", "soon");
        let code = ended(&run).status.code().context("it ends")?.to_string();
        let for_good = unit.value("RestartPreventExitStatus")?;
        assert!(for_good.split(' ').any(|status| status == code), "{}: {code} is not among {for_good}", unit.name);
        assert!(for_good.split(' ').all(|status| status != "1"), "{}: a database that is away comes back", unit.name);
    }
    Ok(())
}

fn drain_seconds(sample: &str) -> anyhow::Result<u64> {
    let line = sample.lines().find_map(|line| line.split_once("_DRAIN_SECONDS="));
    line.map_or(Ok(0), |(_, value)| Ok(value.parse()?))
}

/// A program that a unit started, as far as that goes without systemd.
struct Started {
    child: Child,
    out: BufReader<ChildStdout>,
}

/// A machine of one test: what would be `/etc/pratique`, `/var/lib` and `/srv/cdn`.
struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    /// With keys and an authority's region, made by the commands that operators type.
    fn new() -> anyhow::Result<Self> {
        let machine = Self { directory: tempfile::tempdir()? };
        for folder in ["settings/verification", "settings/server", "state", "cdn"] {
            fs::create_dir_all(machine.path(folder))?;
        }
        let verification = Unit::named("pratique-verification.service")?;
        let server = Unit::named("pratique-server.service")?;
        let exporter = Unit::named("pratique-exporter.service")?;
        machine.run(&verification, &["secret", "create"])?;
        machine.run(&verification, &["authority", "create", "--id", "example"])?;
        let public = machine.path("example.pem").display().to_string();
        machine.run(&verification, &["keys", "generate", "--authority", "example", "--public-key", &public])?;
        machine.run(&server, &["revision-key", "generate"])?;
        machine.run(&server, &["authority", "add", "--id", "example", "--public-key", &public, "--region", "NO"])?;
        let keys = machine.path("settings/bundle-keys").display().to_string();
        machine.run(&exporter, &["keys", "generate", "--region", "NO", "--dir", &keys])?;
        Ok(machine)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What a unit's program finds in its environment: what its sample says, but on this machine.
    fn environment(&self, unit: &Unit) -> anyhow::Result<BTreeMap<String, String>> {
        let Some(file) = sample(unit) else { return Ok(BTreeMap::new()) };
        let sample = fs::read_to_string(file)?;
        let said = sample.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
        let here = self.path("settings").display().to_string() + "/";
        let mut environment: BTreeMap<String, String> =
            said.map(|(name, value)| (name.to_owned(), value.replace(SETTINGS, &here))).collect();
        for (name, value) in &mut environment {
            if name.ends_with("_LISTEN") {
                *value = "127.0.0.1:0".to_owned();
            }
            // Nobody balances any load here who would have to hear of it.
            if name.ends_with("_DRAIN_SECONDS") {
                *value = "0".to_owned();
            }
        }
        // There is no PostgreSQL and no object store here, and the exporter reads what the server writes.
        let database = if unit.name.contains("verification") { "codes.db" } else { "keys.db" };
        let program = unit.value("ExecStart")?.trim_start_matches(PROGRAMS).split(' ').next().context("a program")?;
        let url = format!("sqlite:{}", self.path("state").join(database).display());
        environment.insert(format!("{}_DATABASE_URL", program.to_uppercase()), url);
        if let Some(buckets) = environment.get_mut("EXPORTER_BUCKETS") {
            *buckets = format!("main=file:{}", self.path("cdn").display());
        }
        Ok(environment)
    }

    /// A command of a unit's program, with nothing of this test's environment but the path.
    fn command(&self, unit: &Unit) -> anyhow::Result<Command> {
        let name = unit.value("ExecStart")?.trim_start_matches(PROGRAMS).split(' ').next().context("a program")?;
        // It becomes nobody else, as in the unit, and ends with the test.
        let mut command = Command::new("setpriv");
        command.args(["--no-new-privs", "--pdeathsig", "KILL"]).arg(built(name)).env_clear();
        command.current_dir(self.path("state")).envs(self.environment(unit)?);
        Ok(command)
    }

    fn run(&self, unit: &Unit, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(unit)?.args(arguments).output().context("setpriv; apt-get install util-linux")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} {arguments:?}: {said}", unit.name);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Starts what the unit starts, with these arguments behind.
    fn start(&self, unit: &Unit, more: &[&str]) -> anyhow::Result<Started> {
        let line = unit.value("ExecStart")?.replace("%S", &self.path("state").display().to_string());
        let mut command = self.command(unit)?;
        command.args(line.split(' ').skip(1)).args(more).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let out = BufReader::new(child.stdout.take().context("its output is piped")?);
        Ok(Started { child, out })
    }
}

impl Started {
    /// Asks it to end, as systemd does; what it ended with.
    fn stop(mut self) -> anyhow::Result<ExitStatus> {
        ensure!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?.success(), "kill");
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(asked.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_the_units_start_runs_with_the_samples_and_stops_when_it_is_asked() -> anyhow::Result<()> {
    let machine = Machine::new()?;
    for name in ["pratique-verification.service", "pratique-server.service"] {
        let mut started = machine.start(&Unit::named(name)?, &[])?;
        let mut line = String::new();
        started.out.read_line(&mut line)?;
        assert!(line.starts_with("Listening on http://127.0.0.1:"), "{name} says {line:?}");
        assert!(started.stop()?.success(), "{name}");
    }
    // The exporter says nothing to read; what it publishes is there for a web server to read.
    let exporter = machine.start(&Unit::named("pratique-exporter.service")?, &[])?;
    let begun = Instant::now();
    while !machine.path("cdn/ready").exists() {
        ensure!(begun.elapsed() < PATIENCE, "nothing is published");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(exporter.stop()?.success());
    fs::remove_file(machine.path("cdn/ready"))?;
    let mut once = machine.start(&Unit::named("pratique-exporter-once.service")?, &[])?;
    assert!(once.child.wait()?.success());
    assert!(machine.path("cdn/ready").exists());
    Ok(())
}

#[test]
fn all_of_it_in_one_process_starts_and_stops_too() -> anyhow::Result<()> {
    let machine = Machine { directory: tempfile::tempdir()? };
    fs::create_dir(machine.path("state"))?;
    let ports = ["--verification-port", "0", "--server-port", "0", "--cdn-port", "0"];
    let mut started = machine.start(&Unit::named("pratique-standalone.service")?, &ports)?;
    let mut line = String::new();
    started.out.read_line(&mut line)?;
    assert!(!line.is_empty(), "it says how to reach it");
    assert!(machine.path("state/pratique/access.json").exists());
    assert!(started.stop()?.success());
    Ok(())
}
