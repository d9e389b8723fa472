//! Undoing abuse: taking back what somebody published who should not have been able to.
//!
//! What waits is never published: its publication is deleted, and what was said of the key or report stays, so that no repeat brings it back. Such
//! a row, fresh and with nothing that waits, is a **tombstone**. What is sealed cannot be undone, since phones have it: beside it a revocation
//! waits for the feed's next bundle (of a report: its digest, in the list of withdrawn ones).
//!
//! **Filler is treated alike.** A withdrawal selects by authority, key id, day and kind, and by nothing else: columns that synthetic people have
//! like everybody, with values drawn from the same uploads. So a selection hits as much of the filler as it hits of what the filler hides, and
//! what was withdrawn does not tell which was which. Whoever adds a way to select must keep to such columns.

use std::collections::BTreeMap;
use std::ops::Range;

use async_trait::async_trait;
use proto::{Feed, Kind, Malformed, Timestamp};

use crate::error::StoreError;

/// How long after its validity a key's tombstone is kept, in seconds. The server accepts no key whose validity ended 15 days and ten minutes ago; the
/// rest of the day is for clocks.
pub const KEY_REMEMBERED: i64 = 16 * 86_400;

/// How long after its receipt a report's tombstone is kept, in seconds. A report bears no date and so could be uploaded for ever; the rows of one that
/// was published live for half as long, see [`Life`](crate::Life).
pub const REPORT_REMEMBERED: i64 = 30 * 86_400;

/// Which tables hold what is withdrawn, and which of their rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WithdrawalKind {
    /// GAEN keys.
    Gaen,
    /// Certified TCN reports.
    Tcn,
    /// TCN reports that came without a certificate.
    TcnSelf,
}

impl WithdrawalKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gaen, Self::Tcn, Self::TcnSelf];

    /// `gaen`, `tcn` or `tcn-self`, as in the paths of feeds.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gaen => "gaen",
            Self::Tcn => "tcn",
            Self::TcnSelf => "tcn-self",
        }
    }

    /// Whose tables.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Gaen => Kind::Gaen,
            Self::Tcn | Self::TcnSelf => Kind::Tcn,
        }
    }
}

impl std::str::FromStr for WithdrawalKind {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| Malformed::new("kind", "must be gaen, tcn or tcn-self"))
    }
}

/// What is to be withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Of which kind.
    pub kind: WithdrawalKind,
    /// Whose certificates it came with, or to whom it was reported without one.
    pub authority: String,
    /// Only what came under certificates signed with this key.
    pub kid: Option<String>,
    /// Only what was received at these times, in whole hours. Of what is sealed the hour of receipt is not kept, since it would show whose keys came
    /// together; there it is the time at which the bundle of its first publication was sealed.
    pub times: Option<Range<Timestamp>>,
}

/// The 16 bytes of a key, or the 32 of a report's verification key.
pub type Identity = Vec<u8>;

/// What of some keys or reports there is to withdraw in a feed. Each of them is counted once a feed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedTally {
    /// Waits, and nothing of it is sealed in this feed: will never be published there.
    pub waiting: u64,
    /// Is sealed, and will be revoked.
    pub sealed: u64,
    /// Is sealed, and revoked already: nothing happens.
    pub revoked: u64,
}

/// What of some keys or reports there is to withdraw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WithdrawalTally {
    /// Feed by feed.
    pub feeds: BTreeMap<Feed, FeedTally>,
    /// How many are tombstones already: nothing happens.
    pub tombstones: u64,
}

impl WithdrawalTally {
    /// Whether everything is withdrawn already.
    pub fn is_nothing_to_do(&self) -> bool {
        self.feeds.values().all(|feed| feed.waiting == 0 && feed.sealed == 0)
    }

    /// Counts others as well.
    pub fn add(&mut self, other: Self) {
        self.tombstones += other.tombstones;
        for (feed, more) in other.feeds {
            let sum = self.feeds.entry(feed).or_default();
            sum.waiting += more.waiting;
            sum.sealed += more.sealed;
            sum.revoked += more.revoked;
        }
    }
}

/// Withdraws what was accepted. Commands of operators do, with the rights of the database's owner; the server's own role may not, and the
/// exporter's withdraws filler alone, in its seals.
///
/// A withdrawal picks once and then goes through what it picked in steps, each a transaction. It may end at any of them: who picks and goes through
/// all of it again finds done what was done.
#[async_trait]
pub trait Withdrawals: Send + Sync {
    /// What a selection selects now, in the order of bytes.
    async fn pick(&self, selection: &Selection) -> Result<Vec<Identity>, StoreError>;

    /// What of these there is to withdraw.
    async fn tally(&self, kind: Kind, identities: &[Identity]) -> Result<WithdrawalTally, StoreError>;

    /// Withdraws these in one transaction, under the lock that seals take, whether they wait or are sealed meanwhile; what there was to withdraw.
    ///
    /// What waits is deleted, a revision of something sealed included. Beside each sealed publication that is not revoked, a revocation waits, with the
    /// revision after the highest sealed one; nothing that was sealed is changed. The rows that are written are written in the order of their bytes.
    /// Whatever people say of these keys afterwards changes nothing.
    async fn withdraw(&self, kind: Kind, identities: &[Identity]) -> Result<WithdrawalTally, StoreError>;

    /// How many tombstones [`forget_tombstones`](Self::forget_tombstones) would delete now.
    async fn due_tombstones(&self) -> Result<u64, StoreError>;

    /// Deletes at most `limit` tombstones of each kind that are older than [`KEY_REMEMBERED`] and [`REPORT_REMEMBERED`] say; how many. Nothing that
    /// waits dies, whatever its age. Times are the store's.
    async fn forget_tombstones(&self, limit: u32) -> Result<u64, StoreError>;
}

/// Until when a key's validity must have ended, or a report been received, for its tombstone to go.
pub(crate) fn remembered_since(kind: Kind, now: Timestamp) -> Timestamp {
    now.plus(match kind {
        Kind::Gaen => -KEY_REMEMBERED,
        Kind::Tcn => -REPORT_REMEMBERED,
    })
}
