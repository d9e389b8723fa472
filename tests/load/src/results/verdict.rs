//! Whether a run is good, and why not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Latency, Operation, Proof, Results};
use crate::operations::SUBMISSIONS;
use crate::words::{grouped, milliseconds};

/// Beyond this wait (p99, in milliseconds) the report says who was the bottleneck: the load machine, or a deployment that is behind.
const NOTABLE_WAIT_MS: f64 = 100.0;
/// Of fewer answers the 99th percentile is the longest.
const ENOUGH: u64 = 100;

/// A limit that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// The operation that it is about.
    pub operation: String,
    /// So many percent of its requests ...
    pub percentile: f64,
    /// ... must take no longer than this from the intended time, in milliseconds.
    pub at_most_ms: f64,
    /// What was measured. Null if nothing was answered, which breaks the limit.
    pub measured_ms: Option<f64>,
    /// Whether it was kept.
    pub held: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Nothing failed, and the proof holds if there is one.
    #[default]
    Passed,
    /// There were errors, or a limit was broken.
    Failed,
    /// Keys were lost, doubled or wrong.
    ProofFailed,
}

/// How a run ended, and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The ending.
    pub ending: Ending,
    /// The exit code that belongs to it: 0, 1 or 2.
    pub exit_code: u8,
    /// What decided against the run, in whole sentences. Empty if it passed.
    pub reasons: Vec<String>,
    /// What one should know about the figures, in whole sentences.
    pub remarks: Vec<String>,
}

impl Verdict {
    /// Judges a run by its other fields.
    pub(super) fn of(results: &Results) -> Self {
        let lost = results.proof.iter().filter(|proof| !proof.holds()).flat_map(proof_reasons);
        let lost: Vec<String> = lost.chain(proves_nothing(results)).collect();
        let errors = error_reasons(results);
        // Through faults errors are expected: they are told, and decide nothing.
        let (errors, mut remarks) =
            if results.run.through_faults { (Vec::new(), errors) } else { (errors, Vec::new()) };
        let (ending, exit_code) = match (lost.is_empty(), errors.is_empty()) {
            (false, _) => (Ending::ProofFailed, 2),
            (true, false) => (Ending::Failed, 1),
            (true, true) => (Ending::Passed, 0),
        };
        remarks.extend(late(&results.operations));
        remarks.extend(behind(&results.operations));
        remarks.extend(few(&results.operations));
        if results.proof.is_none() {
            remarks.push("Published bundles were not compared with what was acknowledged.".to_owned());
        }
        Self { ending, exit_code, reasons: lost.into_iter().chain(errors).collect(), remarks }
    }
}

/// What to say if people came to upload and none of them was heard: a proof of nothing proves nothing.
fn proves_nothing(results: &Results) -> Option<String> {
    let sent = SUBMISSIONS.iter().any(|name| results.operation(name).is_some());
    let nothing = results.proof.as_ref().is_some_and(|proof| proof.acknowledged == 0);
    (sent && nothing).then(|| "Nothing was acknowledged, so nothing is proved.".to_owned())
}

fn proof_reasons(proof: &Proof) -> Vec<String> {
    let of = grouped(proof.acknowledged);
    let mut reasons = Vec::new();
    if proof.missing > 0 {
        reasons.push(format!(
            "{} of {of} acknowledged keys are missing from the published bundles.",
            grouped(proof.missing)
        ));
    }
    if proof.twice > 0 {
        reasons.push(format!("{} of {of} acknowledged keys are published more than once.", grouped(proof.twice)));
    }
    reasons.extend(proof.faults.iter().cloned());
    if reasons.is_empty() {
        let published = grouped(proof.published);
        reasons.push(format!("{published} of {of} acknowledged keys were found published exactly once, and the others are not accounted for."));
    }
    reasons
}

fn error_reasons(results: &Results) -> Vec<String> {
    let failed = results.operations.iter().filter(|operation| operation.all_failed() > 0).map(|operation| {
        let (failed, of) = (grouped(operation.all_failed()), grouped(operation.ended));
        format!("{failed} of {of} requests of {} failed: {}.", operation.name, counts(&operation.failed))
    });
    let unfinished = results.operations.iter().filter(|operation| operation.unfinished > 0);
    let unfinished = unfinished.map(|operation| {
        format!("{} requests of {} were asked for and never finished.", grouped(operation.unfinished), operation.name)
    });
    let broken = results.limits.iter().filter(|limit| !limit.held).map(|limit| {
        let Limit { operation, percentile, at_most_ms, measured_ms, .. } = limit;
        let at_most = milliseconds(*at_most_ms);
        match measured_ms {
            Some(ms) => format!(
                "p{percentile} of {operation} is {} ms, and at most {at_most} ms were asked for.",
                milliseconds(*ms)
            ),
            None => format!("p{percentile} of {operation} must be at most {at_most} ms, and nothing was answered."),
        }
    });
    failed.chain(unfinished).chain(broken).collect()
}

/// What to say if requests waited for the load machine. None if they hardly did.
fn late(operations: &[Operation]) -> Option<String> {
    let waited = longest(operations, |operation| operation.waited.as_ref())?;
    Some(format!("The load machine itself was late, {waited}; latencies include that."))
}

/// What to say if requests waited for those before them. None if they hardly did.
fn behind(operations: &[Operation]) -> Option<String> {
    let waited = longest(operations, |operation| operation.no_room.as_ref())?;
    Some(format!(
        "The deployment was behind: as many were under way as --in-flight allows, and others waited for room, {waited}; latencies include that."
    ))
}

/// `300 ms for upload (p99), and one other operation`: where the notable waits of a kind were.
fn longest(operations: &[Operation], of: fn(&Operation) -> Option<&Latency>) -> Option<String> {
    let waits = operations.iter().filter_map(|operation| Some((of(operation)?.p99_ms, &operation.name)));
    let notable: Vec<(f64, &String)> = waits.filter(|(p99, _)| *p99 >= NOTABLE_WAIT_MS).collect();
    let (p99, name) = notable.iter().max_by(|(left, _), (right, _)| left.total_cmp(right))?;
    let others = match notable.len() - 1 {
        0 => String::new(),
        1 => ", and one other operation".to_owned(),
        more => format!(", and {more} other operations"),
    };
    Some(format!("{} ms for {name} (p99){others}", milliseconds(*p99)))
}

/// What to say if there were too few answers for a percentile. None if there were enough of all.
fn few(operations: &[Operation]) -> Option<String> {
    let counts = operations.iter().filter_map(|operation| Some((operation.latency.as_ref()?.count, &operation.name)));
    let few: Vec<String> =
        counts.filter(|(count, _)| *count < ENOUGH).map(|(count, name)| format!("{name} {count}")).collect();
    let listed = few.join(", ");
    (!few.is_empty())
        .then(|| format!("Fewer than {ENOUGH} were answered, so that p99 is the longest of them: {listed}."))
}

/// `timeout 3, status_500 1`.
fn counts(counts: &BTreeMap<String, u64>) -> String {
    let words = counts.iter().map(|(name, count)| format!("{name} {}", grouped(*count)));
    words.collect::<Vec<String>>().join(", ")
}
