//! Whether this machine keeps up: somebody who wakes ten times a second and looks how late it is.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::drive::Driver;

/// Between two looks.
const BEAT: Duration = Duration::from_millis(100);

/// Tells how many arrivals are under way, and how much later than it wanted to it woke: that much, and not less, everything here may be late. It goes
/// on until it is stopped.
pub(crate) async fn watch(driver: Driver) {
    let mut beat = Instant::now() + BEAT;
    loop {
        tokio::time::sleep_until(beat.into()).await;
        let now = Instant::now();
        let late = now.saturating_duration_since(beat).as_secs_f64() * 1_000.0;
        driver.recorder.gauge("under_way_arrivals", driver.under_way.load(Ordering::Relaxed) as f64, now);
        driver.recorder.gauge("machine_late_ms", late, now);
        beat = now.max(beat) + BEAT;
    }
}
