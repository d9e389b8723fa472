//! Sealing waiting publications into bundles, and what is known of each bundle.
//!
//! A bundle's life: **sealed** (membership claimed, row frozen), **derived** (hashes and `export.sig` stored, first writer wins), **put** (in a
//! bucket), **listed** (in a bucket's index and manifest). Each step may be repeated. How it ends is told in [`Life`](crate::Life).

use std::ops::ControlFlow;

use async_trait::async_trait;
use proto::bundle::{FORMAT, GaenEntry, MAX_KEYS, SigningKeyId, TcnEntry};
use proto::manifest::{AnnouncedGateway, AnnouncedKey};
use proto::{Feed, Timestamp};

use crate::bad_entry::EntryName;
use crate::error::StoreError;
use crate::filler::{DrawnFiller, FillerMark};
use crate::grid::Grid;

/// How a feed is sealed.
#[derive(Debug, Clone)]
pub struct SealPolicy {
    /// Fewer ordinary publications than this are held, and with them the revised ones; at least 1.
    pub minimum: u32,
    /// Fewer revised publications than this stay waiting while the ordinary ones are sealed.
    pub revised_minimum: u32,
    /// At most this many publications a bundle.
    pub max_entries: usize,
    /// At most this many bytes a bundle, by an upper bound on each entry's size (30 bytes a key, the report's length + 10). More than fits is
    /// cut into bundles as even as can be, so that none is a small rest.
    pub max_bytes: usize,
    /// The container's version.
    pub format: u32,
    /// Who will sign, the active key first.
    pub signing: Vec<SigningKeyId>,
    /// The feed is left alone unless its last bundle ended before this moment: the beginning of a period, for several programs that would each
    /// seal the feed once in it. None: it is sealed now.
    pub due: Option<Timestamp>,
    /// The feed is left alone from this moment on: who signs was chosen for the time before it, and then it is another key's turn. None: there is
    /// no such moment.
    pub until: Option<Timestamp>,
    /// The feed is left alone in the quiet time at the end of each interval of this grid, so that an interval whose rendering is there never grows.
    /// None: there is no quiet time.
    pub quiet: Option<Grid>,
    /// What may be added; none, and the few are held.
    pub filler: Option<DrawnFiller>,
    /// What the bundles are marked with if nothing was.
    pub filler_mark: FillerMark,
}

/// Everything that may be released, in bundles of the current format as large as phones take them, which nobody signs.
impl Default for SealPolicy {
    fn default() -> Self {
        let (minimum, revised_minimum, max_entries, max_bytes) = (1, 1, MAX_KEYS, 15_000_000);
        let (signing, due, until, quiet) = (Vec::new(), None, None, None);
        let (filler, filler_mark) = (None, FillerMark::default());
        Self {
            minimum,
            revised_minimum,
            max_entries,
            max_bytes,
            format: FORMAT,
            signing,
            due,
            until,
            quiet,
            filler,
            filler_mark,
        }
    }
}

/// What is waiting in a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Ordinary publications that may be released now.
    pub releasable: u64,
    /// Revised publications that may be released now.
    pub revised: u64,
    /// Publications whose `release_at` lies ahead.
    pub unripe: u64,
    /// The smallest `release_at` among the releasable.
    pub oldest: Option<Timestamp>,
}

/// What a seal did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealOutcome {
    /// Nothing may be released.
    Nothing,
    /// The last bundle ended no earlier than [`SealPolicy::due`], so that somebody has sealed the feed since; or it is past [`SealPolicy::until`] or
    /// [`SealPolicy::quiet`]. Nothing was looked at.
    NotDue,
    /// Fewer than the minimum: held.
    Held(Waiting),
    /// These bundles were made; their sequences, ascending.
    Sealed(Vec<u64>),
}

/// A bundle's row. Up to `format` it is frozen by the seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleRow {
    /// The feed.
    pub feed: Feed,
    /// Gapless from 1.
    pub sequence: u64,
    /// The first sequence whose content it carries.
    pub from_sequence: u64,
    /// The end of the bundle before.
    pub start: Timestamp,
    /// `max(now, start + 1)` at the seal.
    pub end: Timestamp,
    /// Ordinary publications.
    pub count: u64,
    /// Revised publications.
    pub revised: u64,
    /// SHA-256 over the members in bundle order, see [`MemberDigest`](crate::MemberDigest).
    pub member_digest: [u8; 32],
    /// Who signs.
    pub signing: Vec<SigningKeyId>,
    /// The container's version.
    pub format: u32,
    /// What was derived, once it was.
    pub derived: Option<Derived>,
}

/// The result of deriving a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// SHA-256 of `export.bin`.
    pub export_sha256: [u8; 32],
    /// SHA-256 of the zip.
    pub zip_sha256: [u8; 32],
    /// The length of the zip.
    pub zip_bytes: u64,
    /// The signatures, in the order of `signing`.
    pub signatures: Vec<Vec<u8>>,
}

/// A member of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    /// A key.
    Gaen(GaenEntry),
    /// A report.
    Tcn(TcnEntry),
}

impl Member {
    /// What it is called where its identity must not stand.
    pub fn name(&self) -> EntryName {
        match self {
            Self::Gaen(entry) => EntryName::of(entry.key.data()),
            Self::Tcn(entry) => EntryName::of(entry.report.verification_key()),
        }
    }
}

/// A page of members in bundle order: ordinary ones by class and bytes, then revised ones.
#[derive(Debug, Clone)]
pub struct Members {
    /// The members, with whether each is a revised one.
    pub members: Vec<(bool, Member)>,
    /// Where the next page begins; none after the last.
    pub next: Option<MemberCursor>,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberCursor {
    /// Among the revised ones.
    pub revised: bool,
    /// After this class
    pub class: i64,
    /// and these bytes (the member's identity).
    pub identity: Vec<u8>,
}

/// Takes the members of a bundle, one after the other, as they are read.
pub trait MemberSink: Send {
    /// The first member comes next. It is called again if the read begins anew, because others were in its way: then nothing counts of what came
    /// before.
    fn begin(&mut self);

    /// The next member in bundle order, and whether it is a revised one. A break ends the read, for good.
    fn take(&mut self, revised: bool, member: &Member) -> ControlFlow<()>;

    /// Whether what came since the beginning is all of the bundle, by its frozen counts and digest. If it came from a replica and is not, it is read
    /// again from the database itself; what comes from there is all that there is, whatever this says.
    fn is_whole(&self) -> bool;
}

/// What a manifest and index say at one number: a pure function of (number, rows).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The number.
    pub number: u64,
    /// When it was taken.
    pub time: Timestamp,
    /// The keys announced at this number.
    pub keys: Vec<AnnouncedKey>,
    /// The keys of gateways announced at this number, by service and bytes.
    pub gateways: Vec<AnnouncedGateway>,
    /// The bundles listed at this number, oldest first; some may not be derived yet.
    pub bundles: Vec<BundleRow>,
}

/// Seals, and remembers what became of each bundle.
#[async_trait]
pub trait Bundles: Send + Sync {
    /// What waits in a feed, by the store's clock.
    async fn waiting(&self, feed: &Feed) -> Result<Waiting, StoreError>;

    /// Takes all publications of the feed whose `release_at` has come and makes bundles of them, in one transaction under the feed's lock.
    /// The time is the store's, read after the lock. Rows of sealed keys are rewritten in byte order, so that a dump does not tell who
    /// uploaded together; the number rises by one, however many bundles were made.
    async fn seal(&self, feed: &Feed, policy: &SealPolicy) -> Result<SealOutcome, StoreError>;

    /// One bundle's row.
    async fn bundle(&self, feed: &Feed, sequence: u64) -> Result<Option<BundleRow>, StoreError>;

    /// A page of at most `limit` members, from the beginning or from `from` on. [`StoreError::NotFound`] for a bundle that is unknown or was
    /// [recalled](crate::Recalls), [`StoreError::BadEntry`] if a member breaks an invariant. A read replica may
    /// answer.
    async fn members(
        &self,
        feed: &Feed,
        sequence: u64,
        from: Option<&MemberCursor>,
        limit: usize,
    ) -> Result<Members, StoreError>;

    /// Hands all members to `sink`, in bundle order and as of one moment, in memory that does not grow with their number. It succeeds if the sink had
    /// enough, too. [`StoreError::NotFound`] for an unknown bundle. A read replica may answer.
    async fn read_members(&self, feed: &Feed, sequence: u64, sink: &mut dyn MemberSink) -> Result<(), StoreError>;

    /// Stores what was derived, unless somebody did before: answers with what is stored, so that the first writer wins. A bundle that was
    /// [recalled](crate::Recalls) is not found.
    async fn record_derived(&self, feed: &Feed, sequence: u64, derived: &Derived) -> Result<Derived, StoreError>;

    /// Notes that a bundle was put into a bucket and read back; repeating it changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if its object has been deleted from the bucket, or the bundle is gone altogether or was [recalled](crate::Recalls)
    /// before anybody noted that it was put there: the object has no business there.
    async fn record_put(&self, feed: &Feed, sequence: u64, bucket: &str) -> Result<(), StoreError>;

    /// The sequences of the feed's live bundles that [`record_put`](Self::record_put) noted for a bucket, ascending.
    async fn puts(&self, feed: &Feed, bucket: &str) -> Result<Vec<u64>, StoreError>;

    /// Notes that a bucket's index and manifest stand at `number`: bundles get the time at which they were listed or de-listed there, if they have
    /// none. Of a de-listed bundle of which nobody noted that it was put there, it is noted now: somebody may have died before saying so.
    async fn record_listed(&self, feed: &Feed, number: u64, bucket: &str) -> Result<(), StoreError>;

    /// Replaces the keys that the feed's manifest announces, if the feed still stands at `number`, where somebody read what to replace; takes the next
    /// number if that changes anything. At another number it does nothing: what was read is out of date, and the next pass reads again.
    async fn announce(&self, feed: &Feed, number: u64, keys: &[AnnouncedKey]) -> Result<(), StoreError>;

    /// The feed's current number; 0 before the first seal or announcement.
    async fn number(&self, feed: &Feed) -> Result<u64, StoreError>;

    /// What is listed at `number`; for number 0 nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the number is above the current one, or so far below that something that was listed there has died since.
    async fn listing(&self, feed: &Feed, number: u64) -> Result<Listing, StoreError>;

    /// What is listed at the current number.
    async fn newest_listing(&self, feed: &Feed) -> Result<Listing, StoreError> {
        loop {
            let number = self.number(feed).await?;
            match self.listing(feed, number).await {
                // A recall came between the two, and what was listed before it can be told no more.
                Err(StoreError::NotFound(_)) if self.number(feed).await? > number => {}
                listing => return listing,
            }
        }
    }
}
