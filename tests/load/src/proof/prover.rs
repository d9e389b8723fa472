//! Waiting until all is published, and then reading all of it once more from the beginning.

use std::sync::Arc;
use std::time::{Duration, Instant};

use client::Http;
use proto::{Feed, Kind};
use tokio::time::timeout;

use super::count::{Summary, summary};
use super::reading::Reading;
use crate::ledger::{Ledger, Sent};
use crate::results::Proof;
use crate::settings::Target;
use crate::stop::Stop;

/// Between two looks at the feeds: a CDN keeps their lists for minutes, a trial for seconds.
const BETWEEN: Duration = Duration::from_secs(1);
/// How often the last reading is tried, at least. A single lost answer would otherwise be taken for a lost bundle.
const LAST_READINGS: u32 = 3;
/// How long a last reading may take: whoever drips a bundle byte by byte is not waited for.
const LONGEST_READING: Duration = Duration::from_secs(600);

/// What is to be proved.
pub(crate) struct Evidence {
    kinds: [OfKind; 2],
}

/// Everything of a kind.
struct OfKind {
    /// In order.
    sent: Arc<[Sent]>,
    readings: Vec<Reading>,
    /// The feeds of the same regions for what nobody certified. Nothing of this run may stand there.
    uncertified: Vec<Reading>,
}

impl Evidence {
    /// Takes what was sent out of the ledger, and begins to read the feeds in which it must stand, and those in which it must not.
    pub(crate) fn gather(ledger: &Ledger, http: &Http, target: &Target) -> Self {
        let of_kind = |kind: Kind| {
            let sent: Arc<[_]> = ledger.take(kind).into();
            let feeds = target.feeds.iter().filter(|(feed, _)| feed.kind == kind);
            let readings = feeds.clone().map(|feed| Reading::begin(http, &target.cdn, feed, sent.len())).collect();
            let uncertified = feeds.map(|(feed, trust)| {
                let feed = Feed::self_reported(feed.region.clone(), kind);
                Reading::begin(http, &target.cdn, (&feed, trust), sent.len()).optional()
            });
            let uncertified = uncertified.collect();
            OfKind { sent, readings, uncertified }
        };
        Self { kinds: Kind::ALL.map(of_kind) }
    }
}

/// Reads until everything acknowledged is found, lets it `settle`, and then reads all of it anew: what counts is what is there in the end. `stop` ends
/// the waiting for both.
pub(crate) async fn prove(mut evidence: Evidence, stop: &Stop, settle: Duration) -> Proof {
    let began = Instant::now();
    let all_there = evidence.wait(stop).await;
    let waited_seconds = began.elapsed().as_secs_f64();
    // The next pass of an exporter may publish again what this one has published. Nobody who stopped here would ever see it.
    if all_there && !settle.is_zero() && stop.or(Instant::now() + settle).await {
        evidence.go_on(stop).await;
    }
    let mut tries = 0;
    loop {
        let (proof, is_final) = evidence.read_for_the_last_time().await;
        tries += 1;
        let is_tried = tries >= LAST_READINGS && Instant::now() >= stop.moment();
        if is_final || is_tried || proof.holds() {
            return Proof { waited_seconds, ..proof };
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

impl Evidence {
    /// Reads until everything acknowledged is there; false if the end came first.
    async fn wait(&mut self, stop: &Stop) -> bool {
        while self.go_on(stop).await {
            if self.kinds.iter().all(|kind| kind.summary().missing == 0) {
                return true;
            }
            if !stop.or(Instant::now() + BETWEEN).await {
                return false;
            }
        }
        false
    }

    /// Reads what is new; false if the end came first, which cuts a reading short.
    async fn go_on(&mut self, stop: &Stop) -> bool {
        let reading = async {
            for kind in &mut self.kinds {
                kind.go_on().await;
            }
        };
        tokio::select! {
            biased;
            () = reading => true,
            () = stop.come() => false,
        }
    }

    /// All of it anew, and whether no other reading could come to something better.
    async fn read_for_the_last_time(&mut self) -> (Proof, bool) {
        let acknowledged = self.kinds.iter().map(|kind| kind.summary().acknowledged).sum();
        let cut = || {
            let faults = vec![format!("The feeds could not be read within {} s.", LONGEST_READING.as_secs())];
            (Proof { acknowledged, faults, ..Proof::default() }, true)
        };
        timeout(LONGEST_READING, self.read_anew()).await.unwrap_or_else(|_| cut())
    }

    async fn read_anew(&mut self) -> (Proof, bool) {
        let (mut proof, mut lasting) = (Proof::default(), Vec::new());
        for kind in &mut self.kinds {
            let mut fresh = kind.anew();
            proof.faults.extend(fresh.go_on().await);
            let Summary { acknowledged, published, missing, twice, unacknowledged, unacknowledged_published } =
                fresh.summary();
            proof.acknowledged += acknowledged;
            proof.published += published;
            proof.missing += missing;
            proof.twice += twice;
            proof.unacknowledged += unacknowledged;
            proof.unacknowledged_published += unacknowledged_published;
            let elsewhere = kind.look_elsewhere(&mut proof, &mut lasting).await;
            proof.faults.extend(elsewhere);
            for (reading, before) in fresh.readings.into_iter().zip(&mut kind.readings) {
                proof.others += reading.count.others;
                proof.bundles += reading.count.bundles;
                proof.feeds.push(reading.feed().to_string());
                lasting.extend(reading.lasting());
                before.remember(reading);
            }
        }
        let is_final = proof.twice > 0 || !lasting.is_empty();
        let new = lasting.into_iter().filter(|fault| !proof.faults.contains(fault)).collect::<Vec<_>>();
        proof.faults.extend(new);
        (proof, is_final)
    }
}

impl OfKind {
    async fn go_on(&mut self) -> Vec<String> {
        let mut faults = Vec::new();
        for reading in &mut self.readings {
            faults.extend(reading.go_on(&self.sent).await);
        }
        faults
    }

    fn anew(&self) -> Self {
        let readings = self.readings.iter().map(|reading| reading.anew(self.sent.len())).collect();
        Self { sent: Arc::clone(&self.sent), readings, uncertified: Vec::new() }
    }

    /// Reads the feeds in which nothing of this run may stand, if they are there; what does not hold now. What stands there does so for good: that is `lasting`.
    async fn look_elsewhere(&self, proof: &mut Proof, lasting: &mut Vec<String>) -> Vec<String> {
        let mut faults = Vec::new();
        for reading in &self.uncertified {
            let mut reading = reading.anew(self.sent.len());
            faults.extend(reading.go_on(&self.sent).await);
            if reading.is_there {
                proof.bundles += reading.count.bundles;
                proof.feeds.push(reading.feed().to_string());
            }
            let (found, feed) = (reading.count.total(), reading.feed());
            if found > 0 {
                lasting.push(format!("{found} keys of this run stand in {feed}, for what nobody certified."));
            }
        }
        faults
    }

    fn summary(&self) -> Summary {
        let counts: Vec<_> = self.readings.iter().map(|reading| &reading.count).collect();
        summary(&self.sent, &counts)
    }
}
