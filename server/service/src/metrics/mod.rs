//! Numbers for operators, on a listener of their own, in the text format that Prometheus reads.
//!
//! What phones bring about is counted at once and published in steps, as one text, so that nobody who reads the numbers often sees a single request
//! pass. That goes for everything that a request moves, however little: the time that transactions take, connections to the database, processor
//! time. What is published at once moves by itself or by what operators and authorities do.

mod kinds;
mod steps;

mod registry;

mod database;
mod process;

mod listen;
mod publishing;

pub use database::{DatabaseMetrics, DatabaseUp};
pub use kinds::{GaugeFamily, Gauges, Histograms, SteppedCounter, SteppedFamily, rounded_up};
pub use listen::{listen_metrics, listen_metrics_and_probes};
pub use publishing::publish_in_steps;
pub use registry::{Described, MetricKind, Metrics};
