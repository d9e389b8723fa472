//! The read replica of `deploy/compose.yaml`: its scripts make one of a real cluster, which follows, and is made anew when it cannot follow any more.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use cluster::{Cluster, Options};

use crate::programs::{complaint, read};

/// Nothing here takes longer unless it is broken.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a primary keeps of its log here: nearly nothing, so that a standby falls behind in a moment.
const KEPT: [(&str, &str); 3] = [("wal_keep_size", "0"), ("min_wal_size", "32MB"), ("max_wal_size", "32MB")];

/// A primary with the roles of compose.yaml, and a machine for its standby.
struct Place {
    primary: Cluster,
    port: u16,
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> anyhow::Result<Self> {
        let port = cluster::free_port();
        let settings = KEPT.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let primary = Cluster::start(&Options { port: Some(port), settings, ..Options::default() })?;
        let place = Self { primary, port, directory: tempfile::tempdir()? };
        // The user of the servers works in it.
        run(Command::new("chmod").arg("777").arg(place.directory.path()))?;
        for secret in ["server-owner", "server", "exporter", "replication"] {
            fs::write(place.path(secret), format!("password-of-{secret}\n"))?;
        }
        let data = place.primary.socket().and_then(|socket| Some(socket.parent()?.join("data"))).context("private")?;
        run(as_nobody_special("sh")?.arg(place.script("replication.sh")?).env("PGDATA", data))?;
        let roles = read("server/store/migrations/postgres/roles.sql");
        let logins = place.script("key-logins.sql")?;
        place.sql(&roles)?;
        let secrets = place.directory.path().display();
        place.sql(&format!("\\set secrets '{secrets}'\n\\i '{}'\nSELECT pg_reload_conf();", logins.display()))?;
        place.sql("CREATE TABLE said (word text);")?;
        Ok(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A script with this place's secrets.
    fn script(&self, name: &str) -> anyhow::Result<PathBuf> {
        let text = read(&format!("deploy/compose/{name}"));
        fs::write(self.path(name), text.replace("/run/secrets/", &format!("{}/", self.directory.path().display())))?;
        Ok(self.path(name))
    }

    fn sql(&self, script: &str) -> anyhow::Result<String> {
        Ok(self.primary.psql("postgres", script)?)
    }

    /// Starts what the container starts, beside the primary and not in its place.
    fn start(&self) -> anyhow::Result<Standby> {
        let log = fs::File::options().create(true).append(true).open(self.path("log"))?;
        let mut command = as_nobody_special("sh")?;
        command.arg(self.script("standby.sh")?).args(["127.0.0.1", "postgres", "-c", "listen_addresses=", "-c"]);
        command.arg(format!("unix_socket_directories={}", self.path("").display()));
        command.env("PGDATA", self.path("standby")).env("PGPORT", self.port.to_string());
        let process = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0).spawn()?;
        Ok(Standby { process })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Waits until the standby knows a word that the primary is told now.
    fn follows(&self, word: &str) -> anyhow::Result<()> {
        self.sql(&format!("INSERT INTO said VALUES ('{word}');"))?;
        let asked = format!("SELECT count(*) FROM said WHERE word = '{word}'");
        self.waited(|| {
            let mut psql = Command::new("psql");
            psql.args(["-XAt", "-U", "postgres", "-p", &self.port.to_string(), "-c", &asked, "-h"]).arg(self.path(""));
            psql.output().is_ok_and(|output| output.stdout == b"1\n")
        })
    }

    fn waited(&self, mut is_so: impl FnMut() -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !is_so() {
            ensure!(begun.elapsed() < PATIENCE, "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// A standby, killed with this value.
struct Standby {
    process: Child,
}

impl Standby {
    /// Ends it as a container ends; SIGINT does not wait for those who are connected.
    fn stop(mut self) -> anyhow::Result<()> {
        run(Command::new("kill").args(["-INT", &self.process.id().to_string()]))?;
        let begun = Instant::now();
        while self.process.try_wait()?.is_none() {
            ensure!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn ended(mut self) -> anyhow::Result<ExitStatus> {
        Ok(self.process.wait()?)
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = Command::new("kill").args(["-QUIT", &self.process.id().to_string()]).status();
            let _ = self.process.wait();
        }
    }
}

/// A command as the user of PostgreSQL, which refuses root. It ends with this test.
fn as_nobody_special(program: &str) -> anyhow::Result<Command> {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig=QUIT", program]).current_dir("/");
    cluster::as_servers_run(&mut command)?;
    Ok(command)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", complaint(&output));
    Ok(())
}

/// Removes what a standby has, as its volume is removed.
fn removed(directory: &Path) -> anyhow::Result<()> {
    Ok(fs::remove_dir_all(directory)?)
}

#[test]
fn the_read_replica_of_the_composition_follows_and_is_made_anew_when_it_cannot() -> anyhow::Result<()> {
    let place = Place::new()?;
    let standby = place.start()?;
    place.follows("copied")?;
    standby.stop()?;
    let standby = place.start()?;
    place.follows("started again")?;
    standby.stop()?;

    // It is away, the log goes on, and what it has not read is removed.
    for _ in 0..4 {
        place.sql("SELECT pg_switch_wal(); INSERT INTO said SELECT repeat('word', 100) FROM generate_series(1, 100); CHECKPOINT;")?;
    }
    let standby = place.start()?;
    place.waited(|| place.log().contains("has already been removed"))?;
    standby.stop()?;
    removed(&place.path("standby"))?;
    let standby = place.start()?;
    place.follows("made anew")?;
    standby.stop()?;

    // A copy that was broken off has no manifest yet, and is not started.
    fs::remove_file(place.path("standby/backup_manifest"))?;
    fs::rename(place.path("standby/backup_label.old"), place.path("standby/backup_label"))?;
    let standby = place.start()?;
    place.follows("whole again")?;
    standby.stop()?;

    // Whoever was promoted takes uploads of his own.
    fs::remove_file(place.path("standby/standby.signal"))?;
    assert_eq!(place.start()?.ended()?.code(), Some(1), "{}", place.log());
    assert!(place.log().contains("was promoted"), "{}", place.log());
    Ok(())
}
