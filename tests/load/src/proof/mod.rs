//! The proof: everything that was acknowledged is published exactly once in each of its feeds, as somebody outside sees it who has the public keys.

mod count;
mod prover;
mod reading;

pub(crate) use prover::{Evidence, prove};
