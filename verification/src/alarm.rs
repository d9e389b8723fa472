//! The alarm that somebody tries codes of digits: while it is up, new codes are written in Crockford's base 32, and operators see it.

use store::{GuessScope, Spelling, StoreError};

use crate::error::VerificationError;
use crate::state::State;

/// Whether an authority's codes of digits are being guessed in this hour, or everybody's.
pub(crate) async fn is_up(state: &State, authority: &str) -> Result<bool, StoreError> {
    Ok(which_are_up(state, &[authority]).await?.contains(&true))
}

/// Looks at every authority, and says what has changed since the last look.
pub(crate) async fn watch(state: &State) -> Result<(), VerificationError> {
    let issuers = state.store().issuers().await?;
    let ids: Vec<&str> = issuers.iter().map(|known| known.issuer.id.as_str()).collect();
    for (&authority, up) in ids.iter().zip(which_are_up(state, &ids).await?) {
        let was_up = state.guess_metrics().alarm(authority, up);
        if up && !was_up {
            tracing::warn!(
                authority,
                "somebody tries codes of digits: until the hour ends new ones are Crockford codes"
            );
        } else if was_up && !up {
            tracing::info!(authority, "the alarm for codes of digits is over: a new hour has begun");
        }
    }
    Ok(())
}

async fn which_are_up(state: &State, authorities: &[&str]) -> Result<Vec<bool>, StoreError> {
    let limits = state.budgets().limits(Spelling::Digits);
    let scopes = authorities.iter().map(|&id| GuessScope::Authority(id.to_owned()));
    let scopes: Vec<_> = scopes.chain([GuessScope::All]).collect();
    let mut failures = state.store().failures(Spelling::Digits, &scopes, state.now()).await?;
    let all_are_up = failures.pop().is_some_and(|in_all| in_all >= u64::from(limits.all));
    Ok(failures.into_iter().map(|failures| all_are_up || failures >= u64::from(limits.authority)).collect())
}
