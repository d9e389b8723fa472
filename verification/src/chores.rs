//! What a running service does by itself.

use std::time::Duration;

use service::{Beats, publish_in_steps};
use store::Day;

use crate::state::State;
use crate::{alarm, purging, statistics};

/// How often it looks whether there is something to do.
const BEAT: Duration = Duration::from_secs(10);
/// What has expired is deleted every minute, and the database is asked whether it is there.
const BEATS_A_PURGE: u64 = 6;

/// Runs until nobody else holds the state. In maintenance it reads and shows, and writes nothing.
pub(crate) async fn run(state: State) {
    // Beside each other: a slow database must not keep what phones did from being published when it is everywhere else.
    tokio::join!(tidy(&state), publish_in_steps(state.metrics(), || state.now(), || state.is_shared()));
}

async fn tidy(state: &State) {
    let mut beats = Beats::every(BEAT, || state.is_shared());
    let mut shown = None;
    while let Some(beat) = beats.next().await {
        if beat % BEATS_A_PURGE == 0 {
            state.database_up().ask(state.store().ping()).await;
        }
        if let Err(error) = alarm::watch(state).await {
            tracing::warn!(%error, "it is not known whether codes are being guessed; looking again in ten seconds");
        }
        if beat % BEATS_A_PURGE == 0 && !state.is_in_maintenance() {
            freeze(state, &mut shown).await;
            purging::purge_or_complain(state).await;
        }
    }
}

/// Decides what is shown of a day that is over, once: its counts need not be kept then.
async fn freeze(state: &State, shown: &mut Option<Day>) {
    let over = statistics::last_over(state.now());
    if *shown == Some(over) {
        return;
    }
    match statistics::freeze_all(state.as_ref(), state.threshold()).await {
        Ok(()) => *shown = Some(over),
        Err(error) => {
            tracing::warn!(%error, "what is shown of yesterday is not decided yet; trying again in a minute")
        }
    }
}
