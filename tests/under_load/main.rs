//! A whole deployment under load, to which everything happens that happens to deployments: no acknowledged key is lost, none is published twice, no
//! bundle ever changes, and what was broken is well again by itself.
//!
//! `PRATIQUE_TEST_FAULTS=500` lets that many faults happen instead of one of each kind, which takes two hours; `PRATIQUE_TEST_FAULT_SEED=7`
//! draws others in another order.

mod crowd;
mod pollers;
mod scene;
mod shelf;

mod country;
mod disk_full;
mod fault;
mod faults;
