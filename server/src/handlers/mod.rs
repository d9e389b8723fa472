//! One file a route. A handler is four moves: parse, believe, write, answer.

mod self_report;

pub(crate) mod chaff;
pub(crate) mod challenge;
pub(crate) mod health;
pub(crate) mod publish;
pub(crate) mod reports;
pub(crate) mod stats;
pub(crate) mod submit_report;
pub(crate) mod tcnreport;
