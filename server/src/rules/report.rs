//! What makes a TCN report fit for the verified feed.

use std::collections::HashSet;

use proto::api::base64;
use proto::api::publish::ReportsRequest;
use proto::bundle::{TcnClass, TcnEntry};
use proto::certificate::Claims;
use proto::tcn::{MAX_UPLOAD_SPAN, SignedReport};
use proto::{Malformed, Timestamp};
use store::{AcceptedReport, RELEASE_GRAIN};

use super::verdict::{Refusal, Refused, Verdict};

/// The list in which reports stand, as in the request.
const LIST: &str = "reports";
/// In the verified feed a memo says at most one byte: longer ones that are equal would show which reports are one person's.
const MAX_MEMO_DATA: usize = 1;

/// Judges every report of an upload, in the order in which they were sent.
///
/// # Errors
/// If every single report is bad.
pub(crate) fn judge_reports(
    request: &ReportsRequest,
    claims: &Claims,
    now: Timestamp,
) -> Result<Verdict<AcceptedReport>, Refusal> {
    let mut verdict = Verdict::new();
    let mut so_far = SoFar::default();
    for (position, text) in request.reports.iter().enumerate() {
        match read(text).and_then(|report| so_far.take(report)) {
            Ok(report) => verdict.accepted.push(AcceptedReport {
                published: TcnEntry { report, report_type: claims.report_type, class: TcnClass::Verified },
                release_at: now.floor(RELEASE_GRAIN),
            }),
            Err(why) => verdict.refused.push(Refused { list: LIST, position, why }),
        }
    }
    verdict.unless_all_bad()
}

/// Reads one report and checks what can be said of it alone, its signature last because that costs most.
fn read(text: &str) -> Result<SignedReport, Malformed> {
    let report = SignedReport::decode(&base64::decode("signed_report", text)?)?;
    if report.memo_data().len() > MAX_MEMO_DATA {
        return Err(Malformed::new("memo_len", "must be 0 or 1"));
    }
    report.verify().map_err(|_| Malformed::new("signature", "must verify under the report's rvk"))?;
    Ok(report)
}

/// What the good reports before this one have used up.
#[derive(Default)]
struct SoFar {
    verification_keys: HashSet<[u8; 32]>,
    span: u32,
}

impl SoFar {
    /// Two reports under one `rvk` are one person to everyone who reads them, and every number covered costs every phone two hashes.
    fn take(&mut self, report: SignedReport) -> Result<SignedReport, Malformed> {
        let span = self.span.saturating_add(report.span());
        if span > MAX_UPLOAD_SPAN {
            return Err(Malformed::new("j2", "takes the spans of this upload together beyond 1400"));
        }
        if !self.verification_keys.insert(*report.verification_key()) {
            return Err(Malformed::new("rvk", "stands in this upload already"));
        }
        self.span = span;
        Ok(report)
    }
}
