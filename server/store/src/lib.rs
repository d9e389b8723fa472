//! Every SQL statement of Pratique, behind two contracts: [`CodeStore`] for verification, [`KeyStore`] for server and exporter.
//!
//! One method is one business operation and one whole transaction. Inputs are drawn outside, so that a transaction may be retried.
//! SQLite is the embedded engine, PostgreSQL the one for large installations; the [`DatabaseUrl`] chooses.

pub mod chance;
pub mod clock;
mod error;
mod observer;

mod admissions;
mod adoption;
mod audit;
mod authorities;
mod bad_entry;
mod bundles;
mod chaff;
mod database_clock;
mod filler;
mod gateways;
mod grid;
mod intervals;
mod key_sets;
mod keys;
mod life;
mod member_digest;
mod quarantine;
mod recall;
mod release;
mod revisions;
mod row_inspection;
mod travellers;
mod trust;
mod uploads;
mod withdrawals;

mod claim_state;
mod code_style;
mod codes;
mod counters;
mod deliveries;
mod guesses;
mod issuers;
mod self_reports;

mod cut;
mod database_url;
mod entry_tables;
mod postgres;
mod sealing;
mod sqlite;
mod stored;

mod open;

pub use admissions::{Admissions, SolvedChallenge, SpendOutcome};
pub use adoption::{AdoptedBundle, Adoption, Adoptions, FeedStanding, StandingBundle};
pub use audit::{Act, Audit, RecordedAct};
pub use authorities::{Authorities, Authority, AuthorityKey, DEFAULT_MEMO_BYTES, SelfReporting};
pub use bad_entry::{BadEntry, EntryName, EntryPlace};
pub use bundles::{
    BundleRow, Bundles, Derived, Listing, Member, MemberCursor, MemberSink, Members, SealOutcome, SealPolicy, Waiting,
};
pub use chaff::{CHAFF_BLOCK_ROWS, CHAFF_BLOCKS, CHAFF_ROW, Chaff, Scratch};
pub use clock::Clock;
pub use code_style::{CodeStyle, Spelling};
pub use codes::{
    Certify, CertifyOutcome, Claim, ClaimOutcome, CodeForm, CodeId, CodeStatus, Codes, ExpireOutcome, FoundCode,
    IssueOutcome, NewCode, NewForm, Peppered, StandingCode, StandingForm, Terms,
};
pub use counters::{CounterKind, Counters, Day, DayCounts, PerKind, Statistic};
pub use database_clock::DatabaseClock;
pub use database_url::{DatabaseUrl, DatabaseUrlParser, PostgresUrl};
pub use deliveries::{CountOutcome, Deliveries, MessageState, Tally};
pub use error::StoreError;
pub use filler::{
    DrawnFiller, Filler, FillerEntries, FillerMark, FillerPerson, FillerRevision, HoldRules, Holds, Needs, Place,
    SampleBounds, Sampled, SampledKey,
};
pub use gateways::Gateways;
pub use grid::Grid;
pub use guesses::{Guess, GuessLimits, GuessOutcome, GuessScope, Guesser, Guesses, STRIPES};
pub use intervals::{ClosedInterval, Intervals};
pub use issuers::{ApiKeyGrant, ApiKeyKind, Issuer, IssuerKey, Issuers, RegisteredApiKey, RegisteredIssuer};
pub use key_sets::{
    FetchFailure, FetchedKey, KEY_OVERLAP, KEY_SET_KEPT, KeySetChange, KeySetSource, KeySetStanding, KeySets,
};
pub use keys::{Accepted, AcceptedKey, AcceptedReport, Keys, OnsetSource, Origin, Provenance, RawKey, RevisionProof};
pub use life::{KEPT_FOR, LISTED_FOR, Life, Purged};
pub use member_digest::MemberDigest;
pub use observer::{Connected, Ended, Observed, Observer};
pub use open::{
    ReadReplica, migrate_code_store, migrate_key_store, open_code_store, open_key_store, open_key_store_with,
};
pub use postgres::{PostgresCodeStore, PostgresKeyStore};
pub use quarantine::{Findings, Quarantine, QuarantineOrder, Quarantined, Released, SET_ASIDE_FOR, SetAside};
pub use recall::{RecallOrder, RecallOutcome, Recalled, Recalls};
pub use release::{RELEASE_GRAIN, REPLAY_GUARD, is_replayable, release_at, report_release_at};
pub use revisions::{RevisedKey, Revisions};
pub use self_reports::{NewSelfReport, SelfReportOutcome, SelfReportStanding, SelfReports};
pub use sqlite::{SqliteCodeStore, SqliteKeyStore};
pub use travellers::{FeedPolicy, Travellers, for_travellers};
pub use trust::{Denial, DeniedKey, RegisteredAuthority, Trust, Trusted};
pub use uploads::{AGES, ONSETS, UploadDay, Uploads};
pub use withdrawals::{
    FeedTally, Identity, KEY_REMEMBERED, REPORT_REMEMBERED, Selection, WithdrawalKind, WithdrawalTally, Withdrawals,
};

/// The key database, as server and exporter use it.
pub trait KeyStore:
    Authorities
    + Trust
    + KeySets
    + Admissions
    + Keys
    + Revisions
    + Uploads
    + Travellers
    + Bundles
    + DatabaseClock
    + Filler
    + Gateways
    + Intervals
    + Life
    + Adoptions
    + Recalls
    + Quarantine
    + Audit
    + Withdrawals
    + Chaff
    + Observed
{
}

impl<
    S: Authorities
        + Trust
        + KeySets
        + Admissions
        + Keys
        + Revisions
        + Uploads
        + Travellers
        + Bundles
        + DatabaseClock
        + Filler
        + Gateways
        + Intervals
        + Life
        + Adoptions
        + Recalls
        + Quarantine
        + Audit
        + Withdrawals
        + Chaff
        + Observed,
> KeyStore for S
{
}

/// The verification database.
pub trait CodeStore: Codes + Guesses + Issuers + SelfReports + Deliveries + Counters + Chaff + Observed {}

impl<S: Codes + Guesses + Issuers + SelfReports + Deliveries + Counters + Chaff + Observed> CodeStore for S {}
