//! The key server as phones and operators meet it: over real HTTP, on a real database, and as a program.

mod authority;
mod phone;
mod system;
mod wire;

mod answers;
mod certificates;
mod chaff;
mod database_up;
mod key_sets;
mod keys;
mod limits;
mod reasons;
mod reports;
mod revisions;
mod sealed;
mod self_reports;
mod stats;
mod test_deployment;

mod draining;
mod instances;
mod program;
mod withdrawing;
