//! Signing certificates: who may, with which key, and where its private half is.
//!
//! The database knows public keys alone. A private half is asked for by its public one, in this order: the keyrings that the program was
//! opened with (a key management service), the environment, the signing key directory.

mod contract;
mod schedule;

pub(crate) mod directory;
mod environment;
mod keychain;

pub use contract::{Keyring, Signer};
pub use schedule::KeyStanding;

pub(crate) use keychain::Keychain;
pub(crate) use schedule::{AFTERGLOW, current, lasts_without, standing};
