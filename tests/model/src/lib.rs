//! Sealing and publishing in miniature, in every order in which it can happen.
//!
//! Two uploads that commit whenever they like, two exporters on one database and two buckets, of which each may crash once between any two of its
//! steps, and a bucket that refuses one object: small enough that every state which can be reached is visited, and every promise checked in each. What
//! stands here is the protocol, not the code: `tests/loss` and `tests/faults` run the code. So the model is put to the test itself: each rule that the
//! protocol follows is broken in turn, and the model must find how that ends.
//!
//! The checker is a breadth-first search of our own: it needs no more than a hash map, and gives the shortest way to whatever goes wrong.
//!
//! This crate holds nothing but tests. It is one of its own so that it is compiled with optimisation: millions of states are visited.

#[cfg(test)]
mod world;

#[cfg(test)]
mod promises;
#[cfg(test)]
mod steps;

#[cfg(test)]
mod checker;

#[cfg(test)]
mod tests;
