//! What one operation did in one slot of the timeline.

use std::time::Duration;

use super::outcome::Outcome;
use super::spread::{Spread, micros, milliseconds};
use super::timeline::Absorb;

/// One operation in one slot. Counts belong to the slot in which the answer came, latencies to the slot in which the request was due:
/// a second in which everything stalls shows as the wait of those who came in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    pub(super) asked: u64,
    pub(super) done: u64,
    pub(super) not_modified: u64,
    pub(super) refused: u64,
    pub(super) failed: u64,
    pub(super) bytes: u64,
    pub(super) latency: Spread,
    /// The longest wait for the load machine itself. None if nobody told when requests were sent.
    pub(super) waited: Option<Duration>,
    /// Why requests failed: a handful of words at most.
    pub(super) failures: Vec<(&'static str, u64)>,
}

impl Slot {
    pub(super) fn count(&mut self, outcome: Outcome, bytes: u64) {
        self.bytes += bytes;
        match outcome {
            Outcome::Done => self.done += 1,
            Outcome::NotModified => self.not_modified += 1,
            Outcome::Refused(_) => self.refused += 1,
            Outcome::Failed(reason) => {
                self.failed += 1;
                self.fail(reason, 1);
            }
        }
    }

    /// The longest wait for the load machine in milliseconds.
    pub(super) fn waited_ms(&self) -> Option<f64> {
        self.waited.map(|waited| milliseconds(micros(waited)))
    }

    /// The bytes that it occupies beside itself.
    pub(super) fn heap_bytes(&self) -> usize {
        self.latency.heap_bytes() + self.failures.capacity() * size_of::<(&str, u64)>()
    }

    fn fail(&mut self, reason: &'static str, more: u64) {
        match self.failures.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += more,
            None => self.failures.push((reason, more)),
        }
    }
}

impl Absorb for Slot {
    fn absorb(&mut self, next: &Self) {
        self.asked += next.asked;
        self.done += next.done;
        self.not_modified += next.not_modified;
        self.refused += next.refused;
        self.failed += next.failed;
        self.bytes += next.bytes;
        self.latency.absorb(&next.latency);
        self.waited = self.waited.max(next.waited);
        for &(reason, count) in &next.failures {
            self.fail(reason, count);
        }
    }
}
