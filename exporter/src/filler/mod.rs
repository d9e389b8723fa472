//! Filler: synthetic people who make up for those who are missing, when a feed has been held for long enough.
//!
//! Whoever reads a bundle shall not tell them from people, nor whoever has a copy of the database but not the secret. So they are whole people, with an
//! onset, a report type and a run of days, who look like those whose keys were published lately ([`Shapes`]); what they "upload" goes through the same
//! rules and the same tables; and they are revised and withdrawn like others. Their keys follow from a [secret](FillerSecret) and from what a bundle's
//! mark holds, so that every exporter with the secret knows them again.

mod secret;

mod prior;
mod sample;
mod shapes;

mod person;
mod reports;

mod crowd;
mod history;
mod people;
mod revisions;
mod source;
mod target;
mod task;

mod draw;

pub use history::{Who, known_keys};
pub use person::{FillerKey, Person};
pub use reports::{ReportShapes, draw_report};
pub use sample::{Observed, observe};
pub use secret::{FILLER_FILE, FillerSecret, FillerSeed};
pub use shapes::Shapes;

pub(crate) use draw::draw;
