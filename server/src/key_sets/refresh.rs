//! Fetching the sets that are due, and saying what came of it: once for each change, not for each attempt, and when a step ends. An upload that names a
//! key which nobody knows has the set fetched at once, and a line at once would say when it came.

use std::time::Duration;

use store::chance;
use store::{FetchFailure, KEY_SET_KEPT, KeySetChange, KeySetSource, StoreError};

use super::fetcher::Unfetched;
use crate::error::ServerError;
use crate::state::State;

/// How many sets are fetched one after the other before it is shown how all of them stand.
const MOST_AT_ONCE: u32 = 6;
/// How often a server looks whether a set is due.
const BEAT: Duration = Duration::from_secs(10);
/// When a set is fetched again that could not be, in seconds.
const RETRY: u32 = 60;

/// Follows the sets for as long as anybody else holds the state.
pub(crate) async fn follow(state: &State) {
    while state.is_shared() {
        if let Err(error) = beat(state).await {
            state.metrics().at_next_step(move || {
                tracing::warn!(%error, "the keys that authorities publish could not be looked after; trying again in ten seconds");
            });
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = state.key_sets().wanted() => {}
        }
    }
}

async fn beat(state: &State) -> Result<(), StoreError> {
    for authority in state.key_sets().take_wanted() {
        state.store().hasten_key_set(&authority).await?;
    }
    refresh_due(state).await.map(drop)
}

/// Fetches the sets that are due and that nobody else is fetching, and shows how it stands with all of them, as a running server does every ten
/// seconds; how many were fetched or failed.
///
/// # Errors
/// Those of the database. That a set cannot be fetched is none: it is noted and logged.
pub async fn refresh_due(state: &State) -> Result<u32, StoreError> {
    let mut count = 0;
    // Those that do not answer take ten seconds each: there is something else to do between them.
    while count < MOST_AT_ONCE
        && let Some(source) = state.store().claim_key_set().await?
    {
        count += 1;
        match state.key_sets().fetcher.fetch(&source.url).await {
            Ok(keys) => {
                let change = state.store().record_key_set(&source, &keys, next(state)).await?;
                state.metrics().at_next_step(move || log_change(&source, &change));
            }
            Err(why) => fail(state, source, why).await?,
        }
    }
    state.server_metrics().key_sets.show(&state.store().all_registered().await?, state.now());
    Ok(count)
}

/// Fetches a set at once, whether or not it is due.
///
/// # Errors
/// [`ServerError::Unfetched`] if it cannot be fetched, which is noted, and [`ServerError::Store`].
pub(crate) async fn refresh(state: &State, source: &KeySetSource) -> Result<KeySetChange, ServerError> {
    match state.key_sets().fetcher.fetch(&source.url).await {
        Ok(keys) => Ok(state.store().record_key_set(source, &keys, next(state)).await?),
        Err(why) => {
            state.store().record_fetch_failure(source, retry(state)).await?;
            Err(why.into())
        }
    }
}

async fn fail(state: &State, source: KeySetSource, why: Unfetched) -> Result<(), StoreError> {
    let failure = state.store().record_fetch_failure(&source, retry(state)).await?;
    state.metrics().at_next_step(move || log_failure(&source, &why, failure));
    Ok(())
}

fn log_failure(source: &KeySetSource, why: &Unfetched, failure: FetchFailure) {
    let authority = &source.authority;
    match failure {
        FetchFailure::First => tracing::warn!(
            authority.id = authority,
            error = %why,
            "the keys that an authority publishes cannot be fetched; the last good ones are believed for 7 days after they were fetched"
        ),
        FetchFailure::Expired => tracing::error!(
            authority.id = authority,
            error = %why,
            kept.days = KEY_SET_KEPT / 86_400,
            "the keys that an authority publishes could not be fetched for 7 days; what was fetched before is believed no more"
        ),
        FetchFailure::Again => {}
    }
}

fn log_change(source: &KeySetSource, change: &KeySetChange) {
    let KeySetChange { added, replaced, gone, recovered, moved } = change;
    let authority = &source.authority;
    if *moved {
        return;
    }
    if *recovered {
        tracing::info!(authority.id = authority, "the keys that an authority publishes can be fetched again");
    }
    if !replaced.is_empty() {
        tracing::warn!(authority.id = authority, keys.replaced = ?replaced, "an authority publishes other keys under the same ids; the old ones are believed no more");
    }
    if !added.is_empty() || !gone.is_empty() {
        tracing::info!(authority.id = authority, keys.added = ?added, keys.gone = ?gone, "an authority has changed the keys that it publishes");
    }
}

/// When a set is due again that was fetched: in a period, give or take a tenth, so that sets do not stay in step.
fn next(state: &State) -> u32 {
    let period = period(state);
    let [chance] = chance::bytes::<1>();
    period - period / 10 + period / 5 * u32::from(chance) / 255
}

fn retry(state: &State) -> u32 {
    RETRY.min(period(state))
}

fn period(state: &State) -> u32 {
    u32::try_from(state.key_sets().period.as_secs()).unwrap_or(u32::MAX / 1_000)
}
