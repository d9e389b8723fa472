//! One file a route. A handler is four moves: parse, believe, write, answer.

pub(crate) mod health;
pub(crate) mod publish;
pub(crate) mod reports;
