//! The write path: phones bring keys and reports with a certificate, and what is true and within the rules is stored for the exporter.
//!
//! How one upload walks: a handler reads the `body`, `belief` asks whether the certificate is true and for exactly these
//! keys, the `rules` judge each of them, the store writes what is good, and the `answer` says what was not. The answer
//! depends on the body and the certificate alone, never on what is stored: a repeat is answered like the first time, and nobody can
//! find out by asking which keys are known. No route returns keys.
//!
//! Reports of apps that know nothing of certificates are parsed by their `dialect`, and `admission` takes the place of belief.

mod config;
mod error;

mod app;
mod chores;
mod handlers;
mod phone_paths;

mod body;
mod dialect;

mod belief;
mod key_sets;
mod rules;
mod throttle;
mod tokens;

mod admission;
mod bearer;
mod chaff;
mod challenge;
mod examiner;

mod answer;
mod key_set_metrics;
mod metrics;
mod problem;

mod state;

pub mod admin;
pub mod operator;
pub mod statistics;
pub mod withdrawal;

pub use app::{listen, routes};
pub use bearer::DEFAULT_STATS_AUDIENCE;
pub use config::{SelfReportSettings, Settings};
pub use error::ServerError;
pub use key_sets::{KeySetUrl, Unfetched, refresh_due};
pub use state::State;
