//! What an exporter shows meanwhile. It runs by itself, and more often than is wise: twice within seconds now and then, as two exporters do.

use std::collections::BTreeSet;

use exporter::metrics::ExporterMetrics;
use tests::system::System;

use crate::watcher::{Event, changed};

/// A pass comes before one of so many people, and once more before the next one. None of them comes in the second in which a quarter of an hour begins,
/// in which what is uploaded may be released at once.
const PASSES: usize = 50;
const FIRST: usize = 7;
/// More than there ever are: nothing is sealed, so that only what waits can move.
const MINIMUM: u32 = 1_000_000;
/// What may be released changes with the quarter of an hour, in seconds.
const QUARTER: i64 = 900;
/// What moves with each pass, whoever came: the process itself, and when passes ended.
const OF_PASSES: [&str; 9] = [
    "pratique_exporter_clock_ahead_seconds",
    "pratique_exporter_cpu_seconds_total",
    "pratique_exporter_last_pass_seconds",
    "pratique_exporter_last_success_seconds",
    "pratique_exporter_next_pass_seconds",
    "pratique_exporter_open_descriptors",
    "pratique_exporter_pass_duration_seconds",
    "pratique_exporter_passes_total",
    "pratique_exporter_resident_memory_bytes",
];

/// An exporter as it is watched.
pub(crate) struct Exporting {
    metrics: ExporterMetrics,
    /// Its metrics as they were read last, and in which quarter of an hour.
    shown: (String, i64),
    /// Who has uploaded since they changed last.
    uploaded: BTreeSet<usize>,
    events: Vec<Event>,
    /// What moved between two passes of one quarter of an hour.
    within_a_quarter: Vec<String>,
    /// How many pairs of passes of one quarter there were.
    pub(crate) pairs: usize,
}

impl Exporting {
    /// One that has not begun.
    pub(crate) fn new() -> Self {
        Self {
            metrics: ExporterMetrics::register(),
            shown: (String::new(), 0),
            uploaded: BTreeSet::new(),
            events: Vec::new(),
            within_a_quarter: Vec::new(),
            pairs: 0,
        }
    }

    /// A pass before this person comes, if it is time for one; what its metrics say then that they did not say before.
    pub(crate) async fn before(&mut self, system: &System, person: usize, at: u64) -> anyhow::Result<Option<String>> {
        if !(FIRST..=FIRST + 1).contains(&(person % PASSES)) {
            return Ok(None);
        }
        let report = system.export_now(MINIMUM).await?;
        let now = system.clock.now();
        self.metrics.note(&Ok(report), now);
        let (shown, quarter) = (self.metrics.render(), now.unix().div_euclid(QUARTER));
        let text = changed(&self.shown.0, &shown);
        if self.shown.1 == quarter {
            self.pairs += 1;
            let moved = text.lines().filter(|line| !OF_PASSES.iter().any(|name| line.starts_with(name)));
            self.within_a_quarter.extend(moved.map(str::to_owned));
        }
        let owners = std::mem::take(&mut self.uploaded);
        self.events.push(Event { at, owners, text: text.clone() });
        self.shown = (shown, quarter);
        Ok(Some(text))
    }

    /// This person has uploaded.
    pub(crate) fn uploaded(&mut self, person: usize) {
        self.uploaded.insert(person);
    }

    /// What it showed.
    pub(crate) fn events(&self) -> &[Event] {
        &self.events
    }

    /// What an upload moved at once.
    pub(crate) fn within_a_quarter(&self) -> &[String] {
        &self.within_a_quarter
    }
}
