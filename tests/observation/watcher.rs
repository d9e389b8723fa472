//! Reads everything that operators could read, after every request, and remembers who may have brought it about.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proto::Timestamp;
use tests::crowd::{Asked, Onlooker};
use tests::system::System;

use crate::exporting::Exporting;
use crate::lines::{Line, is_by_itself};
use crate::troubles::Troubles;

/// By how much the clocks of the machines of both services are ahead of the time, in seconds: three seconds apart, as clocks may be. Both are further ahead
/// than the time from one person to the next, so that it is this that ends their steps, and not what the services do by themselves.
const AHEAD: [i64; 2] = [60, 63];
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

/// Whose something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The verification service's.
    Verification,
    /// The key server's.
    Server,
    /// The exporter's.
    Exporter,
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

/// Everything of one sort that one program showed.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    /// What sort.
    pub(crate) name: &'static str,
    /// Whose.
    pub(crate) source: Source,
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
    /// Who was answered in the step that is under way.
    in_step: BTreeSet<usize>,
    /// Each change of metrics, and whether it came with a step.
    changes: Vec<(Event, bool)>,
    lines: Vec<Event>,
    /// At which person each step ended.
    steps: Vec<usize>,
}

/// Watches both services and the exporter.
pub(crate) struct Watcher {
    log: Log,
    read: usize,
    requests: u64,
    /// Until when the services have looked whether a step is over, as seconds of the time; none before the first person.
    looked: Option<i64>,
    services: [Watched; 2],
    /// In which step of the verification service each person came.
    came: Vec<usize>,
    troubles: Option<Troubles>,
    pub(crate) exporting: Exporting,
    /// All that was read, to be searched.
    pub(crate) seen: Vec<u8>,
    /// The same without the values of metrics: among so many digits, eight in a row are somebody's code by chance now and then.
    pub(crate) said: Vec<u8>,
    /// All lines that were logged.
    pub(crate) lines: Vec<Line>,
}

impl Watcher {
    /// Reads this log.
    pub(crate) fn new(log: Log) -> Self {
        let service = |asked| Watched {
            asked,
            shown: String::new(),
            answered: BTreeSet::new(),
            in_step: BTreeSet::new(),
            changes: Vec::new(),
            lines: Vec::new(),
            steps: Vec::new(),
        };
        Self {
            log,
            read: 0,
            requests: 0,
            looked: None,
            services: [Asked::Verification, Asked::Server].map(service),
            came: Vec::new(),
            troubles: None,
            exporting: Exporting::new(),
            seen: Vec::new(),
            said: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// The step that is under way ends, and is read.
    pub(crate) async fn end(&mut self, system: &System) {
        if let Some(troubles) = self.troubles.take() {
            troubles.end().await;
        }
        system.metrics.iter().for_each(service::Metrics::step);
        self.read(system, None, [true; 2]);
    }

    /// Everything that was read, by program and sort.
    pub(crate) fn streams(&self) -> Vec<Stream> {
        let of_service = |service: &Watched| {
            let source = source(service.asked);
            let changes = service.changes.iter().map(|(event, _)| event.clone()).collect();
            let stream = |name, events| Stream { name, source, events };
            [stream("metrics", changes), stream("log", service.lines.clone())]
        };
        let exporter = Stream { name: "metrics", source: Source::Exporter, events: self.exporting.events().to_vec() };
        self.services.iter().flat_map(of_service).chain([exporter]).collect()
    }

    /// What moved although no step ended, but for what moves by itself.
    pub(crate) fn between_steps(&self, asked: Asked) -> Vec<String> {
        let services = self.services.iter().filter(|service| service.asked == asked);
        let moved = services.flat_map(|service| service.changes.iter().skip(1).filter(|(_, stepped)| !stepped));
        let lines = moved.flat_map(|(event, _)| event.text.lines());
        lines.filter(|line| !line.contains(ALARM)).map(str::to_owned).collect()
    }

    /// At which people the steps of a service ended.
    pub(crate) fn steps(&self, asked: Asked) -> &[usize] {
        &self.services[usize::from(asked == Asked::Server)].steps
    }

    /// Among how many each person came: those of the same step.
    pub(crate) fn company(&self) -> Vec<usize> {
        self.came.iter().map(|step| self.came.iter().filter(|other| *other == step).count()).collect()
    }

    /// Ends the steps that are over before this person comes, each by its own clock, and reads what they show. Services look more often than once in a
    /// second: so does this.
    fn step(&mut self, system: &System, person: usize) {
        let now = system.clock.now().unix();
        for second in self.looked.unwrap_or(now - 1) + 1..=now {
            let ended = [0, 1].map(|at| system.metrics[at].step_if_over(Timestamp::from_unix(second + AHEAD[at])));
            if ended.contains(&true) {
                self.read(system, None, ended);
            }
            for (service, _) in self.services.iter_mut().zip(ended).filter(|(_, ended)| *ended) {
                service.steps.push(person);
                service.in_step.clear();
            }
        }
        self.looked = Some(now.max(self.looked.unwrap_or(now)));
    }

    /// Reads both services' metrics, and the log.
    fn read(&mut self, system: &System, person: Option<usize>, ended: [bool; 2]) {
        self.requests += 1;
        let at = self.requests;
        for ((service, metrics), stepped) in self.services.iter_mut().zip(&system.metrics).zip(ended) {
            let shown = metrics.render();
            if shown != service.shown {
                let text = changed(&service.shown, &shown);
                self.seen.extend_from_slice(text.as_bytes());
                self.said.extend_from_slice(names(&text).as_bytes());
                let owners = std::mem::take(&mut service.answered);
                service.changes.push((Event { at, owners, text }, stepped));
                service.shown = shown;
            }
        }
        let at_a_step = ended.contains(&true);
        let log = self.log.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = &log[self.read..];
        self.seen.extend_from_slice(new);
        self.said.extend_from_slice(new);
        for line in String::from_utf8_lossy(new).lines() {
            self.lines.push(Line { text: line.to_owned(), at_a_step });
            if is_by_itself(line) {
                continue;
            }
            for service in &mut self.services {
                // What is written while a step ends may be anybody's of that step; everything else is of whoever was just answered.
                let owners = if at_a_step { service.in_step.clone() } else { person.into_iter().collect() };
                service.lines.push(Event { at, owners, text: line.to_owned() });
            }
        }
        self.read = log.len();
    }
}

impl Onlooker for Watcher {
    async fn before(&mut self, system: &System, person: usize) -> anyhow::Result<()> {
        if self.troubles.is_none() {
            wait_for_the_first_step(system).await;
            self.troubles = Some(Troubles::begin(system).await?);
            // Whatever was written until now, nobody's request brought about; and from now on it is the watcher who ends steps.
            self.read(system, None, [false; 2]);
        }
        self.step(system, person);
        self.came.push(self.services[0].steps.len());
        if let Some(troubles) = &self.troubles {
            troubles.before(system, person).await?;
        }
        if let Some(text) = self.exporting.before(system, person, self.requests).await? {
            self.seen.extend_from_slice(text.as_bytes());
            self.said.extend_from_slice(names(&text).as_bytes());
        }
        Ok(())
    }

    fn answered(&mut self, system: &System, asked: Asked, person: usize) {
        for service in self.services.iter_mut().filter(|service| service.asked == asked) {
            service.answered.insert(person);
            service.in_step.insert(person);
        }
        if asked == Asked::Server {
            self.exporting.uploaded(person);
        }
        self.read(system, Some(person), [false; 2]);
    }
}

const fn source(asked: Asked) -> Source {
    match asked {
        Asked::Verification => Source::Verification,
        Asked::Server => Source::Server,
    }
}

/// Each service publishes once by itself when it starts. However slow the machine is, that must not count as moving between steps.
async fn wait_for_the_first_step(system: &System) {
    for metrics in &system.metrics {
        let mut tries = 0;
        while tries < 6_000 && !metrics.render().contains("_start_time_seconds{}") {
            tries += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The lines of a text that another did not have.
pub(crate) fn changed(before: &str, after: &str) -> String {
    let known: BTreeSet<&str> = before.lines().collect();
    after.lines().filter(|line| !known.contains(line)).map(|line| format!("{line}\n")).collect()
}

/// The same lines without their values.
fn names(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line.rsplit_once(' ').map_or(line, |(name, _)| name))).collect()
}
