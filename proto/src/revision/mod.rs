//! Revision tokens: what a server hands to a phone with each answer to an upload, for the day on which something else is to be said of the keys.
//!
//! A token is the server's memory of an upload in the phone's keeping: no row in any database says which keys came together. It is sealed, so that
//! nobody but the server reads or makes one, always of one length, and the same for the same upload, so that a repeat tells nothing.

mod key;
mod token;

pub use key::{RevisionKey, SealedToken};
pub use token::{RevisionEntry, RevisionToken};
