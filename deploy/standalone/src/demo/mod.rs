//! `pratique demo`: the whole story once, over real HTTP, told as it happens.
//!
//! Alma reports, Bruno met her, Chiara met neither. The story ends well only if Bruno's phone finds out, Chiara's does not, and every bundle
//! passes inspection.

mod run;

mod story;

mod audit;
mod authority;
mod cast;
mod phone;

mod narrator;
mod stage;

pub(crate) use run::run;
