//! How often each key that was sent is published in a feed. A byte a key and feed, beside the keys themselves.

use proto::bundle::Entries;

use crate::ledger::{Identity, Mark, Sent};
use crate::person;

/// What a feed holds of what was sent.
#[derive(Clone)]
pub(super) struct Count {
    /// How often each was found, in the order of the ledger; 255 means at least as often.
    found: Vec<u8>,
    /// Entries that nobody sent here.
    pub(super) others: u64,
    /// Entries that were sent, and are published with something else beside their bytes than they were sent with.
    pub(super) changed: u64,
    /// Entries that were sent and revised or withdrawn, which nobody asked for.
    pub(super) unasked: u64,
    /// Bundles that were read.
    pub(super) bundles: u64,
}

/// All feeds of a kind together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) acknowledged: u64,
    pub(super) published: u64,
    pub(super) missing: u64,
    pub(super) twice: u64,
    pub(super) unacknowledged: u64,
    pub(super) unacknowledged_published: u64,
}

impl Count {
    /// Nothing found yet of so many.
    pub(super) fn new(sent: usize) -> Self {
        Self { found: vec![0; sent], others: 0, changed: 0, unasked: 0, bundles: 0 }
    }

    /// Looks for what was sent, in order, in a bundle. What a bundle revises or withdraws is a later word on what was published before, so it is not
    /// counted; but this program asks for no such word.
    pub(super) fn take(&mut self, sent: &[Sent], entries: &Entries) {
        self.bundles += 1;
        match entries {
            Entries::Gaen { keys, revised } => {
                keys.iter().for_each(|entry| self.find(sent, person::mark_of_key(&entry.key)));
                revised.iter().for_each(|entry| self.object(sent, entry.key.data()));
            }
            Entries::Tcn { reports, withdrawn } => {
                reports.iter().for_each(|entry| self.find(sent, person::mark_of_report(&entry.report)));
                withdrawn.iter().for_each(|digest| self.object(sent, &person::mark_of_digest(digest).0));
            }
        }
    }

    /// How many entries of what was sent were found, each as often as it was.
    pub(super) fn total(&self) -> u64 {
        self.found.iter().map(|found| u64::from(*found)).sum()
    }

    fn find(&mut self, sent: &[Sent], (identity, shape): Mark) {
        match place(sent, &identity) {
            Some(at) => {
                self.found[at] = self.found[at].saturating_add(1);
                self.changed += u64::from(sent[at].shape != shape);
            }
            None => self.others += 1,
        }
    }

    fn object(&mut self, sent: &[Sent], identity: &Identity) {
        self.unasked += u64::from(place(sent, identity).is_some());
    }
}

/// Where it stands among all that was sent, in order.
fn place(sent: &[Sent], identity: &Identity) -> Option<usize> {
    sent.binary_search_by(|known| known.identity.cmp(identity)).ok()
}

/// What the feeds of a kind say of what was sent: published is what each of them has exactly once.
pub(super) fn summary(sent: &[Sent], feeds: &[&Count]) -> Summary {
    let mut summary = Summary::default();
    for (at, Sent { acknowledged, .. }) in sent.iter().enumerate() {
        let found = || feeds.iter().map(|feed| feed.found[at]);
        let (fewest, most) = (found().min().unwrap_or_default(), found().max().unwrap_or_default());
        // Nothing may be published twice, whether or not its sender ever heard of it.
        summary.twice += u64::from(most > 1);
        if *acknowledged {
            summary.acknowledged += 1;
            summary.missing += u64::from(fewest == 0);
            summary.published += u64::from((fewest, most) == (1, 1));
        } else {
            summary.unacknowledged += 1;
            summary.unacknowledged_published += u64::from((fewest, most) == (1, 1));
        }
    }
    summary
}

#[cfg(test)]
mod tests {
    use proto::bundle::GaenEntry;
    use proto::gaen::TemporaryExposureKey;
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn key(byte: u8, period: i64) -> TemporaryExposureKey {
        TemporaryExposureKey::new(&[byte; 16], 144, period).expect("a key")
    }

    fn entry(key: TemporaryExposureKey) -> GaenEntry {
        GaenEntry { key, transmission_risk: 0, report_type: None, days_since_onset: None }
    }

    fn sent(byte: u8, acknowledged: bool) -> Sent {
        let (identity, shape) = person::mark_of_key(&key(byte, 144));
        Sent { identity, shape, acknowledged }
    }

    /// With these keys, and one that is revised and nobody's here.
    fn bundle(keys: &[u8]) -> Entries {
        let entry = |byte: &u8| entry(key(*byte, 144));
        Entries::Gaen { keys: keys.iter().map(entry).collect(), revised: vec![entry(&9)] }
    }

    fn counted(sent: &[Sent], bundles: &[&[u8]]) -> Count {
        let mut count = Count::new(sent.len());
        bundles.iter().for_each(|keys| count.take(sent, &bundle(keys)));
        count
    }

    #[test]
    fn what_is_there_once_in_every_feed_is_published_and_nothing_else() {
        let sent = [sent(1, true), sent(2, true), sent(3, true), sent(4, false), sent(5, false)];
        let whole = counted(&sent, &[&[1, 2, 9], &[3, 4]]);
        assert_eq!((whole.others, whole.bundles), (1, 2));
        let expected = Summary {
            acknowledged: 3,
            published: 3,
            unacknowledged: 2,
            unacknowledged_published: 1,
            ..Summary::default()
        };
        assert_eq!(summary(&sent, &[&whole]), expected);

        let lacking = counted(&sent, &[&[1, 2, 4]]);
        let lost = Summary { published: 2, missing: 1, ..expected };
        assert_eq!(summary(&sent, &[&whole, &lacking]), lost);

        let doubled = counted(&sent, &[&[1, 2], &[2, 3, 4]]);
        let twice = summary(&sent, &[&whole, &doubled]);
        assert_eq!((twice.published, twice.missing, twice.twice), (2, 0, 1));
    }

    #[test]
    fn what_is_published_is_what_was_sent_and_revised_by_nobody() {
        let sent = [sent(1, true), sent(2, true)];
        let count = counted(&sent, &[&[1, 2]]);
        assert_eq!((count.changed, count.unasked), (0, 0));
        let mut count = Count::new(2);
        count.take(&sent, &Entries::Gaen { keys: vec![entry(key(1, 143))], revised: vec![entry(key(2, 144))] });
        assert_eq!((count.changed, count.unasked, summary(&sent, &[&count]).missing), (1, 1, 1));
    }

    #[test]
    fn a_report_is_withdrawn_by_its_digest() {
        let report = person::report(&mut crate::clock::chance());
        let (identity, shape) = person::mark_of_report(&report);
        let mut count = Count::new(1);
        let withdrawn = vec![Sha256::digest(report.as_bytes()).into()];
        count.take(&[Sent { identity, shape, acknowledged: true }], &Entries::Tcn { reports: Vec::new(), withdrawn });
        assert_eq!(count.unasked, 1);
    }

    #[test]
    fn what_nobody_acknowledged_may_be_missing_and_may_not_be_there_twice() {
        let sent = [sent(1, false)];
        assert_eq!(summary(&sent, &[&counted(&sent, &[])]).twice, 0);
        assert_eq!(summary(&sent, &[&counted(&sent, &[&[1], &[1]])]).twice, 1);
    }
}
