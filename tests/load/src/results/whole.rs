//! All of it.

use serde::{Deserialize, Serialize};

use super::{Limit, Mark, Operation, Proof, Run, Series, Verdict};

/// The version of these shapes: the first field of the JSON.
pub const FORMAT: &str = "pratique/load/v1";

/// The results of one run: the JSON of `load --json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Always [`FORMAT`].
    pub format: String,
    /// How the run ended, and why.
    pub verdict: Verdict,
    /// What was run, where and when.
    pub run: Run,
    /// How long it took from the start of the schedule until everything was done, in seconds.
    pub seconds: f64,
    /// What the published bundles say. Null if they were not read.
    pub proof: Option<Proof>,
    /// The limits that were asked for.
    pub limits: Vec<Limit>,
    /// The operations, in the order in which they are shown.
    pub operations: Vec<Operation>,
    /// The same along the time.
    pub series: Series,
    /// Moments that plots point out.
    pub marks: Vec<Mark>,
}

impl Results {
    /// With the outcome of the proof.
    #[must_use]
    pub fn with_proof(self, proof: Proof) -> Self {
        Self { proof: Some(proof), ..self }.judged()
    }

    /// With a limit: so many percent of an operation's requests must take at most so many milliseconds from the intended time.
    #[must_use]
    pub fn with_limit(mut self, operation: &str, percentile: f64, at_most_ms: f64) -> Self {
        let latency = self.operation(operation).and_then(|operation| operation.latency.as_ref());
        let measured_ms = latency.map(|latency| latency.at_percentile_ms(percentile));
        let held = measured_ms.is_some_and(|ms| ms <= at_most_ms);
        let operation = operation.to_owned();
        self.limits.push(Limit { operation, percentile, at_most_ms, measured_ms, held });
        self.judged()
    }

    /// The figures of an operation. None if it never occurred.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.name == name)
    }

    /// The same with the verdict that follows from the other fields.
    pub(crate) fn judged(mut self) -> Self {
        self.verdict = Verdict::of(&self);
        self
    }
}
