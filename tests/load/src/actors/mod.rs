//! Who acts in a run: authority, phones that upload, phones that poll, chaff, and those who mean no good.

mod desk;
mod issuer;
mod journey;
mod uploader;

mod editions;
mod poller;
mod shelf;

mod chaff;

mod buster;
mod guesser;
mod vandal;

pub(crate) use buster::Buster;
pub(crate) use chaff::Chaff;
pub(crate) use desk::Desk;
pub(crate) use guesser::Guesser;
pub(crate) use issuer::Issuer;
pub(crate) use journey::Relays;
pub(crate) use poller::{Phones, Poller};
pub(crate) use shelf::Shelf;
pub(crate) use uploader::Uploader;
pub(crate) use vandal::Vandal;
