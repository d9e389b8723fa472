//! Publishing what phones move.

use std::time::Duration;

use proto::Timestamp;

use super::registry::Metrics;
use crate::beats::Beats;

/// How often it is looked whether a step is over: processes differ by no more than that, and their clocks.
const LOOK: Duration = Duration::from_millis(250);

/// Publishes at the end of each step, for as long as somebody is there to work for. Nothing else is done in between, so that no slow database makes one
/// process publish later than others.
pub async fn publish_in_steps(metrics: &Metrics, now: impl Fn() -> Timestamp, is_wanted: impl Fn() -> bool) {
    let mut beats = Beats::every(LOOK, is_wanted);
    while beats.next().await.is_some() {
        metrics.step_if_over(now());
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::{Arc, Mutex};

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_counted_is_published_every_five_minutes_of_the_clock() {
        let metrics = Metrics::default();
        let published = Arc::new(Mutex::new(Vec::new()));
        let began = Instant::now();
        // The process starts two minutes after a step, and half a second into a second.
        let now = move || Timestamp::from_unix((120_500 + began.elapsed().as_millis() as i64) / 1_000);
        let noted = Arc::clone(&published);
        metrics.before_steps(move || noted.lock().expect("whole").push(began.elapsed().as_millis()));
        let looks = Cell::new(0);
        let is_wanted = || {
            looks.set(looks.get() + 1);
            looks.get() < 5_000
        };
        publish_in_steps(&metrics, now, is_wanted).await;
        let published = published.lock().expect("whole").clone();
        // At once; then no earlier than after a whole step, on the clock's multiples, and later by one look at most.
        assert_eq!(published[0], 0);
        let wall: Vec<u128> = published[1..].iter().map(|at| at + 120_500).collect();
        assert_eq!(wall.iter().map(|at| at / 1_000).collect::<Vec<_>>(), [600, 900, 1_200]);
        assert!(wall.iter().all(|at| at % 300_000 <= LOOK.as_millis()), "{wall:?}");
    }
}
