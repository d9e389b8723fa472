//! A phone against scripted services on a real socket: what exactly travels, and what is believed of the answers.

#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod host;
mod shelf;

mod follow;
mod matching;
mod wire;
