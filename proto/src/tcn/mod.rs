//! The TCN protocol, v0.4: ratchet, numbers, reports.

mod ratchet;

mod memo;
mod report;
mod upload;

pub use memo::{Memo, MemoType};
pub use ratchet::{ReportAuthorizationKey, TemporaryContactKey, TemporaryContactNumber};
pub use report::{BadSignature, MAX_SPAN, SignedReport};
pub use upload::{MAX_UPLOAD_SPAN, check_upload};
