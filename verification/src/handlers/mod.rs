//! The routes, one file each.

pub(crate) mod certificate;
pub(crate) mod health;
pub(crate) mod issue;
pub(crate) mod jwks;
pub(crate) mod verify;

#[cfg(test)]
pub(crate) mod fixture_test;
