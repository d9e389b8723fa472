//! The routes, one file each.

pub(crate) mod batch_issue;
pub(crate) mod certificate;
pub(crate) mod chaff;
pub(crate) mod check_code_status;
pub(crate) mod expire_code;
pub(crate) mod health;
pub(crate) mod issue;
pub(crate) mod jwks;
pub(crate) mod openapi;
pub(crate) mod stats;
pub(crate) mod user_report;
pub(crate) mod verify;

#[cfg(test)]
mod documented_test;
#[cfg(test)]
pub(crate) mod fixture_test;
#[cfg(test)]
mod guessing_test;
#[cfg(test)]
mod limits_test;
#[cfg(test)]
mod sealed_test;
