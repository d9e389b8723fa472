//! What a claim finds, and what follows from it: the same on both engines.

use proto::Timestamp;

use crate::codes::{Claim, ClaimOutcome, Terms};

/// Times of spent codes are kept to the hour, in seconds: finer ones could be laid beside the times of uploads.
pub(crate) const GRAIN: i64 = 3_600;

/// A code before a claim.
pub(crate) struct ClaimState {
    /// None as long as nobody claimed it.
    pub(crate) token: Option<StoredToken>,
    /// Until when a claim that no nonce binds may be repeated.
    pub(crate) repeat_until: Option<Timestamp>,
    /// When the form that is claimed expires.
    pub(crate) expires_at: Timestamp,
    /// What is said of the person.
    pub(crate) terms: Terms,
}

/// What a claimed code became.
pub(crate) struct StoredToken {
    pub(crate) digest: [u8; 32],
    pub(crate) expires_at: Timestamp,
}

impl ClaimState {
    /// Decides in the order that the contract gives; none if nothing stands in the way of a first claim, which is then to be written.
    pub(crate) fn decide(&self, claim: &Claim) -> Option<ClaimOutcome> {
        let accepted = claim.accept.contains(&self.terms.report_type);
        match &self.token {
            Some(token) if !token.repeats(claim, self.repeat_until) => Some(ClaimOutcome::Used),
            None if self.expires_at <= claim.now => Some(ClaimOutcome::Expired),
            _ if !accepted => Some(ClaimOutcome::Unsupported),
            Some(_) => Some(ClaimOutcome::Claimed(self.terms)),
            None => None,
        }
    }
}

impl StoredToken {
    /// Whether `claim` is the one that made this token, and may still be answered.
    fn repeats(&self, claim: &Claim, repeat_until: Option<Timestamp>) -> bool {
        let bound = claim.repeat_until.is_none();
        self.digest == claim.token_digest
            && claim.now < self.expires_at
            && (bound || repeat_until.is_some_and(|until| claim.now < until))
    }
}
