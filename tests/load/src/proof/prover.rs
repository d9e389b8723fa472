//! Waiting until all is published, and then reading all of it once more from the beginning.

use std::sync::Arc;
use std::time::{Duration, Instant};

use client::Http;
use proto::Kind;

use super::count::{Summary, summary};
use super::reading::Reading;
use crate::ledger::{Identity, Ledger};
use crate::results::Proof;
use crate::settings::Target;
use crate::stop::Stop;

/// Between two looks at the feeds: a CDN keeps their lists for minutes, a trial for seconds.
const BETWEEN: Duration = Duration::from_secs(1);
/// How often the last reading is tried. A single lost answer would otherwise be taken for a lost bundle.
const LAST_READINGS: u32 = 3;

/// What is to be proved.
pub(crate) struct Evidence {
    kinds: [OfKind; 2],
}

/// Everything of a kind.
struct OfKind {
    /// In order.
    sent: Arc<[(Identity, bool)]>,
    readings: Vec<Reading>,
}

impl Evidence {
    /// Takes what was sent out of the ledger, and begins to read the feeds in which it must stand.
    pub(crate) fn gather(ledger: &Ledger, http: &Http, target: &Target) -> Self {
        let of_kind = |kind: Kind| {
            let sent: Arc<[_]> = ledger.take(kind).into();
            let feeds = target.feeds.iter().filter(|(feed, _)| feed.kind == kind);
            let readings = feeds.map(|feed| Reading::begin(http, &target.cdn, feed, sent.len())).collect();
            OfKind { sent, readings }
        };
        Self { kinds: Kind::ALL.map(of_kind) }
    }
}

/// Reads until everything acknowledged is found, until `stop`, and then all of it anew: what counts is what is there in the end.
pub(crate) async fn prove(mut evidence: Evidence, stop: &Stop) -> Proof {
    let began = Instant::now();
    loop {
        for kind in &mut evidence.kinds {
            kind.go_on().await;
        }
        let all_there = evidence.kinds.iter().all(|kind| kind.summary().missing == 0);
        if all_there || !stop.or(Instant::now() + BETWEEN).await {
            break;
        }
    }
    let waited_seconds = began.elapsed().as_secs_f64();
    let (mut proof, mut tries) = (Proof::default(), 0);
    while tries < LAST_READINGS && (tries == 0 || !proof.holds()) {
        if tries > 0 {
            tokio::time::sleep(BETWEEN).await;
        }
        proof = Proof { waited_seconds, ..evidence.read_anew().await };
        tries += 1;
    }
    proof
}

impl Evidence {
    async fn read_anew(&self) -> Proof {
        let mut proof = Proof::default();
        for kind in &self.kinds {
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
            for reading in &fresh.readings {
                proof.others += reading.count.others;
                proof.bundles += reading.count.bundles;
                proof.feeds.push(reading.feed().to_string());
            }
        }
        proof
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
        Self { sent: Arc::clone(&self.sent), readings }
    }

    fn summary(&self) -> Summary {
        let counts: Vec<_> = self.readings.iter().map(|reading| &reading.count).collect();
        summary(&self.sent, &counts)
    }
}
