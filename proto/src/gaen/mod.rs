//! Google/Apple exposure notification, cryptography v1.2: keys, identifiers, matching.

mod key;

mod derivation;
mod identifier;
mod matching;

pub use identifier::{AssociatedMetadata, RollingProximityIdentifier};
pub use key::TemporaryExposureKey;
pub use matching::{Match, Observation, Observations};
