//! The phone's half of Pratique over HTTP: turn a code into a certificate, upload, poll bundles, check them, and find out who was near.
//!
//! What a phone must remember is plain data ([`Secret`], [`SelfReport`], [`Token`], [`KeyUpload`], [`FeedState`]): it is handed out to be
//! stored before it is used, so that every call may be repeated after a crash or a lost reply. Clock and chance belong to the caller. Nothing
//! that a phone heard ever leaves it: matching is local.
//!
//! The order of a report: draw a nonce and store it, [`Verification::verify`], choose the keys and store the [`KeyUpload`],
//! [`Verification::certificate`], [`KeyServer::publish`]. Without a code of an authority it begins with a [`SelfReport`]: store it,
//! [`Verification::report`], and with the code that comes by text message [`Verification::verify_report`]. The order of a poll:
//! [`Subscription::sync`], then [`KeyExposures::take_in`] or [`ReportExposures::take_in`] for each bundle.
//!
//! # Chaff
//!
//! Whoever watches a phone's connection sees that it talks to the two services, and if only those who were ill did, that would tell. So every phone
//! does, now and then, whether or not its owner has anything to report: [`Verification::chaff_verify`], after some seconds
//! [`Verification::chaff_certificate`], and right after it [`KeyServer::chaff`], three requests of the size of real ones with answers of the size
//! and at the times of real ones. An app draws the next time from an exponential distribution with a mean of five days, in the background and at hours at which its
//! owner is awake, and leaves the pauses between the three as a person with a code would: a fixed hour, or a fixed pause, would tell chaff from the
//! rest. It keeps the schedule when it has reported something, and does not repeat chaff that failed.

mod error;
mod secret;

mod base_url;
mod http;
mod refusal;
mod relay;
mod way;
mod wire_size;

mod claim;
mod self_report;
mod upload;

mod uncertified;

mod check;
mod state;
mod sync;

mod matching;

pub use base_url::BaseUrl;
pub use check::Trust;
pub use claim::{Certificate, Token, Verification, Verified};
pub use error::ClientError;
pub use http::{Http, REQUEST_BYTES, Traffic};
pub use matching::{KeyExposure, KeyExposures, ReportExposure, ReportExposures};
pub use relay::Relay;
pub use secret::Secret;
pub use self_report::SelfReport;
pub use state::{FeedState, SeenManifest};
pub use sync::{Failed, Fetched, Subscription, Synced};
pub use uncertified::{Challenge, Progress};
pub use upload::{KeyServer, KeyUpload, Receipt, ReportUpload};
