//! `exporter run` as a process of its own, whose log is read while it runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::World;

/// No machine is slower than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// A schedule that runs.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Program {
    /// Runs on a world's database and keys, with directories as buckets.
    pub(crate) fn run(world: &World, buckets: &[&str], flags: &[&str]) -> Self {
        let mut command = command(world, buckets);
        command.args(flags).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().expect("the program runs");
        let log = child.stderr.take().expect("a log");
        let (told, lines) = channel();
        std::thread::spawn(move || {
            // The test may end before the program does.
            BufReader::new(log).lines().map_while(Result::ok).try_for_each(|line| told.send(line))
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// The end of one that cannot begin.
    pub(crate) fn refused(world: &World, buckets: &[&str]) -> Output {
        command(world, buckets).output().expect("the program runs")
    }

    /// The next line of the log of which this is true.
    pub(crate) fn wait_for(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("never came; {:#?}", self.seen));
            let read: Value = serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line}"));
            self.seen.push(line);
            if is_it(&read) {
                return read;
            }
        }
    }

    /// Asks it to end, and waits until it has; its exit code, and its whole log.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<Value>) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("a child") {
                let lines = self.seen.drain(..).chain(self.lines.iter());
                let log = lines.map(|line| serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line}")));
                return (status.code(), log.collect());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it did not end")
    }
}

fn command(world: &World, buckets: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exporter"));
    command.args(["run", "--database-url", &world.url, "--signing-key-dir"]).arg(&world.settings.signing_key_dir);
    for name in buckets {
        command.args(["--bucket", &format!("{name}=file:{}", world.tree(name).display())]);
    }
    command.env_remove("RUST_LOG");
    command
}

impl Drop for Program {
    /// A test that failed leaves no program behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `http://ADDRESS/PATH` answers.
pub(crate) fn get(url: &str) -> String {
    let (address, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
