//! What a server keeps in memory of the sets that it follows.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::fetcher::Fetcher;

/// How often unknown keys make one server ask the database whether a set is due.
const HASTE: Duration = Duration::from_secs(60);
/// How often sets are fetched unless the settings say otherwise.
const PERIOD: Duration = Duration::from_secs(15 * 60);

/// Fetches sets, and knows of which ones somebody asked for a key that is not there.
pub(crate) struct Keeper {
    /// How often sets are fetched while nothing fails.
    pub(crate) period: Duration,
    pub(crate) fetcher: Fetcher,
    wake: Notify,
    /// Guards the authorities with unknown keys: when one was last asked for, and whether it is still to be told to the database.
    wanted: Mutex<BTreeMap<String, Wanted>>,
}

struct Wanted {
    at: Instant,
    pending: bool,
}

impl Keeper {
    /// A keeper that fetches every quarter of an hour.
    pub(crate) fn new() -> Self {
        Self::every(PERIOD)
    }

    /// A keeper that fetches so often.
    pub(crate) fn every(period: Duration) -> Self {
        Self { period, fetcher: Fetcher::new(), wake: Notify::new(), wanted: Mutex::default() }
    }

    /// Notes that an upload named a key that a registered authority does not have, as far as we know. Nobody waits for what comes of it, and
    /// little does: one attempt a minute, whatever is sent.
    pub(crate) fn want(&self, authority: &str) {
        let now = Instant::now();
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.get(authority).is_some_and(|last| now.duration_since(last.at) < HASTE) {
            return;
        }
        wanted.insert(authority.to_owned(), Wanted { at: now, pending: true });
        self.wake.notify_one();
    }

    /// The authorities that were wanted since this was last asked.
    pub(crate) fn take_wanted(&self) -> Vec<String> {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let take = |(authority, wanted): (&String, &mut Wanted)| {
            std::mem::take(&mut wanted.pending).then(|| authority.clone())
        };
        wanted.iter_mut().filter_map(take).collect()
    }

    /// Waits until something is wanted.
    pub(crate) async fn wanted(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn what_is_wanted_often_is_asked_for_once() {
        let keeper = Keeper::new();
        for _ in 0..1_000 {
            keeper.want("no");
        }
        keeper.want("se");
        keeper.wanted().await;
        assert_eq!(keeper.take_wanted(), ["no", "se"]);
        keeper.want("no");
        assert!(keeper.take_wanted().is_empty());
    }
}
