//! The program `load`: its help, what it refuses, and that it asks before it sends anything.

#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod listener;

mod guard;
mod help;
mod settings;
