//! Passes one after the other: at the boundaries of periods, and in between for what an earlier one left undone.
//!
//! Whether a feed is sealed is decided in the database, once in each of its periods, so any number of schedules may run beside each other, and a
//! pass more does no harm. Boundaries are those of the database's time: schedules whose machines' clocks differ wake up together.

use std::pin::pin;
use std::time::Duration;

use store::{RELEASE_GRAIN, chance};
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::{ExportError, FailureKind};
use crate::occasion::{Round, Timing};
use crate::report::{FeedReport, Report};
use crate::run::Exporter;

/// How long the step that runs when the end is asked for may take. What is then cut off is what a crash would cut off.
const PATIENCE: Duration = Duration::from_secs(25);

/// The waits after failures: the first, and the longest that doubling leads to. What a setting or somebody has to mend is asked for less often.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
const MENDED: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(300));

/// A pass that is over.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// What it came to.
    pub outcome: &'a Result<Report, ExportError>,
    /// How long it took.
    pub took: Duration,
    /// In how long the next one begins.
    pub rest: Duration,
}

impl Exporter {
    /// Passes until `asked` is ready; then the step that runs is finished and nothing more is begun. Each pass that did something for a feed writes
    /// one line to the log, and `seen` is called after each pass.
    pub async fn run(&self, asked: impl Future<Output = ()>, mut seen: impl FnMut(&Seen<'_>)) {
        let mut asked = pin!(asked);
        let mut backoff = Backoff::default();
        loop {
            let begun = Instant::now();
            let mut round = pin!(self.round(Timing::Due));
            let ended = tokio::select! {
                ended = &mut round => ended,
                () = &mut asked => {
                    self.stop().ask();
                    return tokio::select! {
                        // A machine that stood still finds the wait over and the step done: then it is done.
                        biased;
                        _ = &mut round => {}
                        () = self.stop().still() => {}
                        () = sleep(PATIENCE) => tracing::warn!("a step took too long to wait for; the next start repeats it"),
                    };
                }
            };
            let next = ended.as_ref().ok().map(wake_at);
            let outcome = ended.map(|round| round.report);
            let (ended, took) = (Instant::now(), begun.elapsed());
            let again = backoff.wait(worst(&outcome)).map(|wait| ended + wait);
            let wake = again.into_iter().chain(next).min().unwrap_or(ended);
            seen(&Seen { outcome: &outcome, took, rest: wake.saturating_duration_since(ended) });
            match &outcome {
                Ok(report) => tell(report, took),
                Err(why) => tracing::warn!(error = %why, "the pass did not begin; it is tried again"),
            }
            tokio::select! {
                () = sleep_until(wake) => {}
                () = &mut asked => return,
            }
        }
    }
}

/// When the next pass begins if nothing failed: at the next boundary of a feed's period, and whenever what waited may be released. The time that
/// was read was rounded down, so whoever waits from then on is never early.
fn wake_at(round: &Round) -> Instant {
    let now = round.clocks.database;
    let ripe = now.floor(RELEASE_GRAIN).plus(RELEASE_GRAIN);
    let next = round.next.map_or(ripe, |boundary| boundary.min(ripe));
    let seconds = u64::try_from(next.unix().saturating_sub(now.unix())).unwrap_or_default();
    Instant::from_std(round.clocks.read) + Duration::from_secs(seconds)
}

/// What failed worst.
fn worst(outcome: &Result<Report, ExportError>) -> Option<FailureKind> {
    match outcome {
        Ok(report) => report.failures().map(|failure| failure.kind).max(),
        Err(why) => Some(why.kind()),
    }
}

/// Waits that grow while passes fail.
#[derive(Debug, Default)]
struct Backoff {
    failed: u32,
}

impl Backoff {
    /// How long to wait after a pass in which this failed worst; none if nothing did.
    fn wait(&mut self, worst: Option<FailureKind>) -> Option<Duration> {
        let (first, longest) = match worst {
            None => {
                self.failed = 0;
                return None;
            }
            Some(FailureKind::Retry) => RETRY,
            Some(FailureKind::GiveUp | FailureKind::Corrupt) => MENDED,
        };
        let wait = first.saturating_mul(1 << self.failed.min(16)).min(longest);
        self.failed = self.failed.saturating_add(1);
        Some(jittered(wait, chance::bytes()))
    }
}

/// Half to all of a wait, so that programs that failed together do not come back together.
fn jittered(wait: Duration, [chance]: [u8; 1]) -> Duration {
    wait / 2 + wait / 2 * u32::from(chance) / 255
}

/// One line for each feed of which something can be told; failures were logged by the pass.
fn tell(report: &Report, duration: Duration) {
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    for feed in report.feeds.iter().filter(|feed| did_something(feed)) {
        let put: usize = feed.buckets.iter().map(|bucket| bucket.put.len()).sum();
        let deleted: usize = feed.buckets.iter().map(|bucket| bucket.deleted.len()).sum();
        tracing::info!(
            feed = feed.feed,
            feed.number = feed.number,
            bundles.sealed = feed.sealed.len(),
            bundle.sequence = feed.sealed.last().map(|bundle| bundle.sequence),
            entries.count = feed.sealed.iter().map(|bundle| bundle.count).sum::<u64>(),
            entries.revised = feed.sealed.iter().map(|bundle| bundle.revised).sum::<u64>(),
            entries.waiting = feed.waiting.map(|waiting| waiting.held),
            objects.put = put,
            objects.deleted = deleted,
            bundles.delisted = feed.delisted.len(),
            bundles.purged = feed.purged.bundles.len(),
            duration_ms,
            "the pass changed the feed"
        );
    }
}

fn did_something(feed: &FeedReport) -> bool {
    let in_a_bucket = feed.buckets.iter().any(|to| to.moved || !to.put.is_empty() || !to.deleted.is_empty());
    in_a_bucket || !feed.sealed.is_empty() || !feed.delisted.is_empty() || !feed.purged.bundles.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_while_passes_fail_and_begin_anew_when_one_does_not() {
        let mut backoff = Backoff::default();
        for most in [1, 2, 4, 8, 16, 32, 60, 60] {
            let wait = backoff.wait(Some(FailureKind::Retry)).expect("it failed");
            assert!(wait <= Duration::from_secs(most) && wait >= Duration::from_millis(most * 500 - 4), "{wait:?}");
        }
        assert_eq!(backoff.wait(None), None);
        let wait = backoff.wait(Some(FailureKind::Corrupt)).expect("it failed");
        assert!(wait >= MENDED.0 / 3 && wait <= MENDED.0, "{wait:?}");
    }

    #[test]
    fn a_wait_is_spread_over_its_second_half() {
        let wait = Duration::from_secs(60);
        assert_eq!((jittered(wait, [0]), jittered(wait, [255])), (wait / 2, wait));
    }
}
