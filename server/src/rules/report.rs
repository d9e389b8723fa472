//! What makes a TCN report fit for the verified feed.

use std::collections::HashSet;

use proto::api::base64;
use proto::api::publish::ReportsRequest;
use proto::bundle::{TcnClass, TcnEntry};
use proto::certificate::Claims;
use proto::tcn::{MAX_UPLOAD_SPAN, SignedReport};
use proto::{Malformed, Timestamp};
use store::{AcceptedReport, report_release_at};

use super::verdict::{Refusal, Refused, Verdict};

/// The list in which reports stand, as in the request.
const LIST: &str = "reports";

/// Judges every report of an upload, in the order in which they were sent. A memo says at most `memo_bytes`, one unless the authority allows
/// more: longer ones that are equal would show which reports are one person's.
///
/// # Errors
/// If every single report is bad.
pub(crate) fn judge_reports(
    request: &ReportsRequest,
    claims: &Claims,
    memo_bytes: u8,
    now: Timestamp,
) -> Result<Verdict<AcceptedReport>, Refusal> {
    let mut verdict = Verdict::new();
    let mut so_far = SoFar::default();
    for (position, text) in request.reports.iter().enumerate() {
        match read(text, memo_bytes).and_then(|report| so_far.take(report)) {
            Ok(report) => verdict.accepted.push(AcceptedReport {
                published: TcnEntry { report, report_type: claims.report_type, class: TcnClass::Verified },
                release_at: report_release_at(now),
            }),
            Err(why) => verdict.refused.push(Refused { list: LIST, position, why }),
        }
    }
    verdict.unless_all_bad()
}

/// Reads one report and checks what can be said of it alone, its signature last because that costs most.
fn read(text: &str, memo_bytes: u8) -> Result<SignedReport, Malformed> {
    let report = SignedReport::decode(&base64::decode("signed_report", text)?)?;
    if report.memo_data().len() > usize::from(memo_bytes) {
        return Err(Malformed::new("memo_len", format!("must be at most {memo_bytes} for this authority")));
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

#[cfg(test)]
mod tests {
    use proto::ReportType;
    use proto::commitment::Commitment;
    use proto::tcn::{Memo, MemoType, ReportAuthorizationKey};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_795_257_000);

    fn judge(reports: Vec<String>) -> Result<Verdict<AcceptedReport>, Refusal> {
        judge_with_memos(reports, store::DEFAULT_MEMO_BYTES)
    }

    fn judge_with_memos(reports: Vec<String>, memo_bytes: u8) -> Result<Verdict<AcceptedReport>, Refusal> {
        let claims = Claims {
            issuer: "example".to_owned(),
            audience: "pratique".to_owned(),
            issued_at: NOW,
            expires_at: NOW.plus(900),
            report_type: ReportType::Likely,
            symptom_onset: None,
            commitment: Commitment::new(&[0; 32]).expect("32 bytes"),
        };
        judge_reports(&ReportsRequest { reports, ..ReportsRequest::default() }, &claims, memo_bytes, NOW)
    }

    /// The signed bytes of a report of `first..=last` under the key that grows from `seed`.
    fn report(seed: u8, first: u16, last: u16, memo: &[u8]) -> Vec<u8> {
        let key = ReportAuthorizationKey::from_seed([seed; 32]);
        let memo = Memo::new(MemoType::CovidWatchV1, memo).expect("a memo");
        SignedReport::create(&key, &memo, first, last).expect("a report").as_bytes().to_vec()
    }

    fn text(seed: u8) -> String {
        base64::encode(&report(seed, 1, 24, b"a"))
    }

    /// Why a report is refused that is sent between two good ones, which are not.
    fn complaint(bad: &[u8]) -> String {
        let verdict =
            judge(vec![text(1), base64::encode(bad), text(2)]).expect("one bad report does not sink the others");
        assert_eq!(verdict.accepted.len(), 2);
        verdict.complaint().expect("refused")
    }

    #[test]
    fn a_good_report_is_published_as_certified_at_the_next_quarter_of_an_hour() {
        let verdict = judge(vec![text(1), base64::encode(&report(2, 5, 5, b""))]).expect("good");
        assert_eq!((verdict.accepted.len(), verdict.complaint()), (2, None));
        for accepted in &verdict.accepted {
            assert_eq!(accepted.published.report_type, ReportType::Likely);
            assert_eq!(accepted.published.class, TcnClass::Verified);
            assert_eq!(accepted.release_at, NOW.ceil(900));
        }
    }

    #[test]
    fn trailing_bytes_and_impossible_spans_are_refused() {
        let good = report(9, 2, 10, b"a");
        let spans = |first: u16, last: u16| {
            let mut bytes = good.clone();
            bytes[64..66].copy_from_slice(&first.to_le_bytes());
            bytes[66..68].copy_from_slice(&last.to_le_bytes());
            bytes
        };
        for bad in [[&good[..], b"x"].concat(), good[..good.len() - 1].to_vec(), vec![], spans(0, 9), spans(10, 9)] {
            assert!(complaint(&bad).starts_with("reports[1]."), "{}", complaint(&bad));
        }
        assert!(complaint(&spans(1, u16::MAX)).contains("j2"), "65,535 numbers");
    }

    #[test]
    fn a_report_is_refused_by_any_flip_of_its_signature() {
        let good = report(9, 2, 10, b"a");
        for bit in 0..512 {
            let mut bad = good.clone();
            let at = bad.len() - 64 + bit / 8;
            bad[at] ^= 1 << (bit % 8);
            assert_eq!(complaint(&bad), "reports[1].signature: must verify under the report's rvk");
        }
    }

    #[test]
    fn a_memo_in_the_verified_feed_says_at_most_one_byte_unless_its_authority_allows_more() {
        const TOO_LONG: &str = "reports[1].memo_len: must be at most 1 for this authority";
        assert_eq!(complaint(&report(9, 1, 24, b"ab")), TOO_LONG);
        // A length read as a signed byte would take 200 for a negative number.
        assert_eq!(complaint(&report(9, 1, 24, &[7; 200])), TOO_LONG);
        for (memo_bytes, accepted) in [(0, 1), (1, 2), (199, 2), (200, 3)] {
            let memos = [&b""[..], b"a", &[7; 200]];
            let reports = memos.iter().zip(1..).map(|(memo, seed)| base64::encode(&report(seed, 1, 24, memo)));
            let verdict = judge_with_memos(reports.collect(), memo_bytes).expect("the first is good");
            assert_eq!(verdict.accepted.len(), accepted, "{memo_bytes}");
        }
    }

    #[test]
    fn one_verification_key_has_one_report_in_an_upload() {
        assert_eq!(complaint(&report(1, 30, 40, b"")), "reports[1].rvk: stands in this upload already");
        // A forged report under the key of another does not take its place.
        let mut forged = report(2, 1, 24, b"a");
        forged[70] ^= 1;
        assert_eq!(complaint(&forged), "reports[1].signature: must verify under the report's rvk");
    }

    #[test]
    fn the_spans_of_an_upload_together_have_a_limit() {
        let long = |seed, last| base64::encode(&report(seed, 1, last, b""));
        assert_eq!(judge(vec![long(1, 1_345), long(2, 55)]).expect("1,400 numbers").accepted.len(), 2);
        let verdict = judge(vec![long(1, 1_345), long(2, 56), long(3, 55)]).expect("the first and the last fit");
        assert_eq!(verdict.accepted.len(), 2);
        let complaint = verdict.complaint().expect("the second does not");
        assert_eq!(complaint, "reports[1].j2: takes the spans of this upload together beyond 1400");
    }

    #[test]
    fn an_upload_of_bad_reports_alone_is_refused_and_names_each() {
        let Refusal(sentence) = judge(vec!["!".to_owned(), String::new()]).expect_err("refused");
        assert!(sentence.starts_with("reports[0].signed_report: must be base64; reports[1]."), "{sentence}");
    }
}
