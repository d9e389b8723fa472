//! What keeps people without a certificate from reporting by the thousand: challenges that can be spent once, and a tally by the hour.

use async_trait::async_trait;
use proto::Timestamp;

use crate::error::StoreError;

/// A challenge that somebody has solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SolvedChallenge {
    /// Its id, drawn when it was given out.
    pub id: [u8; 16],
    /// A keyed digest of the report for which it was solved.
    pub spent_on: [u8; 32],
    /// From when on nobody takes it any more, whatever they remember; stored to the quarter of an hour.
    pub forget_at: Timestamp,
}

/// What became of an attempt to spend a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendOutcome {
    /// It is spent on this report, now or before: a repeat after a lost answer costs nobody another challenge.
    Spent,
    /// It was spent on another report.
    SpentElsewhere,
}

/// Admits reports that come without a certificate.
#[async_trait]
pub trait Admissions: Send + Sync {
    /// Spends a challenge. Of many that spend one at once, through whichever program, the reports of all but one are refused.
    async fn spend_challenge(&self, solved: &SolvedChallenge) -> Result<SpendOutcome, StoreError>;

    /// Counts one more report for `authority` in the hour of `now`, unless there were `per_hour` already; whether it was counted. However
    /// many are counted at once, never are more than `per_hour`.
    async fn tally_self_report(&self, authority: &str, per_hour: u32, now: Timestamp) -> Result<bool, StoreError>;

    /// Deletes at most `limit` each of challenges that may be forgotten at `now`, and of tallies of hours that are over for an hour, which is
    /// left to programs whose clocks are behind. Answers how many in all; call again until none.
    async fn forget_admissions(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
