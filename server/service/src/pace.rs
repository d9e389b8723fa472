//! After how many ticks answers leave: after one, unless something takes long, and then all of them later.
//!
//! An answer that misses its tick leaves at the next one, and if answers of one kind missed theirs more often than others, that would tell. So when work
//! has taken half of a tick and is not done, every answer that is still to leave, of whatever kind, waits for one tick more, for a while. Whoever
//! would have been late is then in the company of all who asked at about the same time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long all answers are late after one would have been.
const HOLD: Duration = Duration::from_secs(30);
/// However slow something is, the others wait for no more ticks than this.
const MOST: u32 = 4;

/// The pace of all answers of a service.
pub(crate) struct Pace {
    /// Guards after how many ticks answers leave, and until when that is so.
    slow: Mutex<Option<(u32, Instant)>>,
}

impl Pace {
    /// Nothing takes long yet.
    pub(crate) const fn new() -> Self {
        Self { slow: Mutex::new(None) }
    }

    /// After how many ticks answers leave now.
    pub(crate) fn ticks(&self, now: Instant) -> u32 {
        let slow = *self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        slow.filter(|&(_, until)| now < until).map_or(1, |(ticks, _)| ticks)
    }

    /// Has all answers leave after so many ticks at least, from now on and for a while.
    pub(crate) fn slow_down(&self, ticks: u32, now: Instant) {
        let ticks = ticks.min(MOST).max(self.ticks(now));
        *self.slow.lock().unwrap_or_else(PoisonError::into_inner) = Some((ticks, now + HOLD));
    }
}
