//! The end of a run, for all who have to know of it.

use std::time::Instant;

use tokio::sync::watch;
use tokio::time::sleep_until;

/// When the load ends. Clones tell the same end.
#[derive(Clone)]
pub(crate) struct Stop {
    ends: watch::Receiver<Instant>,
    setter: watch::Sender<Instant>,
}

impl Stop {
    /// An end at this moment, unless it comes earlier.
    pub(crate) fn at(end: Instant) -> Self {
        let (setter, ends) = watch::channel(end);
        Self { ends, setter }
    }

    /// Ends now what would have ended later.
    pub(crate) fn now(&self) {
        let now = Instant::now();
        self.setter.send_if_modified(|end| std::mem::replace(end, now.min(*end)) > now);
    }

    /// When it is, as far as anybody knows yet.
    pub(crate) fn moment(&self) -> Instant {
        *self.ends.borrow()
    }

    /// Waits until it has come.
    pub(crate) async fn come(&self) {
        let mut ends = self.ends.clone();
        loop {
            let end = *ends.borrow_and_update();
            tokio::select! {
                () = sleep_until(end.into()) => return,
                // The sender lives as long as any clone, this one among them.
                changed = ends.changed() => drop(changed),
            }
        }
    }

    /// Waits until a moment or the end, whichever is first; false if that is the end. A moment that has passed long ago may lie after the end, too:
    /// whoever is late must not take it for an invitation.
    pub(crate) async fn or(&self, moment: Instant) -> bool {
        tokio::select! {
            biased;
            () = sleep_until(moment.into()) => moment <= self.moment(),
            () = self.come() => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn an_end_may_come_earlier_and_never_later() {
        let hour = Duration::from_secs(3_600);
        let stop = Stop::at(Instant::now() + hour);
        let waiting = tokio::spawn({
            let stop = stop.clone();
            async move { stop.or(Instant::now() + 2 * hour).await }
        });
        assert!(stop.or(Instant::now()).await);
        stop.now();
        assert!(!waiting.await.expect("it waits"));
        let moment = stop.moment();
        stop.now();
        assert_eq!(stop.moment(), moment);
        // What would have been after the end is not let in because it is past by now.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(stop.or(moment).await && !stop.or(moment + Duration::from_millis(1)).await);
    }
}
