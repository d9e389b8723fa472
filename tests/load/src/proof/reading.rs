//! Reading a feed as somebody outside does who has nothing but the public keys: crate `client`, from index and manifest to the last bundle.

use std::collections::{BTreeMap, BTreeSet};

use client::{ClientError, FeedState, Fetched, Http, Subscription, Synced, Trust};
use proto::Feed;
use sha2::{Digest as _, Sha256};

use super::count::Count;
use crate::ledger::Sent;
use crate::settings::Place;

/// How often a list is asked for in one reading: a reading spends a budget of bytes, and the next one goes on.
const ROUNDS: u32 = 100;

/// A feed that is being read.
pub(super) struct Reading {
    subscription: Subscription,
    state: FeedState,
    pub(super) count: Count,
    seen: Seen,
    /// Whether the feed may not be there at all.
    optional: bool,
    /// Whether it is.
    pub(super) is_there: bool,
}

/// What outlasts a reading.
#[derive(Clone, Default)]
struct Seen {
    /// SHA-256 of each bundle when it was first read, by its path.
    bundles: BTreeMap<String, [u8; 32]>,
    /// What must never have been so, however good everything looks later. In whole sentences.
    faults: BTreeSet<String>,
}

impl Reading {
    /// From the beginning, looking for so many keys.
    pub(super) fn begin(http: &Http, cdn: &Place, (feed, trust): (&Feed, &Trust), sent: usize) -> Self {
        let subscription = Subscription::new(http.clone(), cdn.base(), feed.clone(), trust.clone());
        let (state, count, seen) = (FeedState::default(), Count::new(sent), Seen::default());
        Self { subscription, state, count, seen, optional: false, is_there: false }
    }

    /// The same of a feed that need not be there: a region whose people report nothing without a certificate has none for that.
    pub(super) fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// Which feed it is.
    pub(super) const fn feed(&self) -> &Feed {
        self.subscription.feed()
    }

    /// The same feed from the beginning: what was read before may have been recalled since, or have changed, and is compared.
    pub(super) fn anew(&self, sent: usize) -> Self {
        let (subscription, state) = (self.subscription.clone(), FeedState::default());
        let (count, seen, optional) = (Count::new(sent), self.seen.clone(), self.optional);
        Self { subscription, state, count, seen, optional, is_there: false }
    }

    /// Remembers what a later reading saw, too.
    pub(super) fn remember(&mut self, later: Self) {
        self.seen = later.seen;
    }

    /// Reads what is new, and says in whole sentences what does not hold now.
    pub(super) async fn go_on(&mut self, sent: &[Sent]) -> Vec<String> {
        let Self { subscription, state, count, seen, optional, is_there } = self;
        let mut last = Vec::new();
        for _ in 0..ROUNDS {
            let keep = |fetched: Fetched| {
                count.take(sent, &fetched.bundle.entries);
                seen.bundle(&fetched.path, Sha256::digest(&fetched.zip).into());
            };
            let synced = match subscription.sync(state, keep).await {
                Ok(synced) => synced,
                // Object stores say 403 of what is not there to those who may not list.
                Err(ClientError::Refused { status: 403 | 404, .. }) if *optional => return Vec::new(),
                Err(error) => {
                    let fault = format!("{} cannot be read: {error}.", subscription.feed());
                    if matches!(error, ClientError::Forked { .. }) {
                        seen.faults.insert(fault.clone());
                    }
                    return vec![fault];
                }
            };
            *is_there = true;
            last = seen.judge(subscription.feed(), &synced);
            if synced.fetched == 0 {
                break;
            }
        }
        last
    }

    /// What does not hold and never will, whatever is read later.
    pub(super) fn lasting(&self) -> Vec<String> {
        let Count { changed, unasked, .. } = self.count;
        let mut faults: Vec<String> = self.seen.faults.iter().cloned().collect();
        let feed = self.feed();
        if changed > 0 {
            faults.push(format!(
                "{changed} keys of {feed} are published with another start or period than they were sent with."
            ));
        }
        if unasked > 0 {
            faults.push(format!("{unasked} keys of {feed} are revised or withdrawn, which nobody asked for."));
        }
        faults
    }
}

impl Seen {
    /// Takes note of a bundle, which must be what it was.
    fn bundle(&mut self, path: &str, sha256: [u8; 32]) {
        let first = *self.bundles.entry(path.to_owned()).or_insert(sha256);
        if first != sha256 {
            self.faults.insert(format!("{path} has changed since it was first read."));
        }
    }

    /// What does not hold in a round, and of it what may never happen.
    fn judge(&mut self, feed: &Feed, synced: &Synced) -> Vec<String> {
        let mut now = Vec::new();
        for failed in &synced.failed {
            let fault = format!("{}: {}.", failed.path, failed.error);
            if matches!(failed.error, ClientError::NotAsListed(_)) {
                self.faults.insert(fault.clone());
            }
            now.push(fault);
        }
        if synced.went_backwards {
            let fault = format!("the manifest of {feed} went backwards.");
            self.faults.insert(fault.clone());
            now.push(fault);
        }
        // While bundles come, a list may be ahead of the other.
        if synced.fetched == 0 && synced.failed.is_empty() && !synced.postponed.is_empty() {
            let count = synced.postponed.len();
            now.push(format!("{count} bundles stand in the index of {feed} and not in its manifest."));
        }
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed() -> Feed {
        Feed::verified("XA".parse().expect("a region"), proto::Kind::Gaen)
    }

    #[test]
    fn a_bundle_may_be_read_again_and_may_not_change() {
        let mut seen = Seen::default();
        seen.bundle("XA/gaen/1", [1; 32]);
        seen.bundle("XA/gaen/2", [2; 32]);
        seen.bundle("XA/gaen/1", [1; 32]);
        assert!(seen.faults.is_empty());
        seen.bundle("XA/gaen/1", [3; 32]);
        assert_eq!(seen.faults.len(), 1);
    }

    #[test]
    fn what_only_the_index_knows_is_a_fault_once_nothing_more_comes() {
        let mut seen = Seen::default();
        let postponed = || vec!["XA/gaen/1".to_owned()];
        let coming = Synced { fetched: 1, postponed: postponed(), ..Synced::default() };
        assert!(seen.judge(&feed(), &coming).is_empty());
        let left = Synced { postponed: postponed(), ..Synced::default() };
        assert_eq!(seen.judge(&feed(), &left).len(), 1);
        assert!(seen.faults.is_empty(), "it may be listed later");
    }

    #[test]
    fn a_manifest_that_went_backwards_is_never_forgotten() {
        let mut seen = Seen::default();
        let backwards = Synced { went_backwards: true, ..Synced::default() };
        assert_eq!(seen.judge(&feed(), &backwards).len(), 1);
        assert!(seen.judge(&feed(), &Synced::default()).is_empty());
        assert_eq!(seen.faults.len(), 1);
    }
}
