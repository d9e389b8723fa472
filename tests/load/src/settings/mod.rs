//! What is loaded, with what, and how: from flags, files and the environment to values that can be used.

mod access;
mod api_key;
mod environment;
mod place;
mod rates;
mod run;
mod span;
mod target;

pub use api_key::ApiKey;
pub use environment::Environment;
pub use place::Place;
pub use rates::Rates;
pub use run::RunArgs;
pub use span::seconds;
pub use target::{Target, TargetArgs};
