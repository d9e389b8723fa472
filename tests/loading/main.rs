//! The load tester against whole deployments: what it says of good ones, and of those that lose or double a key.

#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod doctor;
mod scene;

mod presets;
mod proofs;

mod faults;
