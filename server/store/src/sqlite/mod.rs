//! The embedded engine.

mod column;
mod migrations;
mod pool;

mod key_store;

mod admissions;
mod audit;
mod chaff;
mod feeds;

mod authorities;
mod authority_rows;
mod denied_keys;
mod fetched_keys;
mod key_sets;
mod trust;

mod gaen;
mod keys;
mod kind;
mod revise;
mod tables;
mod tcn;
mod travellers;
mod uploads;

mod adopted;
mod adoption;
mod adoption_tables;
mod bundle_rows;
mod bundles;
mod filler;
mod filling;
mod gateways;
mod intervals;
mod life;
mod listing;
mod members;
mod progress;
mod purge;
mod quarantine;
mod quarantine_tables;
mod recall;
mod recall_tables;
mod row_inspection;
mod seal;
mod waiting;

mod withdrawal_tables;
mod withdrawals;

mod codes;
mod counter;
mod counters;
mod database_clock;
mod deliveries;
mod guesses;
mod issuers;
mod statistic;

pub use codes::SqliteCodeStore;
pub use key_store::SqliteKeyStore;
