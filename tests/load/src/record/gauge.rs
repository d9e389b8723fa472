//! Values that go up and down during a run: requests in flight, connections, memory.

use super::spread::round;
use super::timeline::Absorb;

/// One gauge in one slot of the timeline.
#[derive(Clone, Debug, Default)]
pub(super) struct Gauge {
    sum: f64,
    count: u64,
    highest: f64,
}

impl Gauge {
    pub(super) fn add(&mut self, value: f64) {
        self.highest = if self.count == 0 { value } else { self.highest.max(value) };
        self.sum += value;
        self.count += 1;
    }

    /// None if nothing was told in this slot.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| round(self.sum / self.count as f64))
    }

    /// None if nothing was told in this slot.
    pub(super) fn highest(&self) -> Option<f64> {
        (self.count > 0).then(|| round(self.highest))
    }
}

impl Absorb for Gauge {
    fn absorb(&mut self, next: &Self) {
        if next.count > 0 {
            self.highest = if self.count == 0 { next.highest } else { self.highest.max(next.highest) };
            self.sum += next.sum;
            self.count += next.count;
        }
    }
}
