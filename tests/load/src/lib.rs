//! Drives a deployment of Pratique as a country does, measures what it feels like, and proves that nothing was lost.

pub mod live;
pub mod record;
pub mod report;
pub mod results;

mod words;
