//! What happened: each answer with the moment it was due, kept whole in histograms and along the time of the run.
//!
//! A [`Recorder`] is shared by all tasks of a run. What it holds is bounded whatever the length of the run: see [`Recorder`].

mod gauge;
mod glance;
mod outcome;
mod recorder;
mod slot;
mod spread;
mod tally;
mod timeline;
mod whole;
mod windows;

pub use glance::Glance;
pub use outcome::{Outcome, Times};
pub use recorder::Recorder;
