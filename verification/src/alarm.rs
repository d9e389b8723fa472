//! The alarm that somebody tries codes of digits: while it is up, new codes are written in Crockford's base 32, and operators see it.

use store::{GuessScope, Spelling, StoreError};

use crate::error::VerificationError;
use crate::state::State;

/// The budgets of wrong codes, as they stand in this hour.
struct Standing {
    /// What is left for each authority that was asked for, in their order.
    left: Vec<u64>,
    /// What is left for all together.
    left_in_all: u64,
}

/// Whether an authority's codes of digits are being guessed in this hour, or everybody's.
pub(crate) async fn is_up(state: &State, authority: &str) -> Result<bool, StoreError> {
    Ok(standing(state, Spelling::Digits, &[authority]).await?.are_up().contains(&true))
}

/// Looks at every authority, shows what is left of each budget, and says what has changed since the last look.
pub(crate) async fn watch(state: &State) -> Result<(), VerificationError> {
    let issuers = state.store().issuers().await?;
    let ids: Vec<&str> = issuers.iter().map(|known| known.issuer.id.as_str()).collect();
    let crockford = standing(state, Spelling::Crockford, &ids).await?;
    crockford.show(state, Spelling::Crockford, &ids);
    let digits = standing(state, Spelling::Digits, &ids).await?;
    digits.show(state, Spelling::Digits, &ids);
    for (&authority, up) in ids.iter().zip(digits.are_up()) {
        let was_up = state.guess_metrics().alarm(authority, up);
        if up && !was_up {
            tracing::warn!(
                authority.id = authority,
                "somebody tries codes of digits: until the hour ends new ones are Crockford codes"
            );
        } else if was_up && !up {
            tracing::info!(authority.id = authority, "the alarm for codes of digits is over: a new hour has begun");
        }
    }
    Ok(())
}

async fn standing(state: &State, spelling: Spelling, authorities: &[&str]) -> Result<Standing, StoreError> {
    let limits = state.budgets().limits(spelling);
    let scopes = authorities.iter().map(|&id| GuessScope::Authority(id.to_owned()));
    let scopes: Vec<_> = scopes.chain([GuessScope::All]).collect();
    let mut failures = state.store().failures(spelling, &scopes, state.now()).await?;
    let left = |limit: u32, failures: u64| u64::from(limit).saturating_sub(failures);
    let left_in_all = left(limits.all, failures.pop().unwrap_or_default());
    Ok(Standing { left: failures.into_iter().map(|failures| left(limits.authority, failures)).collect(), left_in_all })
}

impl Standing {
    /// For which authorities a budget is spent: their own, or that of all.
    fn are_up(&self) -> Vec<bool> {
        self.left.iter().map(|&left| left == 0 || self.left_in_all == 0).collect()
    }

    fn show(&self, state: &State, spelling: Spelling, authorities: &[&str]) {
        let metrics = state.guess_metrics();
        authorities.iter().zip(&self.left).for_each(|(authority, left)| metrics.left(authority, spelling, *left));
        metrics.left("", spelling, self.left_in_all);
    }
}
