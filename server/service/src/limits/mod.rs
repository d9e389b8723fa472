//! What callers may ask for: budgets by network, by relay, by authority and for all of them, and a queue of bounded length.
//!
//! | budget | who draws on it | what it is for |
//! |---|---|---|
//! | requests | each network (/24, /64), each relay | one caller cannot keep the service busy |
//! | chaff | each network, each relay; all together | chaff never takes the place of an upload, nor an upload that of chaff |
//! | uploads | each authority; all together | what is written, by whoever holds certificates |
//! | failures | each network, each relay, each authority; all together | strangers cannot have signatures checked for ever |
//!
//! Uploads are counted when they are believed, so that nobody without a certificate can use up what an authority's people need. Once a budget of
//! failures that is shared is spent, networks that failed lately are refused, and all others are served as before.
//!
//! Everything is in memory and belongs to one process: with N processes side by side everybody may ask for N times as much. Addresses are not
//! kept: what is kept of a network is a digest under a key that is drawn at each start.

mod bucket;

mod prefixes;

mod ledger;
mod settings;

mod queue;

mod gate;
mod ticket;

mod middleware;

pub use gate::{HasLimits, Limits};
pub use middleware::limited;
pub use settings::LimitSettings;
pub use ticket::{Ticket, Trial};

pub(crate) use ticket::Held;
