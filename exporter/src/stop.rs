//! Ending a pass between two of its steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Asks passes to end: steps that have begun are finished, and none begins. Clones are one.
///
/// A pass that was asked to end stands still before its next step and may be dropped there. What it has done is complete, what it has not is
/// done by the next pass.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    asked: AtomicBool,
    running: AtomicUsize,
    still: Notify,
}

/// A step that runs.
pub(crate) struct Running<'a>(&'a Inner);

impl Stop {
    /// Asks. There is no way back.
    pub fn ask(&self) {
        self.inner.asked.store(true, Ordering::SeqCst);
        self.inner.tell_if_still();
    }

    /// Whether somebody has asked.
    pub fn is_asked(&self) -> bool {
        self.inner.asked.load(Ordering::SeqCst)
    }

    /// Begins a step, which lasts until the answer is dropped. Never answers once somebody has asked to end.
    pub(crate) async fn begin(&self) -> Running<'_> {
        self.inner.running.fetch_add(1, Ordering::SeqCst);
        let running = Running(&self.inner);
        if self.is_asked() {
            drop(running);
            return std::future::pending().await;
        }
        running
    }

    /// Waits until somebody has asked and no step runs.
    pub(crate) async fn still(&self) {
        loop {
            let told = self.inner.still.notified();
            if self.inner.is_still() {
                return;
            }
            told.await;
        }
    }
}

impl Inner {
    fn is_still(&self) -> bool {
        self.asked.load(Ordering::SeqCst) && self.running.load(Ordering::SeqCst) == 0
    }

    fn tell_if_still(&self) {
        if self.is_still() {
            self.still.notify_waiters();
            self.still.notify_one();
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        self.0.tell_if_still();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_that_has_begun_ends_and_none_begins_after_it() {
        let stop = Stop::default();
        let first = stop.begin().await;
        stop.ask();
        assert!(stop.is_asked() && !stop.inner.is_still());
        let (asked, waiting) = (stop.clone(), stop.clone());
        let second = tokio::spawn(async move { drop(asked.begin().await) });
        let still = tokio::spawn(async move { waiting.still().await });
        drop(first);
        still.await.expect("it is still");
        assert!(!second.is_finished(), "it stands before its step for ever");
        second.abort();
        stop.still().await;
    }
}
