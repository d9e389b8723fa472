//! How far a long command is: a bar on a terminal, a line every few seconds elsewhere, nothing for machines.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::report::grouped;
use crate::steps::{Observer, Step, When};

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

/// The progress of one command, on standard error. Clones are one.
#[derive(Clone)]
pub struct Progress {
    shown: Shown,
}

#[derive(Clone)]
enum Shown {
    Nothing,
    Bar(ProgressBar),
    Lines(Arc<Mutex<Lines>>),
}

/// What the next line says.
struct Lines {
    doing: &'static str,
    total: Option<u64>,
    done: u64,
    message: String,
    last: Instant,
}

impl Progress {
    /// Begins. `doing` says what is counted ("bundles compared"), `total` how many there will be, if that is known. With `json` nothing is shown.
    pub fn new(doing: &'static str, total: Option<u64>, json: bool) -> Self {
        let shown = if json {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            Shown::Bar(bar(doing, total))
        } else {
            let (done, message, last) = (0, String::new(), Instant::now());
            Shown::Lines(Arc::new(Mutex::new(Lines { doing, total, done, message, last })))
        };
        Self { shown }
    }

    /// Counts so many more.
    pub fn add(&self, more: u64) {
        match &self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => bar.inc(more),
            Shown::Lines(lines) => lock(lines).add(more, Instant::now()),
        }
    }

    /// Says what is being done now.
    pub fn say(&self, what: &dyn Display) {
        match &self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => bar.set_message(what.to_string()),
            Shown::Lines(lines) => lock(lines).message = what.to_string(),
        }
    }

    /// Ends: the bar goes away, so that what is printed next stands alone.
    pub fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }

    /// Shows every step of a pass, and counts those that are over.
    pub fn observer(&self) -> Observer {
        let progress = self.clone();
        Arc::new(move |step: &Step<'_>| match step.when {
            When::Before => progress.say(&step.doing()),
            When::After => progress.add(1),
        })
    }
}

impl Lines {
    fn add(&mut self, more: u64, now: Instant) {
        self.done += more;
        if now.duration_since(self.last) >= EVERY {
            self.last = now;
            // Nothing can be done about a standard error that is gone.
            let _ = writeln!(std::io::stderr(), "{}", self.line());
        }
    }

    /// `bundles compared: 20 of 1,000, NO/gaen`.
    fn line(&self) -> String {
        let of = self.total.map(|total| format!(" of {}", grouped(total))).unwrap_or_default();
        let now = if self.message.is_empty() { String::new() } else { format!(", {}", self.message) };
        format!("{}: {}{of}{now}", self.doing, grouped(self.done))
    }
}

fn bar(doing: &'static str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{prefix}: {wide_bar} {pos} of {len}, {eta} to go  {msg}"),
        None => (ProgressBar::new_spinner(), "{spinner} {prefix}: {pos}  {msg}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = bar.with_style(style).with_prefix(doing);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn lock(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_and_where() {
        let (message, last) = (String::new(), Instant::now());
        let mut lines = Lines { doing: "bundles compared", total: None, done: 0, message, last };
        lines.add(1_200, last);
        assert_eq!(lines.line(), "bundles compared: 1,200");
        (lines.total, lines.message) = (Some(3_000), "NO/gaen".to_owned());
        assert_eq!(lines.line(), "bundles compared: 1,200 of 3,000, NO/gaen");
        assert_eq!(lines.last, last, "too early for a line");
        lines.add(1, last + EVERY);
        assert_eq!(lines.last, last + EVERY);
    }
}
