//! What a run came to: its figures, the proof, the verdict. These types are the JSON of `load --json`, field by field.
//!
//! Names end in their unit (`_ms`, `_seconds`, `_bytes`, `_per_second`); what has no unit is a count. [`FORMAT`] names the version: fields
//! may be added without a new one, and readers ignore what they do not know.

mod latency;
mod machine;
mod operation;
mod proof;
mod run;
mod series;
mod verdict;
mod whole;

pub use latency::{Latency, Percentile};
pub use machine::Machine;
pub use operation::Operation;
pub use proof::Proof;
pub use run::Run;
pub use series::{GaugeSeries, Mark, OperationSeries, Series, Windows};
pub use verdict::{Ending, Limit, Verdict};
pub use whole::{FORMAT, Results};
