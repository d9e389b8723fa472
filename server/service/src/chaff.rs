//! Chaff: requests that say of themselves that they carry nothing. They are answered like real ones, after work of the same kinds: less
//! than half as much, which the raster hides.
//!
//! What that costs is bounded: each process works for so much chaff in a second and no more. What comes beyond is answered alike without any work,
//! and the raster hides that. Ten million phones that send all three requests of an upload once in five days are 69 requests a second, and three
//! times as many in the evening; that is what one process works for unless it is told otherwise.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::guard::{Guard, fn_guard};
use proto::api::CHAFF_HEADER;

use crate::metrics::{Metrics, SteppedCounter};

/// For how much chaff a second a process works unless it is told otherwise.
pub const CHAFF_PER_SECOND: u32 = 200;

/// How much chaff is worked for, and how much was answered.
pub struct ChaffBudget {
    per_second: u32,
    /// Guards what is left of the budget, in requests, and when that was last filled up.
    left: Mutex<(f64, Instant)>,
    worked: SteppedCounter,
    unworked: SteppedCounter,
}

/// For routes: whether a request is chaff.
pub fn is_chaff() -> impl Guard {
    fn_guard(|context| context.head().headers().contains_key(CHAFF_HEADER))
}

impl ChaffBudget {
    /// Works for so many a second, and for as many at once. What is answered is counted as `{prefix}_chaff`.
    pub fn new(per_second: u32, metrics: &Metrics, prefix: &str) -> Self {
        let help = "Chaff that was answered, by whether it was within the budget and cost what a real request costs";
        let labels: [&[(&str, &str)]; 2] = [&[("worked", "yes")], &[("worked", "no")]];
        let [worked, unworked] = metrics.stepped(&format!("{prefix}_chaff"), help, labels);
        Self { per_second, left: Mutex::new((f64::from(per_second), Instant::now())), worked, unworked }
    }

    /// The same with another number.
    #[must_use]
    pub fn with_rate(&self, per_second: u32) -> Self {
        let (worked, unworked) = (self.worked.clone(), self.unworked.clone());
        Self { per_second, left: Mutex::new((f64::from(per_second), Instant::now())), worked, unworked }
    }

    /// Counts one more, and says whether to work for it.
    pub fn admits_one(&self) -> bool {
        let admitted = self.take(Instant::now());
        if admitted { &self.worked } else { &self.unworked }.count();
        admitted
    }

    fn take(&self, now: Instant) -> bool {
        let mut guard = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, filled) = &mut *guard;
        let passed = now.checked_duration_since(*filled).unwrap_or(Duration::ZERO).as_secs_f64();
        let most = f64::from(self.per_second);
        *left = (*left + passed * most).min(most);
        *filled = now.max(*filled);
        let admitted = *left >= 1.0;
        *left -= f64::from(u8::from(admitted));
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_much_chaff_is_worked_for_in_a_second_and_no_more() {
        let metrics = Metrics::default();
        let budget = ChaffBudget::new(10, &metrics, "x");
        let start = Instant::now();
        let admitted =
            |millis: u64, tried: u32| (0..tried).filter(|_| budget.take(start + Duration::from_millis(millis))).count();
        assert_eq!(admitted(0, 100), 10, "at once");
        assert_eq!(admitted(500, 100), 5, "half a second later");
        assert_eq!(admitted(60_000, 100), 10, "a pause saves up no more than a second's");
        assert_eq!(admitted(0, 100), 0, "a clock of another thread that is behind gives nothing");
        assert!((0..100).all(|_| !ChaffBudget::new(0, &Metrics::default(), "x").take(start)));
    }

    #[test]
    fn chaff_is_counted_by_what_it_cost() {
        let metrics = Metrics::default();
        let budget = ChaffBudget::new(1, &metrics, "x");
        let admitted = (0..5).filter(|_| budget.admits_one()).count() as u64;
        metrics.step();
        let shown = metrics.render();
        assert!(shown.contains(&format!("x_chaff_total{{worked=\"yes\"}} {admitted}\n")), "{shown}");
        assert!(shown.contains(&format!("x_chaff_total{{worked=\"no\"}} {}\n", 5 - admitted)), "{shown}");
    }
}
