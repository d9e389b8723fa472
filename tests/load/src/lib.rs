//! Drives a deployment of Pratique as a country does, measures what it feels like, and proves that nothing was lost.
//!
//! A [`Plan`] says what is run; [`run()`] asks the deployment whether it may be loaded, lets the actors come at their times, waits until what was
//! acknowledged is published, reads all of it as somebody outside would, and gives [`results`]. Latencies count from the times of the schedule, which
//! nobody's slowness moves.

mod cli;
mod error;
mod operations;
mod plan;
pub mod settings;

mod guard;
mod run;

mod clock;
mod drive;
mod pulse;
pub mod schedule;
mod stop;

mod actors;
mod address;
mod person;
mod reason;
mod web;
mod world;

mod ledger;
mod proof;

pub mod live;
pub mod record;
pub mod report;
pub mod results;

mod words;

pub use cli::{Cli, Wish};
pub use error::LoadError;
pub use plan::Plan;
pub use run::run;
