//! The JSON that travels between authority, phone and services: names, shapes and codes of the Exposure Notifications API.
//!
//! Requests refuse unknown fields; replies tolerate them. Base64 comes in any of the standard, raw or URL alphabets, see [`base64`].

pub mod base64;
pub mod padding;
pub mod publish;
pub mod verification;
