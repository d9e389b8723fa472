//! The program as its users run it: the demo once, and the services until they are told to stop.

#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod files;
mod served;
mod socket;

mod demo;
mod loading;
mod serve;
