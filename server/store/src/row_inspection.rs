//! Looking at rows with the eyes of the seal and of whoever derives.

use proto::{Feed, Timestamp};

use crate::bad_entry::{BadEntry, EntryPlace};
use crate::bundles::Member;
use crate::error::StoreError;
use crate::member_digest::MemberDigest;
use crate::quarantine::Findings;
use crate::stored::Stored;

/// What is wrong with a report whose signature does not hold.
const SIGNATURE: &str = "signed_report: its signature does not hold";

/// What one bundle, or what waits, looks like so far.
pub(crate) struct Looked<'a> {
    feed: &'a Feed,
    place: EntryPlace,
    findings: &'a mut Findings,
    digest: MemberDigest,
    counts: [u64; 2],
    sound: bool,
}

impl<'a> Looked<'a> {
    /// Nothing has been looked at yet.
    pub(crate) fn new(feed: &'a Feed, place: EntryPlace, findings: &'a mut Findings) -> Self {
        Self { feed, place, findings, digest: MemberDigest::new(), counts: [0; 2], sound: true }
    }

    /// Looks at the next row, which leaves at a moment: that of its release, or the end of its bundle.
    pub(crate) fn row(&mut self, read: Result<Stored, StoreError>, leaves: Timestamp) -> Result<(), StoreError> {
        match read {
            Ok(stored) => {
                if let Some(breaks) = breaks(&stored, leaves) {
                    let (feed, place, entry) = (self.feed.clone(), self.place, stored.member.name());
                    self.findings.entries.push(BadEntry { feed, entry, place, breaks });
                }
                self.digest.push(stored.revised, &stored.member);
                self.counts[usize::from(stored.revised)] += 1;
                Ok(())
            }
            Err(StoreError::BadEntry(bad)) => {
                self.sound = false;
                self.findings.entries.push(*bad);
                Ok(())
            }
            Err(other) => Err(other),
        }
    }

    /// Compares a bundle whose rows can all be read with what was frozen of it.
    pub(crate) fn compare(self, sequence: u64, frozen: ([u64; 2], [u8; 32])) {
        if self.sound && (self.counts, self.digest.finish()) != frozen {
            self.findings.bundles.push(sequence);
        }
    }
}

/// What is wrong with a row that can be read.
fn breaks(stored: &Stored, leaves: Timestamp) -> Option<String> {
    if let Err(StoreError::Corrupt(why)) = stored.ensure_released(leaves) {
        return Some(why);
    }
    match &stored.member {
        Member::Tcn(entry) if entry.report.verify().is_err() => Some(SIGNATURE.to_owned()),
        _ => None,
    }
}
