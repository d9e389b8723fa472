//! What every HTTP service of ours does alike: log, listen, read bodies within bounds, make out who calls, answer in one size, show
//! numbers to operators, stop in good order.
//!
//! What a service says is its own: routes, codes of its API and the shape of its replies are in the crates that use this one.

mod log;
mod panics;
mod say;

mod beats;
mod connection;
mod descriptors;
mod listen;
mod stop;

mod body;
mod reply;

mod caller;
mod chaff;
mod edge;
mod environment;
mod network;
mod strange;
mod understand;

mod limits;

mod health;
mod metrics;
mod path;
mod routes;

mod pace;
mod raster;
mod uniform;

mod failures;
mod requests;

mod unheard;

mod test_deployment;

mod file_stamp;
mod operator;
pub mod secret_file;
mod watched;

pub mod key_file;

pub mod ohttp;

#[cfg(feature = "otlp")]
pub mod otlp;

pub use beats::Beats;
pub use body::{read, require_json};
pub use caller::{Caller, Edge, Prefix, forwarded_for};
pub use chaff::{CHAFF_PER_SECOND, ChaffBudget, is_chaff};
pub use descriptors::raise_descriptors;
pub use edge::EdgeSettings;
pub use environment::{parse, with_environment};
pub use failures::Failed;
pub use file_stamp::FileStamp;
pub use health::{HEALTH_PATHS, Health, alive};
pub use limits::{HasLimits, LimitSettings, Limits, Ticket, Trial, limited};
pub use listen::{bind, listen};
pub use log::{LogFormat, log_to, log_to_stderr};
pub use metrics::{
    DatabaseMetrics, DatabaseUp, Described, GaugeFamily, Gauges, Histograms, MetricKind, Metrics, SteppedCounter,
    SteppedFamily, listen_metrics, listen_metrics_and_probes, publish_in_steps, rounded_up,
};
pub use network::{Network, Relay};
pub use operator::{ActReason, os_user};
pub use raster::{HasRaster, Raster, raster};
pub use reply::{padded, padded_to};
pub use requests::{HasRequestMetrics, Refused, RequestMetrics, counted};
pub use routes::{unknown_path, wrong_method};
pub use say::say;
pub use stop::stop_on_signal;
pub use strange::Variables;
pub use test_deployment::{HasTestDeployment, TestDeploymentSettings, test_deployment};
pub use understand::understand;
pub use unheard::Unheard;
pub use watched::Watched;
