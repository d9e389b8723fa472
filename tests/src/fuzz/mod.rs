//! Fuzzing: one target a decoder, each a plain `fn(&[u8])` that panics if the decoder breaks a promise.
//!
//! `tests/run` replays `tests/corpus/` and mutates it with the stable toolchain; `tests/fuzz` runs the same functions under libFuzzer.
//! `cargo run -p tests --bin fuzz -- seed` writes the corpus anew from valid samples.

pub mod routes;
mod target;

pub mod bodies;
pub mod bundles;
pub mod callers;
pub mod certificates;
pub mod envelopes;
pub mod listings;
pub mod messages;
pub mod reports;
pub mod revisions;
pub mod self_reports;

mod corpus;
mod mutator;
mod runner;
mod samples;
mod services;

pub use corpus::{Corpus, corpus_directory, write_samples};
pub use mutator::Mutator;
pub use runner::{Effort, Failure, mutate, replay};
pub use target::{TARGETS, Target, by_name};
