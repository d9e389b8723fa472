//! Reads everything that operators could read, after every request, and remembers who may have brought it about.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tests::crowd::{Asked, Onlooker, PACE};
use tests::system::System;

/// What phones do is published so often, in seconds.
const STEP: i64 = 300;
/// What moves by itself, every ten seconds, and says whether somebody guesses.
const ALARM: &str = "pratique_verification_guessing_alarm";

/// Everything that is logged in this process.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Something that could be read, and those whose requests may have brought it about.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// The number of the request after which it was read.
    pub(crate) at: u64,
    /// Whose requests that service had answered since the event before.
    pub(crate) owners: BTreeSet<usize>,
    /// What was read.
    pub(crate) text: String,
}

/// Everything of one sort that one service showed.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    /// What sort.
    pub(crate) name: &'static str,
    /// Whose.
    pub(crate) asked: Asked,
    /// In the order of time.
    pub(crate) events: Vec<Event>,
}

/// One service as it is watched.
struct Watched {
    asked: Asked,
    /// Its metrics as they were read last.
    shown: String,
    /// Who was answered since they changed last.
    answered: BTreeSet<usize>,
    /// Each change of metrics, and whether it came with a step.
    changes: Vec<(Event, bool)>,
    lines: Vec<Event>,
}

/// Watches both services.
pub(crate) struct Watcher {
    log: Log,
    read: usize,
    requests: u64,
    /// In which step the last person came.
    step: Option<i64>,
    /// How many steps were published.
    pub(crate) steps: usize,
    services: [Watched; 2],
    /// In which step each person came.
    came: Vec<i64>,
    /// All that was read, to be searched.
    pub(crate) seen: Vec<u8>,
    /// The same without the values of metrics: among so many digits, eight in a row are somebody's code by chance now and then.
    pub(crate) said: Vec<u8>,
    /// All lines that were logged.
    pub(crate) lines: Vec<String>,
}

impl Watcher {
    /// Reads this log.
    pub(crate) fn new(log: Log) -> Self {
        let service = |asked| Watched {
            asked,
            shown: String::new(),
            answered: BTreeSet::new(),
            changes: Vec::new(),
            lines: Vec::new(),
        };
        Self {
            log,
            read: 0,
            requests: 0,
            step: None,
            steps: 0,
            services: [Asked::Verification, Asked::Server].map(service),
            came: Vec::new(),
            seen: Vec::new(),
            said: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// What is left is published, and read.
    pub(crate) fn end(&mut self, system: &System) {
        self.publish(system);
        self.read(system, None, true);
    }

    /// Everything that was read, by service and sort.
    pub(crate) fn streams(&self) -> Vec<Stream> {
        let of_service = |service: &Watched| {
            let changes = service.changes.iter().map(|(event, _)| event.clone()).collect();
            let stream = |name, events| Stream { name, asked: service.asked, events };
            [stream("metrics", changes), stream("log", service.lines.clone())]
        };
        self.services.iter().flat_map(of_service).collect()
    }

    /// What moved although no step was published, but for what moves by itself.
    pub(crate) fn between_steps(&self, asked: Asked) -> Vec<String> {
        let services = self.services.iter().filter(|service| service.asked == asked);
        let moved = services.flat_map(|service| service.changes.iter().skip(1).filter(|(_, stepped)| !stepped));
        let lines = moved.flat_map(|(event, _)| event.text.lines());
        lines.filter(|line| !line.contains(ALARM)).map(str::to_owned).collect()
    }

    /// Among how many each person came: those of the same step.
    pub(crate) fn company(&self) -> Vec<usize> {
        self.came.iter().map(|step| self.came.iter().filter(|other| *other == step).count()).collect()
    }

    fn publish(&mut self, system: &System) {
        system.metrics.iter().for_each(service::Metrics::step);
        self.steps += 1;
    }

    /// Reads both services' metrics, and the log.
    fn read(&mut self, system: &System, person: Option<usize>, stepped: bool) {
        self.requests += 1;
        let at = self.requests;
        for (service, metrics) in self.services.iter_mut().zip(&system.metrics) {
            let shown = metrics.render();
            if shown != service.shown {
                let text = changed(&service.shown, &shown);
                self.seen.extend_from_slice(text.as_bytes());
                for line in text.lines() {
                    let name = line.rsplit_once(' ').map_or(line, |(name, _)| name);
                    self.said.extend_from_slice(name.as_bytes());
                    self.said.push(b'\n');
                }
                let owners = std::mem::take(&mut service.answered);
                service.changes.push((Event { at, owners, text }, stepped));
                service.shown = shown;
            }
        }
        let log = self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = &log[self.read..];
        self.seen.extend_from_slice(new);
        self.said.extend_from_slice(new);
        for line in String::from_utf8_lossy(new).lines() {
            self.lines.push(line.to_owned());
            for service in &mut self.services {
                let owners = person.into_iter().collect();
                service.lines.push(Event { at, owners, text: line.to_owned() });
            }
        }
        self.read = log.len();
    }
}

impl Onlooker for Watcher {
    fn answered(&mut self, system: &System, asked: Asked, person: usize) {
        if self.step.is_none() {
            wait_for_the_first_step(system);
        }
        let step = person as i64 * PACE / STEP;
        if self.came.len() == person {
            self.came.push(step);
        }
        for service in self.services.iter_mut().filter(|service| service.asked == asked) {
            service.answered.insert(person);
        }
        let is_new = self.step.is_some_and(|last| last != step);
        if is_new {
            self.publish(system);
        }
        self.step = Some(step);
        self.read(system, Some(person), is_new);
    }
}

/// Each service publishes once by itself when it starts. However slow the machine is, that must not count as moving between steps.
fn wait_for_the_first_step(system: &System) {
    for metrics in &system.metrics {
        let mut tries = 0;
        while tries < 6_000 && !metrics.render().contains("_start_time_seconds{}") {
            tries += 1;
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The lines of a text that another did not have.
fn changed(before: &str, after: &str) -> String {
    let known: BTreeSet<&str> = before.lines().collect();
    after.lines().filter(|line| !known.contains(line)).map(|line| format!("{line}\n")).collect()
}
