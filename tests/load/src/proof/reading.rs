//! Reading a feed as somebody outside does who has nothing but the public keys: crate `client`, from index and manifest to the last bundle.

use client::{FeedState, Http, Subscription, Trust};
use proto::Feed;

use super::count::Count;
use crate::ledger::Identity;
use crate::settings::Place;

/// How often a list is asked for in one reading: a reading spends a budget of bytes, and the next one goes on.
const ROUNDS: u32 = 100;

/// A feed that is being read.
pub(super) struct Reading {
    subscription: Subscription,
    state: FeedState,
    pub(super) count: Count,
}

impl Reading {
    /// From the beginning, looking for so many keys.
    pub(super) fn begin(http: &Http, cdn: &Place, (feed, trust): (&Feed, &Trust), sent: usize) -> Self {
        let subscription = Subscription::new(http.clone(), cdn.base(), feed.clone(), trust.clone());
        Self { subscription, state: FeedState::default(), count: Count::new(sent) }
    }

    /// Which feed it is.
    pub(super) const fn feed(&self) -> &Feed {
        self.subscription.feed()
    }

    /// The same feed from the beginning: what was read before may have been recalled since, or have changed.
    pub(super) fn anew(&self, sent: usize) -> Self {
        let (subscription, state) = (self.subscription.clone(), FeedState::default());
        Self { subscription, state, count: Count::new(sent) }
    }

    /// Reads what is new, and says in whole sentences what does not hold.
    pub(super) async fn go_on(&mut self, sent: &[(Identity, bool)]) -> Vec<String> {
        let Self { subscription, state, count } = self;
        let mut last = Vec::new();
        for _ in 0..ROUNDS {
            let synced = subscription.sync(state, |fetched| count.take(sent, &fetched.bundle.entries)).await;
            let synced = match synced {
                Ok(synced) => synced,
                Err(error) => return vec![format!("{} cannot be read: {error}.", subscription.feed())],
            };
            last = synced.failed.iter().map(|failed| format!("{}: {}.", failed.path, failed.error)).collect();
            if synced.went_backwards {
                last.push(format!("the manifest of {} went backwards.", subscription.feed()));
            }
            if synced.fetched == 0 {
                break;
            }
        }
        last
    }
}
