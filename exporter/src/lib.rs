//! The read path: seals waiting publications into bundles, derives their bytes, signs them, publishes them to one or more buckets, and takes them
//! away when their time is over.
//!
//! One pass ([`Exporter::once`]) is the whole pipeline, and repair is its normal path: whatever an earlier pass left undone (a crash, a bucket
//! that was down, a bucket added since) is done by the next one. Every step may be repeated, and no published object ever changes.

pub mod config;
pub mod error;
mod gateway_spec;
mod key_names;
pub mod policy;
pub mod read_replica;
pub mod steps;
mod units;

pub mod keys;
mod pem_keyring;
pub mod signer;
pub mod turns;

pub mod bucket;

mod clocks;
mod occasion;
mod open;
mod pace;
mod pass;
mod run;
mod schedule;
pub mod stop;

pub mod adopt;
mod ahead;
mod as_listed;
pub mod audit;
pub mod rebuild;
mod stand;

mod announcement;
mod coepi;
mod derive;
mod export;
pub mod filler;
mod gateways;
mod listing;
mod prune;
mod pruning;
mod publish;
pub mod ready;
mod replica;
mod replicas;
mod seal;
mod supply;

pub mod fetch;
pub mod inspect;
pub mod metrics;
pub mod progress;
pub mod quarantine;
mod readiness;
pub mod recall;
pub mod rederive;
pub mod report;
pub mod status;

pub mod cli;

pub use config::Settings;
pub use error::ExportError;
pub use pace::Pace;
pub use pem_keyring::PemKeyring;
pub use policy::Policy;
pub use report::Report;
pub use run::Exporter;
pub use schedule::Seen;
pub use stop::Stop;
