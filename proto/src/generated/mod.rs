//! Messages generated from `proto/schema`; `tests/generated.rs` checks that they are fresh, and says how to renew them.

#![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, reason = "written by prost-build")]

#[rustfmt::skip]
mod export;

pub(crate) use export::*;
