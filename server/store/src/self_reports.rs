//! Self-reports: codes that a phone asks for itself, to be sent to its own number. The contract.

use async_trait::async_trait;
use proto::Timestamp;

use crate::codes::{NewCode, Peppered, StandingCode};
use crate::error::StoreError;

/// A self-report to be taken.
#[derive(Clone)]
pub struct NewSelfReport {
    /// The code that will be sent. By its request a repeat is known. Its digests are over the phone's nonce too, so that nobody finds it
    /// without.
    pub code: NewCode,
    /// The authority and the telephone number under each live secret, the current one first: that one is stored.
    pub phone: Vec<Peppered>,
}

/// What became of a self-report.
#[derive(Debug)]
pub enum SelfReportOutcome {
    /// The code is stored.
    Issued,
    /// The same request was answered before, and its code can still be claimed: answer the same again.
    Repeated(StandingCode),
    /// Another request of this telephone has a code that can still be claimed. Nothing is stored.
    Busy,
    /// One of the code's forms, or its uuid, is another code's already. Nothing is stored: draw again.
    Collision,
    /// As many self-reports as may be have been taken on this day. Nothing is stored.
    QuotaExceeded,
}

/// What a self-report would find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfReportStanding {
    /// Nothing: a code would be issued.
    Free,
    /// The code of the same request, under this uuid.
    Repeated([u8; 16]),
    /// The code of another request.
    Busy,
}

/// The one live self-report of a telephone.
#[async_trait]
pub trait SelfReports: Send + Sync {
    /// Stores the code of a self-report, or answers a repeated request with the code that stands. However many requests of one telephone
    /// run at the same time, one code is stored.
    ///
    /// A telephone is busy until its code is claimed or expired, or until the last form of it expires by itself. From then on nothing
    /// remembers it: [`Codes::claim`](crate::Codes::claim) and [`Codes::expire`](crate::Codes::expire) delete its digest with what they
    /// do, [`Codes::purge`](crate::Codes::purge) what is left over.
    async fn self_report(&self, report: &NewSelfReport, now: Timestamp) -> Result<SelfReportOutcome, StoreError>;

    /// What [`self_report`](Self::self_report) of this telephone with this request would find now. It may find something else a moment later.
    async fn self_report_standing(
        &self,
        phone: &[Peppered],
        request: &[Peppered],
        now: Timestamp,
    ) -> Result<SelfReportStanding, StoreError>;
}

impl NewSelfReport {
    /// When the last form of the code expires, and the telephone is to be forgotten.
    pub(crate) fn forget_at(&self) -> Timestamp {
        let expiries = self.code.forms.iter().map(|form| form.expires_at);
        expiries.max().unwrap_or(self.code.forget_at)
    }
}
