//! The shapes that cross a border, and the cryptography they imply.
//!
//! No I/O, no clock, no source of randomness, no async: `now` and `rng` are arguments, bytes come in and go out. What parses is valid:
//! every type is built by a constructor that refuses what the specifications refuse, with a [`Malformed`] that names the field.

pub mod error;
pub mod feed;
pub mod interval;
pub mod report_type;

pub mod gaen;
pub mod tcn;

pub mod api;
pub mod certificate;
pub mod commitment;
pub mod proof_of_work;
pub mod revision;

pub mod ohttp;

mod generated;

pub mod bundle;
pub mod index;
pub mod manifest;
pub mod note;

pub use error::Malformed;
pub use feed::{Feed, Kind, Region, Role};
pub use interval::{Interval, Timestamp};
pub use report_type::ReportType;
