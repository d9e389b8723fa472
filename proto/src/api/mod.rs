//! The JSON that travels between authority, phone and services: names, shapes and codes of the Exposure Notifications API.
//!
//! Requests are read by [`parse_body`] and refuse unknown fields; replies tolerate them. A field that is absent or `null` is read as
//! empty, 0 or false, as apps in the field expect, and refused by the rule that needs it. Base64 comes in any of the standard, raw or
//! URL alphabets, see [`base64`].

pub mod codes;
pub mod deployment;
pub mod publish;
pub mod self_reports;
pub mod stats;
pub mod verification;

mod absent;
pub mod base64;
mod body;
mod chaff;
mod object;
pub mod padding;
mod whole;

pub use body::{MAX_BODY, parse_body};
pub use chaff::CHAFF_HEADER;
