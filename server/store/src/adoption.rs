//! After a restore: taking over from the buckets what the database has forgotten.
//!
//! A database that was restored from a copy knows nothing of what was sealed after the copy was made. What phones see stands in the buckets: the
//! manifest with the highest number, and the bundles that it lists. Taken over from there are those bundles with their members, and then, in one
//! last transaction, number, sequence, end and announced keys, so that the database says at that number what the manifest says, byte for byte.
//!
//! **What a bundle does not tell.** A key of a bundle that is taken over gets a row that says what was published of it, and nothing else. Its authority is
//! empty, which selects nothing when an authority's keys are withdrawn, and its kid is `adopted`, or empty for a report that came without a certificate.
//! It has no proof, so nobody revises it: whoever holds it today may have found it in a bundle. Its onset is the one that its days since onset give,
//! or else its own day. The policy version is 0.
//!
//! **What waits in the copy and is a member** is claimed by its bundle and never published twice. What the copy knew of it is forgotten: filler was drawn
//! after the copy was made, and if people kept their authorities, whoever has a dump would know the filler by not having any. What was sealed in another
//! feed before the copy keeps its row.
//!
//! **What the copy has sealed and no bucket lists** waits again, but for what has grown too old to be listed.

use async_trait::async_trait;
use proto::tcn::SignedReport;
use proto::{Feed, Timestamp};

use crate::audit::Act;
use crate::bundles::{BundleRow, Listing, Member};
use crate::error::StoreError;

/// What a feed stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedStanding {
    /// The number of its newest index and manifest; 0 before the first seal or announcement.
    pub number: u64,
    /// The sequence that its next bundle gets.
    pub next_sequence: u64,
    /// The end of its newest bundle, and so the start of the next one.
    pub last_end: Timestamp,
    /// The lowest number whose listing can still be told.
    pub oldest_number: u64,
}

/// A bundle of which the database has rows, whether it is listed or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingBundle {
    /// Its row.
    pub row: BundleRow,
    /// Whether it was recalled, or sealed and never to be listed: then its members are gone from it.
    pub recalled: bool,
    /// The first number that lists it.
    pub listed_number: u64,
    /// The first number that no longer does, if there is one.
    pub delisted_number: Option<u64>,
}

/// A bundle that was read from a bucket.
#[derive(Debug, Clone)]
pub struct AdoptedBundle {
    /// Its row, with what was derived, and the digest of these members.
    pub row: BundleRow,
    /// The number that is being taken over, from which on it is listed.
    pub number: u64,
    /// Its members in bundle order, each with whether it is a revised one.
    pub members: Vec<(bool, Member)>,
}

/// What is taken over at last.
#[derive(Debug, Clone)]
pub struct Adoption {
    /// What the feed says from now on; every bundle in it has its rows.
    pub listing: Listing,
    /// The sequence that the feed's next bundle gets.
    pub next_sequence: u64,
    /// The start of the feed's next bundle.
    pub last_end: Timestamp,
    /// Bundles of the database that are listed no more because their time was over: their objects and rows go as always.
    pub expired: Vec<u64>,
    /// Bundles of the database that are listed no more, or never were, for another reason: what they carry waits again, unless another bundle
    /// carries it.
    pub recalled: Vec<u64>,
}

/// Takes over what buckets know and the database does not. Times are the store's.
#[async_trait]
pub trait Adoptions: Send + Sync {
    /// What a feed stands at.
    async fn standing(&self, feed: &Feed) -> Result<FeedStanding, StoreError>;

    /// All bundles of a feed that have rows, by sequence.
    async fn standing_bundles(&self, feed: &Feed) -> Result<Vec<StandingBundle>, StoreError>;

    /// The reports, sealed or waiting in any feed, whose SHA-256 is among these, each once: of a withdrawn report a bundle says nothing else.
    async fn reports_by_digest(&self, digests: &[[u8; 32]]) -> Result<Vec<SignedReport>, StoreError>;

    /// Writes a bundle with its members, in one transaction under the lock of the seals. What waits in this feed and is a member is claimed. A bundle
    /// that the database has under this sequence gives way: what it carries waits again, unless another bundle carries it. Until
    /// [`adopt`](Self::adopt) has run, the bundle is listed at no number that the feed has taken.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown feed; [`StoreError::Corrupt`] if members and row do not agree.
    async fn adopt_bundle(&self, feed: &Feed, bundle: &AdoptedBundle) -> Result<(), StoreError>;

    /// Takes over number, time, announced keys, sequence and end, settles the bundles that are not listed, and writes the act down; all in one
    /// transaction under the lock of the seals. No number below can be told any more.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the feed would not say what the listing says; then nothing changes.
    async fn adopt(&self, feed: &Feed, adoption: &Adoption, act: &Act) -> Result<(), StoreError>;

    /// Takes the feed's next number although nothing else changes: what is listed at the one before has been said otherwise somewhere. The number.
    async fn renumber(&self, feed: &Feed) -> Result<u64, StoreError>;
}

/// What stands for the key that signed a certificate where nobody remembers it.
pub(crate) const ADOPTED: &str = "adopted";

impl AdoptedBundle {
    /// Whether members and row agree.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let revised = self.members.iter().filter(|(revised, _)| *revised).count() as u64;
        let ordinary = self.members.len() as u64 - revised;
        let kind = |member: &Member| match member {
            Member::Gaen(_) => proto::Kind::Gaen,
            Member::Tcn(_) => proto::Kind::Tcn,
        };
        let fit = self.members.iter().all(|(_, member)| kind(member) == self.row.feed.kind);
        if fit && (ordinary, revised) == (self.row.count, self.row.revised) && self.row.derived.is_some() {
            return Ok(());
        }
        let (sequence, feed) = (self.row.sequence, &self.row.feed);
        Err(StoreError::Corrupt(format!("bundle {sequence} of {feed}: its members are not those that its row counts")))
    }
}

/// Refuses to take over what the rows do not say.
pub(crate) fn ensure_same(feed: &Feed, wanted: &Listing, told: &Listing) -> Result<(), StoreError> {
    if wanted == told {
        return Ok(());
    }
    let number = wanted.number;
    Err(StoreError::Corrupt(format!("{feed}: the rows do not say what number {number} says; nothing was taken over")))
}
