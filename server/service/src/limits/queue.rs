//! How many requests are worked on at once, and how many wait for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::settings::LimitSettings;

/// How long a request waits. A service that does not get to it by then is so slow that phones give up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The queue. First come, first served.
pub(super) struct Queue {
    places: Arc<Semaphore>,
    waiting: AtomicU32,
    most_waiting: u32,
}

/// There is no room in the queue, or it did not move.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Counts one that waits for as long as it does.
struct Waiting<'a>(&'a AtomicU32);

impl Queue {
    /// An empty one.
    pub(super) fn new(settings: &LimitSettings) -> Self {
        let places = usize::try_from(settings.requests_at_once).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            waiting: AtomicU32::new(0),
            most_waiting: settings.requests_waiting,
        }
    }

    /// Whether whoever comes now would find no room.
    pub(super) fn is_full(&self) -> bool {
        self.places.available_permits() == 0 && self.waiting.load(Ordering::Relaxed) >= self.most_waiting
    }

    /// Waits for its turn, and has a place until the permit is dropped.
    pub(super) async fn enter(&self) -> Result<OwnedSemaphorePermit, Full> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let _waiting = Waiting::enter(&self.waiting, self.most_waiting)?;
        let place = timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await.map_err(|_| Full)?;
        Ok(place.expect("the semaphore is never closed"))
    }
}

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicU32, most: u32) -> Result<Self, Full> {
        let next = |waiting: u32| (waiting < most).then_some(waiting + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map_err(|_| Full)?;
        Ok(Self(count))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt as _;

    use super::*;

    #[actix_web::test]
    async fn so_many_work_so_many_wait_and_more_hear_so_at_once() {
        let settings = LimitSettings { requests_at_once: 1, requests_waiting: 2, ..LimitSettings::default() };
        let queue = Queue::new(&settings);
        let first = queue.enter().await.expect("a place");
        let (mut second, mut third) = (pin!(queue.enter()), Box::pin(queue.enter()));
        assert!((&mut second).now_or_never().is_none() && !queue.is_full());
        assert!((&mut third).now_or_never().is_none());
        assert!(queue.is_full());
        assert_eq!(queue.enter().await.err(), Some(Full));
        // One that goes away while it waits leaves its room to another.
        drop(third);
        assert!(!queue.is_full());
        drop(first);
        let second = second.await.expect("its turn");
        assert!(!queue.is_full());
        drop(second);
        assert!(queue.enter().await.is_ok());
    }
}
