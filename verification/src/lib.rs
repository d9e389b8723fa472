//! Codes, tokens and certificates: a health authority gives a person a code, the person's phone turns it into a certificate.
//!
//! A code is good once, but nobody loses it to a bad connection: each step answers a repeat as it answered the first time
//! (the README's architecture page, "Codes, tokens, certificates").

pub mod admin;
mod config;
pub mod desk;
mod error;
mod registry;
mod state;

mod app;
mod handlers;
mod phone_paths;
mod problem;
mod request;

mod alarm;
mod budget;
mod certifying;
mod chaff;
mod chores;
mod claiming;
mod decoy;
mod guess_metrics;
mod guessing;
mod issued;
mod issuing;
mod looking;
mod order;
mod purging;
mod report;
#[cfg(test)]
mod reporting_test;
mod sending;
#[cfg(test)]
mod sending_test;
pub mod statistics;

mod delivery;
mod signing;

mod api_key;
mod authority;
mod calling_code;
mod code;
mod code_spec;
mod dates;
mod phone;
mod policy;
mod secret;
mod secret_file;
mod secret_watch;
mod secrets;
mod token;
mod uuid;

pub use api_key::ApiKey;
pub use app::{listen, routes};
pub use budget::{Budgets, SharedBudgets};
pub use calling_code::CallingCode;
pub use config::{DatabaseSettings, SIGNING_KEY_DIR, Settings};
pub use delivery::DeliverySettings;
pub use error::VerificationError;
pub use phone::PhoneNumber;
pub use purging::{Purged, purge, purge_watched};
pub use registry::Registry;
pub use signing::{KeyStanding, Keyring, Signer};
pub use state::State;
