//! How often each key that was sent is published in a feed. A byte a key and feed, beside the keys themselves.

use proto::bundle::Entries;

use crate::ledger::Identity;
use crate::person;

/// What a feed holds of what was sent.
#[derive(Clone)]
pub(super) struct Count {
    /// How often each was found, in the order of the ledger; 255 means at least as often.
    found: Vec<u8>,
    /// Entries that nobody sent here.
    pub(super) others: u64,
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
        Self { found: vec![0; sent], others: 0, bundles: 0 }
    }

    /// Looks for what was sent, in order, in a bundle. What a bundle revises or withdraws is a later word on what was published before, so it is not
    /// counted.
    pub(super) fn take(&mut self, sent: &[(Identity, bool)], entries: &Entries) {
        self.bundles += 1;
        match entries {
            Entries::Gaen { keys, .. } => keys.iter().for_each(|entry| self.find(sent, entry.key.data())),
            Entries::Tcn { reports, .. } => {
                reports.iter().for_each(|entry| self.find(sent, &person::identity(&entry.report)));
            }
        }
    }

    fn find(&mut self, sent: &[(Identity, bool)], identity: &Identity) {
        match sent.binary_search_by(|(known, _)| known.cmp(identity)) {
            Ok(at) => self.found[at] = self.found[at].saturating_add(1),
            Err(_) => self.others += 1,
        }
    }
}

/// What the feeds of a kind say of what was sent: published is what each of them has exactly once.
pub(super) fn summary(sent: &[(Identity, bool)], feeds: &[&Count]) -> Summary {
    let mut summary = Summary::default();
    for (at, (_, acknowledged)) in sent.iter().enumerate() {
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

    use super::*;

    fn bundle(keys: &[u8]) -> Entries {
        let entry = |byte: &u8| GaenEntry {
            key: TemporaryExposureKey::new(&[*byte; 16], 144, 144).expect("a key"),
            transmission_risk: 0,
            report_type: None,
            days_since_onset: None,
        };
        Entries::Gaen { keys: keys.iter().map(entry).collect(), revised: vec![entry(&1)] }
    }

    fn counted(sent: &[(Identity, bool)], bundles: &[&[u8]]) -> Count {
        let mut count = Count::new(sent.len());
        bundles.iter().for_each(|keys| count.take(sent, &bundle(keys)));
        count
    }

    #[test]
    fn what_is_there_once_in_every_feed_is_published_and_nothing_else() {
        let sent = [([1; 16], true), ([2; 16], true), ([3; 16], true), ([4; 16], false), ([5; 16], false)];
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
    fn what_nobody_acknowledged_may_be_missing_and_may_not_be_there_twice() {
        let sent = [([1; 16], false)];
        assert_eq!(summary(&sent, &[&counted(&sent, &[])]).twice, 0);
        assert_eq!(summary(&sent, &[&counted(&sent, &[&[1], &[1]])]).twice, 1);
    }
}
