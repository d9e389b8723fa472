//! What all actors of a run share.

use std::time::{Duration, Instant};

use client::{ClientError, Http};
use reqwest::header::HeaderMap;

use crate::address::{Addresses, Crowd};
use crate::clock::Clock;
use crate::drive::GRACE;
use crate::ledger::Ledger;
use crate::reason;
use crate::record::{Outcome, Recorder, Times};
use crate::settings::Target;
use crate::stop::Stop;

/// How often somebody tries before they give up, where nobody breaks anything.
const TRIES: u32 = 3;
/// The first pause before the same is tried again; it doubles, and a service may ask for a longer one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause through faults: whoever waits longer would not be there when the fault is over.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What all actors share.
pub(crate) struct World {
    pub(crate) target: Target,
    /// The connections to both services.
    pub(crate) http: Http,
    pub(crate) recorder: Recorder,
    pub(crate) ledger: Ledger,
    pub(crate) addresses: Addresses,
    pub(crate) stop: Stop,
    /// Whether faults are expected.
    pub(crate) through_faults: bool,
}

/// One step of a journey that did not succeed: the word for it, and whether it may be begun anew.
pub(crate) struct Stuck(pub(crate) &'static str);

impl World {
    /// The clock of the deployment.
    pub(crate) const fn clock(&self) -> Clock {
        Clock::ahead(self.target.clock_offset)
    }

    /// Connections as number `n` of a crowd has them.
    pub(crate) fn calling_as(&self, crowd: Crowd, n: u64) -> Http {
        self.http.on_behalf_of(self.addresses.of(crowd, n))
    }

    /// What says that a request comes from number `n` of a crowd, where it is not crate `client` that sends it.
    pub(crate) fn headers_of(&self, crowd: Crowd, n: u64) -> HeaderMap {
        self.addresses.headers(crowd, n)
    }

    /// A step of a journey: repeated as the protocol allows, each try noted, with the bytes that were `received` meanwhile. Its time counts from its
    /// first try.
    pub(crate) async fn step<T, F: Future<Output = Result<T, ClientError>>>(
        &self,
        operation: &'static str,
        received: impl Fn() -> u64,
        call: impl Fn() -> F,
    ) -> Result<T, Stuck> {
        let (intended, mut pause, mut tries) = (Instant::now(), FIRST_PAUSE, 0);
        loop {
            let (began, before) = (Instant::now(), received());
            let answer = call().await;
            let (ended, bytes) = (Instant::now(), received() - before);
            tries += 1;
            let error = match answer {
                Ok(answer) => {
                    self.recorder.note_begun(operation, Times::at_once(intended, began, ended), Outcome::Done, bytes);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let word = reason::of_client(&error);
            self.recorder.note(operation, intended, ended, Outcome::Failed(word), bytes);
            let may_try = error.may_retry() && (self.through_faults || tries < TRIES);
            if !may_try || !self.pause(asked_for(&error).unwrap_or(pause)).await {
                return Err(Stuck(word));
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits; false if all is over before that.
    pub(crate) async fn pause(&self, pause: Duration) -> bool {
        let pause = if self.through_faults { pause.min(LONGEST_PAUSE) } else { pause };
        wait(pause, &self.stop).await
    }
}

/// Waits for so long; false if all is over before that. A service may ask for ages.
async fn wait(pause: Duration, stop: &Stop) -> bool {
    // What is under way at the end may go on for a while, and a run that was ended early is as patient.
    let in_time = |moment: &Instant| *moment <= stop.moment() + GRACE;
    let Some(moment) = Instant::now().checked_add(pause).filter(in_time) else { return false };
    tokio::time::sleep_until(moment.into()).await;
    in_time(&moment)
}

/// How long a busy service asks to be left alone.
const fn asked_for(error: &ClientError) -> Option<Duration> {
    match error {
        ClientError::Busy { retry_after, .. } => *retry_after,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_is_asked_to_wait_for_ages_gives_up() {
        let stop = Stop::at(Instant::now());
        assert!(wait(Duration::from_millis(1), &stop).await);
        for ages in [Duration::MAX, Duration::from_secs(u64::MAX), 2 * GRACE] {
            assert!(!wait(ages, &stop).await, "{ages:?}");
        }
    }
}
