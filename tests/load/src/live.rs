//! How a run is doing while it lasts: one line that changes every second on a terminal, a plain line every ten seconds elsewhere. On
//! standard error, so that standard output belongs to the summary.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::record::{Glance, Recorder};
use crate::words::{clock, grouped, milliseconds, rate};

/// How often the line on a terminal changes.
const TICK: Duration = Duration::from_secs(1);
/// Every how many ticks a plain line is written.
const PLAIN_EVERY: u64 = 10;

/// Shows a run until it is finished or dropped.
pub struct Live {
    /// What is being done next. Closed when there is nothing more to show.
    phases: Option<Sender<String>>,
    shower: Option<JoinHandle<()>>,
}

impl Live {
    /// Begins to show the run that this recorder records, on a thread of its own, which a busy load does not hold up. `planned` is the
    /// length of the schedule, if it has an end; `phase` says what is being done: `ramp up`.
    pub fn start(recorder: Recorder, planned: Option<Duration>, phase: &str) -> Self {
        let (phases, heard) = mpsc::channel();
        let line = Line { phase: phase.to_owned(), planned, last: (recorder.started(), Glance::default()) };
        let shower = thread::Builder::new().name("live".to_owned());
        let shower = shower.spawn(move || {
            let shown = Shown::new();
            let (mut line, mut ticks) = (line, 0);
            loop {
                match heard.recv_timeout(TICK) {
                    Ok(phase) => line.phase = phase,
                    Err(RecvTimeoutError::Timeout) => {
                        ticks += 1;
                        if shown.wants(ticks) {
                            let now = Instant::now();
                            shown.show(&line.next(recorder.glance(now), now, recorder.started()));
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => return shown.clear(),
                }
            }
        });
        // A machine that cannot start a thread more can still run its load unwatched.
        Self { phases: Some(phases), shower: shower.ok() }
    }

    /// Says what is being done from now on: `waiting for the last keys to be published`.
    pub fn phase(&self, what: &str) {
        if let Some(phases) = &self.phases {
            // Nobody listens if the thread could not be started.
            let _ = phases.send(what.to_owned());
        }
    }

    /// Ends, and takes the line away from the terminal, so that the summary stands alone. Dropping does the same.
    pub fn finish(self) {}
}

impl Drop for Live {
    fn drop(&mut self) {
        self.phases = None;
        if let Some(shower) = self.shower.take() {
            // It panics nowhere; and if it did, the run is worth more than its line.
            let _ = shower.join();
        }
    }
}

enum Shown {
    Terminal(ProgressBar),
    Plain,
}

impl Shown {
    fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Plain;
        }
        let style =
            ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        Self::Terminal(ProgressBar::new_spinner().with_style(style))
    }

    fn wants(&self, ticks: u64) -> bool {
        matches!(self, Self::Terminal(_)) || ticks.is_multiple_of(PLAIN_EVERY)
    }

    fn show(&self, line: &str) {
        match self {
            Self::Terminal(bar) => {
                bar.set_message(line.to_owned());
                bar.tick();
            }
            // Nothing can be done about a standard error that is gone.
            Self::Plain => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }

    fn clear(&self) {
        if let Self::Terminal(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// What the next line is made from.
struct Line {
    phase: String,
    planned: Option<Duration>,
    /// The moment and the counts of the last line, from which the rates follow.
    last: (Instant, Glance),
}

impl Line {
    /// `0:42, 4:18 left, ramp up: asked 112/s, reached 111/s, 402 answers/s, errors 0, p99 512 ms (upload)`: what a narrow terminal
    /// cuts off is what matters least.
    fn next(&mut self, glance: Glance, now: Instant, started: Instant) -> String {
        let (then, before) = std::mem::replace(&mut self.last, (now, glance.clone()));
        let seconds = now.saturating_duration_since(then).as_secs_f64().max(0.001);
        let per_second = |now: u64, before: u64| rate(now.saturating_sub(before) as f64 / seconds);
        let (asked, reached) = (per_second(glance.asked, before.asked), per_second(glance.reached, before.reached));
        let answers = per_second(glance.ended, before.ended);
        let run = now.saturating_duration_since(started).as_secs();
        let of = self.planned.filter(|planned| planned.as_secs() > run);
        let left = of.map(|planned| format!(", {} left", clock(planned.as_secs() - run))).unwrap_or_default();
        let slowest = glance.slowest.map(|(name, p99)| format!(", p99 {} ms ({name})", milliseconds(p99)));
        let (phase, errors) = (&self.phase, grouped(glance.failed));
        let slowest = slowest.unwrap_or_default();
        let idle = (glance.asked, glance.ended) == (before.asked, before.ended);
        let rates = format!("asked {asked}/s, reached {reached}/s, {answers} answers/s, ");
        let rates = if idle { String::new() } else { rates };
        format!("{}{left}, {phase}: {rates}errors {errors}{slowest}", clock(run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rates_errors_latency_and_what_is_left() {
        let started = Instant::now();
        let at = |seconds| started + Duration::from_secs(seconds);
        let planned = Some(Duration::from_secs(300));
        let mut line = Line { phase: "ramp up".to_owned(), planned, last: (started, Glance::default()) };
        let glance = Glance { asked: 200, reached: 150, ended: 180, failed: 0, slowest: Some(("upload", 512.0)) };
        let shown = line.next(glance, at(2), started);
        assert_eq!(
            shown,
            "0:02, 4:58 left, ramp up: asked 100/s, reached 75/s, 90 answers/s, errors 0, p99 512 ms (upload)"
        );
        let glance = Glance { asked: 200, reached: 200, ended: 230, failed: 3, slowest: None };
        "proof".clone_into(&mut line.phase);
        assert_eq!(
            line.next(glance, at(302), started),
            "5:02, proof: asked 0/s, reached 0.167/s, 0.167 answers/s, errors 3"
        );
        let glance = Glance { asked: 200, reached: 200, ended: 230, failed: 3, slowest: None };
        assert_eq!(line.next(glance, at(303), started), "5:03, proof: errors 3");
    }

    #[test]
    fn a_run_may_end_at_any_time() {
        let live = Live::start(Recorder::new(Instant::now()), None, "start");
        live.phase("end");
        live.finish();
        drop(Live::start(Recorder::new(Instant::now()), None, "start"));
    }
}
