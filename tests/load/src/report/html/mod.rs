//! One page of HTML with everything in it: it loads nothing, runs no script, and is read on screens, telephones and paper.

mod figures;
mod gauges;
mod latencies;
mod markup;
mod operation;
mod over_time;
mod panel;
mod path;
mod plot;
mod rates;
mod scale;
mod summary;
mod table;
mod thin;
mod whole;

pub use whole::page;
