//! Delivery of codes by text message: what an authority's settings say, what is written, and who carries it.
//!
//! Settings are files, one an authority, since they hold the keys to its provider; nothing of them is in the database. A phone number is
//! held while its request lasts, and by the provider.

mod delivered;
mod purpose;
mod troubles;

mod contract;

mod alphabet;
mod template;

mod authentication;

mod fields;
mod settings;

mod outgoing;
mod sources;

mod file;
mod twilio;
mod webhook;

mod courier;
mod couriers;

mod wish;

pub(crate) use contract::{Attempt, Sent, TextMessage};
pub(crate) use couriers::Couriers;
pub(crate) use delivered::Delivery;
pub(crate) use purpose::Purpose;
pub use settings::DeliverySettings;
pub(crate) use troubles::{Trouble, Troubles};
pub(crate) use wish::Wish;
