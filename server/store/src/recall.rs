//! Taking a bundle back: it leaves every list, and what is good in it waits once more.
//!
//! **What returns.** Every member becomes a waiting publication again, so that the next bundle carries it, exactly once. Where more was said of an
//! entry since, the last word counts and nothing older comes after it:
//!
//! - a revision that waits becomes what the returning publication says, as with whatever waits, and waits no more;
//! - a revision that another bundle carries is what the returning publication says; if it revokes, nothing returns;
//! - a revocation that waits stays, since phones may have read the bundle, and the publication that it revokes does not return;
//! - a revision in the recalled bundle that a later one overtook does not return.
//!
//! **When.** What returns is released at the next quarter of an hour, and never earlier than the rule of release says; all of a bundle at the same
//! time and in the order of bytes, so that where and when rows were written tells nothing of people.
//!
//! **Lists.** A recall takes the next number, and no number before it can be listed any more: no bucket that lags is ever moved to a list that names
//! what was recalled. The object is deleted from each bucket a day after its list ceased to name it, as any other. The bundle's own row, without
//! members, lives as long as the bundle would have: until then it says that the bundle was recalled, and keeps the keys known of which a person took
//! back what had returned.

use async_trait::async_trait;
use proto::Feed;

use crate::audit::Act;
use crate::bad_entry::EntryName;
use crate::error::StoreError;

/// What is to be recalled.
#[derive(Debug, Clone)]
pub struct RecallOrder {
    /// Whose bundle.
    pub feed: Feed,
    /// Which bundle.
    pub sequence: u64,
    /// Members that are set aside rather than published again, see [`Quarantine`](crate::Quarantine).
    pub without: Vec<EntryName>,
    /// What is written down for the audit in the same transaction, if anything changes; its outcome is filled in. None: nothing is changed, and it
    /// is said what would be.
    pub act: Option<Act>,
}

/// What became of the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecallOutcome {
    /// It was recalled now.
    Recalled(Recalled),
    /// It had been recalled before, at this number: nothing was changed.
    Before(u64),
    /// It was de-listed before, because its time was over: no list names it, and nothing was changed.
    Delisted,
}

/// What a recall did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recalled {
    /// The bundle.
    pub sequence: u64,
    /// The first number that does not list it.
    pub number: u64,
    /// It was never derived, so no bucket can have listed it.
    pub void: bool,
    /// How many members it had.
    pub members: u64,
    /// How many publications wait again.
    pub returned: u64,
    /// How many were set aside. The other members were overtaken by a later word that stands elsewhere.
    pub set_aside: u64,
}

impl Recalled {
    /// As it stands in the audit.
    pub(crate) fn to_json(&self) -> String {
        let Self { sequence, number, void, members, returned, set_aside } = self;
        format!(
            "{{\"bundle\":{sequence},\"number\":{number},\"void\":{void},\"members\":{members},\"returned\":{returned},\
             \"set_aside\":{set_aside}}}"
        )
    }
}

/// Recalls bundles.
#[async_trait]
pub trait Recalls: Send + Sync {
    /// Recalls a bundle in one transaction under the lock of the seals: it is recalled (or void, if it was never derived), leaves the list with the
    /// next number, and its members wait again as this module says, but for those that are set aside.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown feed or bundle, or an entry that the bundle does not have; [`StoreError::BadEntry`] if a member that is
    /// not set aside breaks an invariant.
    async fn recall(&self, order: &RecallOrder) -> Result<RecallOutcome, StoreError>;
}
