//! What becomes of a report that stands for itself.

use proto::bundle::{TcnClass, TcnEntry};
use proto::tcn::SignedReport;
use proto::{ReportType, Timestamp};
use store::{AcceptedReport, Authority, Origin, Provenance, report_release_at};

use super::verdict::Verdict;

/// A well-formed report whose signature holds is published as the person's own word, with whatever memo its app writes.
pub(crate) fn judge_self_report(report: SignedReport, now: Timestamp) -> Verdict<AcceptedReport> {
    let published = TcnEntry { report, report_type: ReportType::UserReport, class: TcnClass::SelfReported };
    let mut verdict = Verdict::new();
    verdict.accepted.push(AcceptedReport { published, release_at: report_release_at(now) });
    verdict
}

/// What is remembered of where it came from: no key signed anything.
pub(crate) fn self_reported(authority: &Authority, received: Timestamp) -> Provenance {
    Provenance {
        authority: authority.id.clone(),
        kid: String::new(),
        origin: Origin::Ours,
        received,
        policy_version: authority.policy_version,
    }
}
