//! Codes, tokens and commitments: the contract of the verification database.
//!
//! The store sees digests and sealed bytes only. Whoever calls it owns the secrets ("peppers", several while they rotate), draws what is
//! random and reads the clock, so that an operation can be repeated without changing its meaning.

use async_trait::async_trait;
use proto::{Interval, ReportType, Timestamp};

use crate::error::StoreError;

/// The identity of an issued code: 16 random bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CodeId(pub [u8; 16]);

/// A digest keyed with one of the secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Peppered {
    /// Names the secret; says nothing about it.
    pub pepper: String,
    /// The keyed digest.
    pub digest: [u8; 32],
}

/// How a code is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeForm {
    /// To be read aloud and typed.
    Short,
    /// To be tapped as part of a link.
    Long,
}

/// What an authority says about the person who holds a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The report type.
    pub report_type: ReportType,
    /// UTC midnight of the day of onset, if known.
    pub symptom: Option<Interval>,
    /// UTC midnight of the day of the test, if known.
    pub test: Option<Interval>,
}

/// A code to be issued.
#[derive(Clone)]
pub struct NewCode {
    /// Drawn by the caller.
    pub id: CodeId,
    /// The slug of the authority that issues it.
    pub authority: String,
    /// The issuer's name for it, unique within the authority.
    pub uuid: [u8; 16],
    /// The whole request under each live secret, the current one first.
    pub request: Vec<Peppered>,
    /// What is said of the person.
    pub terms: Terms,
    /// How it is written: one or two.
    pub forms: Vec<NewForm>,
    /// When everything about it may be deleted, unless it is claimed.
    pub forget_at: Timestamp,
    /// How many codes of its kind, the authority's own or self-reports, may be issued on the day; none: as many as you like.
    pub quota: Option<u32>,
}

/// One form of a code to be issued.
#[derive(Clone)]
pub struct NewForm {
    /// Which.
    pub form: CodeForm,
    /// The code under each live secret, the current one first: that one is stored, and none of them may be stored already.
    pub digests: Vec<Peppered>,
    /// The code itself, encrypted by the caller.
    pub sealed: Vec<u8>,
    /// When it can no longer be claimed.
    pub expires_at: Timestamp,
}

/// What became of a request to issue.
#[derive(Debug)]
pub enum IssueOutcome {
    /// The code is stored.
    Issued,
    /// The same request was answered before, and nobody claimed that code yet: answer the same again.
    Repeated(StandingCode),
    /// Another request has this uuid, or its code was claimed or has expired. Nothing is stored.
    UuidTaken,
    /// One of the forms is another code's already. Nothing is stored: draw again.
    Collision,
    /// As many as may be have been issued on this day. Nothing is stored. A repeat costs nothing and is answered even then.
    QuotaExceeded,
}

/// What became of the rows of a new code.
pub(crate) enum Stored {
    /// They are written.
    Written,
    /// One of its forms, or its uuid, is another's.
    Taken,
    /// The quota is used up.
    TooMany,
}

/// An issued code that still waits for its person.
#[derive(Clone)]
pub struct StandingCode {
    /// Its identity.
    pub id: CodeId,
    /// The name that it was issued under.
    pub uuid: [u8; 16],
    /// The secret that sealed it.
    pub pepper: String,
    /// Its forms, the short one first; those that have expired are left out.
    pub forms: Vec<StandingForm>,
}

/// One form of such a code.
#[derive(Clone)]
pub struct StandingForm {
    /// Which.
    pub form: CodeForm,
    /// The code itself, as the caller encrypted it.
    pub sealed: Vec<u8>,
    /// When it can no longer be claimed.
    pub expires_at: Timestamp,
}

/// Where a digest was found.
#[derive(Clone)]
pub struct FoundCode {
    /// The code's identity.
    pub id: CodeId,
    /// The digest that matched.
    pub digest: Peppered,
}

/// A wish to turn a code into a token.
#[derive(Clone)]
pub struct Claim {
    /// The code, from [`guess`](crate::Guesses::guess) or [`Codes::find_long`].
    pub code: FoundCode,
    /// The digest of the token it becomes. The same phone derives the same one again; another phone, another.
    pub token_digest: [u8; 32],
    /// Which report types the caller can handle.
    pub accept: Vec<ReportType>,
    /// Until when a claim that no nonce binds may be repeated; none if a nonce binds it.
    pub repeat_until: Option<Timestamp>,
    /// When the token expires.
    pub token_expires_at: Timestamp,
    /// When everything about the code may be deleted.
    pub forget_at: Timestamp,
    /// The time of the claim.
    pub now: Timestamp,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The token is the caller's, now or since an earlier claim that this one repeats.
    Claimed(Terms),
    /// There is no such code any more.
    Unknown,
    /// Another claim has it, or this one can no longer be repeated.
    Used,
    /// Nobody claimed it in time.
    Expired,
    /// The caller cannot handle its report type. The code is as it was.
    Unsupported,
}

/// A wish to bind a token to a commitment.
#[derive(Clone)]
pub struct Certify {
    /// From the token.
    pub id: CodeId,
    /// The digest of the token.
    pub token_digest: [u8; 32],
    /// The slug of the authority whose app asks.
    pub authority: String,
    /// The commitment, under a key that only the token's holder has.
    pub commitment_digest: [u8; 32],
    /// How many different commitments a token may be bound to.
    pub limit: usize,
    /// The time of the request.
    pub now: Timestamp,
}

/// What became of such a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertifyOutcome {
    /// A certificate may be signed, now or again.
    Certified(Terms),
    /// No such token, or another authority's.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was bound to as many other commitments as it may.
    Spent,
}

/// What staff may know of a code that they issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeStatus {
    /// Whether it was claimed.
    pub claimed: bool,
    /// When its short form can no longer be claimed; to the hour once it was claimed.
    pub expires_at: Timestamp,
    /// The same of its long form; of the short one if it has no other.
    pub long_expires_at: Timestamp,
}

/// What became of a wish to end a code's life early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpireOutcome {
    /// Nobody can claim it any more, now or since an earlier time.
    Expired(CodeStatus),
    /// It was claimed: there is nothing left to expire.
    Claimed,
    /// There is no such code, or no longer.
    Unknown,
}

/// The life of codes. Each method is one transaction, and each may be repeated after a lost answer. What [`Counters`](crate::Counters) tell is
/// counted in it, once.
#[async_trait]
pub trait Codes: Send + Sync {
    /// Stores a new code, or answers a repeated request with the code that stands. A request is a repeat if uuid, authority and the
    /// digest under the stored row's secret are the same. However many requests run at the same time, no more than the quota are issued.
    async fn issue(&self, code: &NewCode, now: Timestamp) -> Result<IssueOutcome, StoreError>;

    /// Finds which code has one of these digests as its long form, whatever has become of it. Nobody finds a long code by trying, so this
    /// costs nothing; short ones are looked up by [`guess`](crate::Guesses::guess).
    async fn find_long(&self, authority: &str, digests: &[Peppered]) -> Result<Option<FoundCode>, StoreError>;

    /// Turns a code into a token, once: however many claims run at the same time, one token digest wins. Decides in this order: unknown,
    /// used by another, no longer to be repeated, expired, report type not accepted, claimed. Only the last changes anything; with it the
    /// sealed code is deleted, and so is the digest of the telephone that waited for it.
    ///
    /// A claim is repeated if it has the same token digest and the token lives; one that no nonce binds only before its stored
    /// `repeat_until` and only until [`certify`](Self::certify) bound the token to a commitment.
    async fn claim(&self, claim: &Claim) -> Result<ClaimOutcome, StoreError>;

    /// Binds a token to a commitment, to at most `limit` different ones. The same commitment again changes nothing.
    async fn certify(&self, certify: &Certify) -> Result<CertifyOutcome, StoreError>;

    /// What has become of the code that an authority issued under this uuid; none if there is none, or no longer.
    async fn status(&self, authority: &str, uuid: [u8; 16]) -> Result<Option<CodeStatus>, StoreError>;

    /// Ends the life of every form of an unclaimed code at `now` and deletes its sealed text and the digest of the telephone that waited for
    /// it. Forms that have expired before keep their time, so a repeat changes nothing; the request that issued it finds its uuid taken from
    /// now on.
    async fn expire(&self, authority: &str, uuid: [u8; 16], now: Timestamp) -> Result<ExpireOutcome, StoreError>;

    /// Ends the life of every form of at most `limit` codes that nobody has claimed, an authority's or everybody's, at `now`, as
    /// [`expire`](Self::expire) does one by one. Tokens that codes became are left alone. Answers how many codes; call again until none.
    async fn expire_unclaimed(&self, authority: Option<&str>, now: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// The names of the secrets that rows need: without these, codes and tokens that are out would no longer work. In order, each once.
    async fn peppers(&self) -> Result<Vec<String>, StoreError>;

    /// Deletes at most `limit` of each of these: digests of telephones whose codes have expired, sealed codes that have expired, times until
    /// which a claim could be repeated and cannot any more, expired tokens' commitments (all of a token at once), codes to be
    /// forgotten, tallies of messages that have ended.
    /// Answers how many in all, commitments counted one by one; call again until none.
    async fn purge(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// Answers if the database does.
    async fn ping(&self) -> Result<(), StoreError>;
}

impl CodeForm {
    /// `short` or `long`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Long => "long",
        }
    }
}

impl std::fmt::Debug for CodeId {
    /// Says nothing: the id is half of a token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeId(..)")
    }
}

impl std::fmt::Debug for StandingCode {
    /// Says only when it expires.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let expiries: Vec<_> = self.forms.iter().map(|form| form.expires_at).collect();
        f.debug_struct("StandingCode").field("expires_at", &expiries).finish_non_exhaustive()
    }
}
