//! The TCN protocol, v0.4: ratchet, numbers, reports.

mod memo;
mod ratchet;
mod report;

pub use memo::{Memo, MemoType};
pub use ratchet::{ReportAuthorizationKey, TemporaryContactKey, TemporaryContactNumber};
pub use report::{BadSignature, MAX_SPAN, MAX_UPLOAD_SPAN, SignedReport};
