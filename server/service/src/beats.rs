//! The clock of what a running service does by itself.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// A beat every so often, the first one at once, for as long as somebody is there to work for. Work that takes longer than a period delays the
/// beats after it, so that a slow database is not asked for everything that was missed.
pub struct Beats<F> {
    clock: Interval,
    next: u64,
    is_wanted: F,
}

impl<F: Fn() -> bool> Beats<F> {
    /// Beats until nobody wants them any more. To be called inside a Tokio runtime.
    pub fn every(period: Duration, is_wanted: F) -> Self {
        let mut clock = interval(period);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { clock, next: 0, is_wanted }
    }

    /// Waits for the next beat: its number, from 0, or nothing once nobody wants it.
    pub async fn next(&mut self) -> Option<u64> {
        self.clock.tick().await;
        let beat = self.next;
        self.next += 1;
        (self.is_wanted)().then_some(beat)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[actix_web::test]
    async fn beats_are_numbered_and_end_when_nobody_wants_them() {
        let wanted = Cell::new(true);
        let mut beats = Beats::every(Duration::from_millis(1), || wanted.get());
        assert_eq!([beats.next().await, beats.next().await], [Some(0), Some(1)]);
        wanted.set(false);
        assert_eq!(beats.next().await, None);
    }
}
