//! What wrong codes cost whoever sends them: the contract.
//!
//! A short code can be found by trying, so every try that finds none counts against the network that it came from, the authority whose codes
//! it sought, and everybody together. The caller says how much is too much; the hours are those of UTC.

use async_trait::async_trait;
use proto::Timestamp;

use crate::code_style::Spelling;
use crate::codes::{FoundCode, Peppered};
use crate::error::StoreError;

/// How many rows share the count of a tally, so that tries that come at the same time do not wait for one another.
pub const STRIPES: u8 = 16;
/// For how many hours a network that failed is remembered, the hour of its last failure included.
pub(crate) const REMEMBERED: i64 = 24;
/// How many hours a tally is kept beyond its own: other programs' clocks may be late.
pub(crate) const KEPT: i64 = 1;
/// An hour, in seconds.
const HOUR: i64 = 3_600;

/// A wish to look up a short code that somebody typed, or guessed.
#[derive(Clone)]
pub struct Guess {
    /// The slug of the authority whose app asks.
    pub authority: String,
    /// What the code is written with. Each spelling has budgets of its own.
    pub spelling: Spelling,
    /// The code under each live secret.
    pub digests: Vec<Peppered>,
    /// Who asks.
    pub guesser: Guesser,
    /// Which row of each tally counts it, below [`STRIPES`]; drawn by the caller.
    pub stripe: u8,
    /// How many failures are too many.
    pub limits: GuessLimits,
}

/// Who tries codes.
#[derive(Clone, PartialEq, Eq)]
pub enum Guesser {
    /// A network, by the keyed digest of its prefix.
    Prefix([u8; 32]),
    /// A relay that speaks for many, by its name.
    Relay(String),
}

/// How many failures an hour are looked up until no more are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuessLimits {
    /// Of one network.
    pub prefix: u32,
    /// For one authority's codes.
    pub authority: u32,
    /// Of everybody together.
    pub all: u32,
    /// Of one relay.
    pub relay: u32,
}

/// Whose failures a tally counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuessScope {
    /// Everybody's.
    All,
    /// Those that sought codes of this authority.
    Authority(String),
    /// Those of this relay.
    Relay(String),
}

/// What became of a guess.
#[derive(Clone)]
pub enum GuessOutcome {
    /// There is such a code, whatever has become of it. Nothing was counted.
    Found(FoundCode),
    /// There is none. The failure was counted.
    Wrong,
    /// Nothing was looked up: the network, or the relay, has failed too often in this hour.
    Spent {
        /// When it may try again: the end of the hour.
        retry_at: Timestamp,
    },
    /// Nothing was looked up: there were too many failures in this hour for the authority, or in all, and the network has a part in them.
    Suspended {
        /// When it may try again: the end of the hour.
        retry_at: Timestamp,
    },
}

/// The budgets of failures. Each method is one transaction.
#[async_trait]
pub trait Guesses: Send + Sync {
    /// Looks a short code up, if the guesser may. The failure is counted before anybody looks; when a code is found, the whole transaction is
    /// undone, so that who types a good code leaves no trace and waits for no disk. What others have under way at the same moment, and may yet
    /// undo, is waited for and never held against the guesser.
    ///
    /// - A network is looked up for at most `limits.prefix` times an hour in vain, however many of its guesses come at once.
    /// - Is a tally of the authority or of all spent, only networks without a failure within the last day are looked up for.
    /// - A relay has no limit but its own tally. Its failures count in the other tallies too.
    ///
    /// Tallies are exact as long as guesses come one by one. Those under way at the same moment may each overshoot a tally by one.
    async fn guess(&self, guess: &Guess, now: Timestamp) -> Result<GuessOutcome, StoreError>;

    /// How many failures were counted in this hour, for each of `scopes` in their order.
    async fn failures(&self, spelling: Spelling, scopes: &[GuessScope], now: Timestamp)
    -> Result<Vec<u64>, StoreError>;

    /// Deletes at most `limit` each of networks whose last failure is a day ago, and of tallies of hours that are over. Answers how many in all;
    /// call again until none.
    async fn forget_guesses(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

impl Guess {
    /// The tallies that count its failure, the narrowest first: everybody changes them in one order, so that nobody waits in a circle.
    pub(crate) fn scopes(&self) -> Vec<GuessScope> {
        let (authority, all) = (GuessScope::Authority(self.authority.clone()), GuessScope::All);
        match &self.guesser {
            Guesser::Prefix(_) => vec![authority, all],
            Guesser::Relay(name) => vec![GuessScope::Relay(name.clone()), authority, all],
        }
    }

    /// The tallies that may stand in its way, each with its limit. Those of a relay stop it; those of a network only if it failed before.
    pub(crate) fn gates(&self) -> Vec<(GuessScope, u32)> {
        match &self.guesser {
            Guesser::Prefix(_) => vec![
                (GuessScope::Authority(self.authority.clone()), self.limits.authority),
                (GuessScope::All, self.limits.all),
            ],
            Guesser::Relay(name) => vec![(GuessScope::Relay(name.clone()), self.limits.relay)],
        }
    }
}

impl GuessScope {
    /// How it stands in rows. Neither slugs nor names have spaces.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::Authority(id) => format!("authority {id}"),
            Self::Relay(name) => format!("relay {name}"),
        }
    }
}

impl GuessOutcome {
    pub(crate) fn spent(now: Timestamp) -> Self {
        Self::Spent { retry_at: end_of_hour(now) }
    }

    pub(crate) fn suspended(now: Timestamp) -> Self {
        Self::Suspended { retry_at: end_of_hour(now) }
    }
}

impl std::fmt::Debug for Guesser {
    /// Says nothing of a network.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Prefix(_) => f.write_str("Prefix(..)"),
            Self::Relay(name) => f.debug_tuple("Relay").field(name).finish(),
        }
    }
}

/// The hour that a moment is in, counted from 1970.
pub(crate) const fn hour(now: Timestamp) -> i64 {
    now.unix().div_euclid(HOUR)
}

fn end_of_hour(now: Timestamp) -> Timestamp {
    Timestamp::from_unix((hour(now) + 1) * HOUR)
}
