//! Everything about one operation.

use std::collections::BTreeMap;
use std::time::Duration;

use super::outcome::{Moments, Outcome};
use super::slot::Slot;
use super::spread::round;
use super::timeline::Timeline;
use super::whole::Whole;
use super::windows::windows;
use crate::results::{Operation, OperationSeries};

/// One operation of the run. The lock around it is held for a fraction of a microsecond at a time.
#[derive(Clone, Default)]
pub(super) struct Tally {
    latency: Whole,
    service: Whole,
    waited: Whole,
    no_room: Whole,
    timeline: Timeline<Slot>,
    asked: Span,
    ended: Span,
    done: u64,
    not_modified: u64,
    refused: BTreeMap<&'static str, u64>,
    failed: BTreeMap<&'static str, u64>,
    bytes: u64,
    journey: bool,
}

/// How many moments, the first of them and the last.
#[derive(Clone, Copy, Default)]
struct Span {
    count: u64,
    first: Duration,
    last: Duration,
}

impl Tally {
    /// Counts a request that the schedule asks for at this time of the run.
    pub(super) fn due(&mut self, intended: Duration) {
        self.asked.add(intended);
        self.timeline.at(intended).asked += 1;
    }

    /// Says that these are journeys of several requests.
    pub(super) fn are_journeys(&mut self) {
        self.journey = true;
    }

    /// Takes in one answer.
    pub(super) fn note(&mut self, moments: Moments, outcome: Outcome, bytes: u64) {
        self.ended.add(moments.ended);
        self.bytes += bytes;
        self.timeline.at(moments.ended).count(outcome, bytes);
        match outcome {
            Outcome::Done => self.done += 1,
            Outcome::NotModified => self.not_modified += 1,
            Outcome::Refused(code) => *self.refused.entry(code).or_default() += 1,
            Outcome::Failed(reason) => *self.failed.entry(reason).or_default() += 1,
        }
        if !matches!(outcome, Outcome::Failed(_)) {
            self.latency.add(moments.latency());
            self.timeline.at(moments.intended).latency.add(moments.latency());
            moments.service().inspect(|service| self.service.add(*service));
        }
        if let Some(waited) = moments.waited() {
            self.waited.add(waited);
            moments.no_room().inspect(|no_room| self.no_room.add(*no_room));
            let slot = self.timeline.at(moments.intended);
            slot.waited = slot.waited.max(Some(waited));
        }
    }

    /// The slots that overlap the time from `from` on.
    pub(super) fn since(&self, from: Duration) -> &[Slot] {
        self.timeline.since(from)
    }

    /// How many were asked for, answered (failures among them), and failed.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        (self.asked.count, self.ended.count, self.failed.values().sum())
    }

    /// The length of its slots in seconds, and how many there are.
    pub(super) fn resolution(&self) -> (u32, usize) {
        (self.timeline.seconds(), self.timeline.slots().len())
    }

    /// The bytes that it occupies, near enough.
    pub(super) fn bytes_held(&self) -> usize {
        let slots = self.timeline.slots();
        let within: usize = slots.iter().map(Slot::heap_bytes).sum();
        size_of::<Self>()
            + size_of_val(slots)
            + within
            + [&self.latency, &self.service, &self.waited, &self.no_room]
                .map(|whole| whole.heap_bytes())
                .iter()
                .sum::<usize>()
    }

    /// Its figures for the whole run.
    pub(super) fn figures(&self, name: &str) -> Operation {
        let asked = (self.asked.count > 0).then_some(self.asked.count);
        let named = |counts: &BTreeMap<&'static str, u64>| {
            counts.iter().map(|(&name, &count)| (name.to_owned(), count)).collect()
        };
        Operation {
            name: name.to_owned(),
            journey: self.journey,
            asked,
            asked_per_second: self.asked.per_second(),
            ended: self.ended.count,
            ended_per_second: self.ended.per_second(),
            unfinished: asked.unwrap_or_default().saturating_sub(self.ended.count),
            done: self.done,
            not_modified: self.not_modified,
            refused: named(&self.refused),
            failed: named(&self.failed),
            received_bytes: self.bytes,
            latency: self.latency.figures(),
            service: self.service.figures(),
            waited: self.waited.figures(),
            no_room: self.no_room.figures().filter(|no_room| no_room.max_ms > 0.0),
        }
    }

    /// Its figures along the time, in so many slots of so many seconds: as [`Tally::resolution`] says, or coarser.
    pub(super) fn series(&self, name: &str, seconds: u32, points: usize) -> OperationSeries {
        let mut timeline = self.timeline.clone();
        timeline.coarsen_to(seconds);
        let empty = Slot::default();
        let slots: Vec<&Slot> = (0..points).map(|at| timeline.slots().get(at).unwrap_or(&empty)).collect();
        let counts = |of: fn(&Slot) -> u64| slots.iter().map(|slot| of(slot)).collect::<Vec<u64>>();
        let times = |of: fn(&Slot) -> Option<f64>| slots.iter().map(|slot| of(slot)).collect::<Vec<Option<f64>>>();
        let reasons = self.failed.keys().map(|&reason| {
            let counts = slots.iter().map(|slot| slot.failures.iter().find(|(known, _)| *known == reason));
            (reason.to_owned(), counts.map(|found| found.map_or(0, |&(_, count)| count)).collect())
        });
        OperationSeries {
            name: name.to_owned(),
            asked: counts(|slot| slot.asked),
            done: counts(|slot| slot.done),
            not_modified: counts(|slot| slot.not_modified),
            refused: counts(|slot| slot.refused),
            failed: counts(|slot| slot.failed),
            failed_by_reason: reasons.collect(),
            received_bytes: counts(|slot| slot.bytes),
            p50_ms: times(|slot| slot.latency.percentile_ms(50.0)),
            p90_ms: times(|slot| slot.latency.percentile_ms(90.0)),
            p99_ms: times(|slot| slot.latency.percentile_ms(99.0)),
            max_ms: times(|slot| slot.latency.longest_ms()),
            waited_max_ms: times(|slot| slot.waited_ms()),
            windows: windows(&slots, seconds),
        }
    }
}

impl Span {
    fn add(&mut self, at: Duration) {
        self.first = if self.count == 0 { at } else { self.first.min(at) };
        self.last = self.last.max(at);
        self.count += 1;
    }

    /// The mean rate from the first to the last. None for fewer than two, which have no distance.
    fn per_second(self) -> Option<f64> {
        let seconds = self.last.saturating_sub(self.first).as_secs_f64();
        (self.count > 1 && seconds > 0.0).then(|| round((self.count - 1) as f64 / seconds))
    }
}
