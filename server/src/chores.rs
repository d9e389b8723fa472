//! What a running server does by itself: it forgets, in steps that are short enough for phones to wait for, what nobody asks for any more, and
//! follows the keys that authorities publish.

use std::time::Duration;

use service::{Beats, publish_in_steps};
use store::StoreError;

use crate::key_sets;
use crate::state::State;
use crate::statistics;

/// How often.
const PERIOD: Duration = Duration::from_secs(60);
/// How many rows of a kind are deleted in one transaction.
const ROWS: u32 = 500;

/// Runs until nobody else holds the state.
pub(crate) async fn run(state: State) {
    // Beside each other: an authority that does not answer must not keep anything from being forgotten, nor a slow database what phones did from being
    // published when it is everywhere else.
    let publish = publish_in_steps(state.metrics(), || state.now(), || state.is_shared());
    tokio::join!(tidy(&state), key_sets::follow(&state), publish);
}

async fn tidy(state: &State) {
    let mut beats = Beats::every(PERIOD, || state.is_shared());
    while beats.next().await.is_some() {
        state.server_metrics().database_up.ask(state.store().ping()).await;
        if let Err(error) = forget(state).await {
            tracing::warn!(%error, "spent challenges, and what was counted too long ago, could not be deleted; trying again in a minute");
        }
    }
}

async fn forget(state: &State) -> Result<(), StoreError> {
    while state.store().forget_admissions(state.now(), ROWS).await? > 0 {}
    while state.store().forget_upload_days(statistics::oldest_kept(state.now()), ROWS).await? > 0 {}
    Ok(())
}
