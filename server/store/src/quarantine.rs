//! Setting aside rows that break an invariant, so that their feed goes on without them.
//!
//! A bad row is never sealed, never signed and never skipped: its feed stands still until somebody sets it aside. Then the publication moves to a
//! table of its own, where nothing is published from. What was said of the key or report stays where it is, so that it stays known: a repeat of the
//! upload changes nothing. What is set aside is kept for [`SET_ASIDE_FOR`], and may return until then.

use async_trait::async_trait;
use proto::Feed;

use crate::audit::Act;
use crate::bad_entry::{BadEntry, EntryName};
use crate::error::StoreError;
use crate::recall::Recalled;

/// For how long what was set aside is kept, in seconds: 30 days.
pub const SET_ASIDE_FOR: i64 = 30 * 86_400;

/// What the invariants say of a feed's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The rows that break one, those that wait first.
    pub entries: Vec<BadEntry>,
    /// The bundles whose members, though each is sound, are not those that were sealed: some are missing, added or changed. Their sequences.
    pub bundles: Vec<u64>,
}

/// Which entries are to be set aside or to return.
#[derive(Debug, Clone)]
pub struct QuarantineOrder {
    /// Of which feed.
    pub feed: Feed,
    /// Which.
    pub entries: Vec<EntryName>,
    /// What is written down for the audit in the same transaction, if anything changes; its outcome is filled in. None: nothing is changed, and it
    /// is said what would be.
    pub act: Option<Act>,
}

/// What was set aside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetAside {
    /// How many publications that waited.
    pub waiting: u64,
    /// The bundles that had been sealed with some of them, and never derived: they are void, and their good members wait again.
    pub voided: Vec<Recalled>,
    /// Entries that only a derived bundle has: it has to be recalled without them.
    pub published: Vec<(EntryName, u64)>,
    /// Entries that had been set aside before.
    pub before: Vec<EntryName>,
    /// Entries that the feed does not have.
    pub unknown: Vec<EntryName>,
}

impl SetAside {
    /// Whether anything was changed.
    pub fn is_nothing(&self) -> bool {
        self.waiting == 0 && self.voided.is_empty()
    }

    /// As it stands in the audit.
    pub(crate) fn to_json(&self) -> String {
        let voided: Vec<String> = self.voided.iter().map(Recalled::to_json).collect();
        format!("{{\"waiting\":{},\"voided\":[{}]}}", self.waiting, voided.join(","))
    }
}

/// A publication that is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Whose.
    pub entry: EntryName,
    /// Its revision.
    pub revision: u32,
    /// The UTC day on which it was set aside: its first second.
    pub day: proto::Timestamp,
    /// What keeps it from returning; none if nothing does.
    pub breaks: Option<String>,
}

/// What returned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Released {
    /// How many publications wait again.
    pub returned: u64,
    /// Entries that did not return, and why.
    pub refused: Vec<(EntryName, String)>,
}

impl Released {
    /// As it stands in the audit.
    pub(crate) fn to_json(&self) -> String {
        format!("{{\"returned\":{},\"refused\":{}}}", self.returned, self.refused.len())
    }
}

/// Sets aside what breaks an invariant.
#[async_trait]
pub trait Quarantine: Send + Sync {
    /// Looks at every row of a feed that waits or that a live bundle has, with the eyes of the seal and of whoever derives; changes nothing. The
    /// signatures of reports are checked too.
    async fn inspect_rows(&self, feed: &Feed) -> Result<Findings, StoreError>;

    /// Sets entries aside, in one transaction under the lock of the seals. Whether they break an invariant is not asked: they were named.
    async fn set_aside(&self, order: &QuarantineOrder) -> Result<SetAside, StoreError>;

    /// What is set aside in a feed, in the order of names.
    async fn quarantined(&self, feed: &Feed) -> Result<Vec<Quarantined>, StoreError>;

    /// Lets entries wait again that break no invariant any more: the owner of the database may have mended them. They are released at the next
    /// quarter of an hour, and never earlier than the rule of release says. What was withdrawn or taken back meanwhile does not return, nor what a
    /// later word overtook.
    async fn release(&self, order: &QuarantineOrder) -> Result<Released, StoreError>;

    /// Forgets what was set aside [`SET_ASIDE_FOR`] ago, and keys and reports that nothing else needs; how many publications.
    async fn forget_quarantined(&self) -> Result<u64, StoreError>;
}

/// Why an entry does not return that breaks no invariant.
pub(crate) const OVERTAKEN: &str =
    "something of it waits or is published in this feed, and what is set aside would come after it";
/// Why another does not.
pub(crate) const TAKEN_BACK: &str = "it was taken back meanwhile, or is not known any more";
