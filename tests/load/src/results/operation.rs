//! The figures of one operation over the whole run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Latency;

/// One operation, such as `upload`, over the whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its name: a lower-case word, or several joined by `_`.
    pub name: String,
    /// A journey is made of requests that stand here by themselves, from a code to an upload, for example: it counts among no requests.
    pub journey: bool,
    /// How many requests the schedule asked for. Null for steps that follow from an answer and not from the schedule.
    pub asked: Option<u64>,
    /// The mean rate of these, from the first to the last. Null for fewer than two.
    pub asked_per_second: Option<f64>,
    /// How many ended, in whatever way.
    pub ended: u64,
    /// The mean rate of these, from the first to the last. Null for fewer than two.
    pub ended_per_second: Option<f64>,
    /// How many were asked for and never ended: errors.
    pub unfinished: u64,
    /// How many were answered as asked.
    pub done: u64,
    /// How many were answered 304.
    pub not_modified: u64,
    /// How many were refused as this actor must expect, by code.
    pub refused: BTreeMap<String, u64>,
    /// How many failed, by reason: errors.
    pub failed: BTreeMap<String, u64>,
    /// Bytes of the answers' bodies.
    pub received_bytes: u64,
    /// From the time that the schedule gave to the end of the answer. Null if nothing was answered. Failures are not in it.
    pub latency: Option<Latency>,
    /// From when the request was really sent to the end of the answer. Null if that was not measured.
    pub service: Option<Latency>,
    /// How long the load machine itself was late before the request was sent. Null if not measured.
    pub waited: Option<Latency>,
    /// How long there was no room before it was sent, because as many were under way as `--in-flight` allows: the deployment is behind. Null if there was
    /// always room.
    pub no_room: Option<Latency>,
}

impl Operation {
    /// How its requests ended, in the order of the columns in which that is shown: done, not modified, refused, failed, unfinished.
    pub fn counts(&self) -> [u64; 5] {
        [self.done, self.not_modified, self.all_refused(), self.all_failed(), self.unfinished]
    }

    /// All refusals.
    pub fn all_refused(&self) -> u64 {
        self.refused.values().sum()
    }

    /// All failures.
    pub fn all_failed(&self) -> u64 {
        self.failed.values().sum()
    }
}
