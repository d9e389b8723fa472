//! What a running service does by itself.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::alarm;
use crate::purging;
use crate::state::State;

/// How often it looks whether there is something to do.
const BEAT: Duration = Duration::from_secs(10);
/// What has expired is deleted every minute.
const BEATS_A_PURGE: u64 = 6;
/// What phones did is published every five minutes: nobody is to see a single request pass.
const BEATS_A_STEP: u64 = 30;

/// Runs until nobody else holds the state.
pub(crate) async fn run(state: State) {
    let mut clock = tokio::time::interval(BEAT);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for beat in 0_u64.. {
        clock.tick().await;
        if !state.is_shared() {
            return;
        }
        if let Err(error) = alarm::watch(&state).await {
            tracing::error!(%error, "it is not known whether codes are being guessed; looking again in ten seconds");
        }
        if beat % BEATS_A_STEP == 0 {
            state.metrics().step();
        }
        if beat % BEATS_A_PURGE == 0 {
            purging::purge_or_complain(&state).await;
        }
    }
}
