//! What comes without a certificate: the bodies of apps in the field, and proofs of work.

use std::str;

use proto::Malformed;
use proto::api::self_reports::{ChallengeReply, ChallengeRequest, SubmitReportRequest, read_tcnreport};
use proto::api::{base64, parse_body};
use proto::proof_of_work::{Difficulty, Proof};
use proto::tcn::{Memo, ReportAuthorizationKey, SignedReport};

use super::bodies::assert_quiet;
use super::reports::assert_plain;
use super::services::{WORKERS, post_to_server, post_with_proof};
use crate::fixtures;

/// The body of `POST /tcnreport/0.4.0`.
pub fn tcnreport(data: &[u8]) {
    assert_quiet(&post_to_server("/tcnreport/0.4.0", data));
    taken_or_plain(read_tcnreport(data));
}

/// The body of `POST /submitReport`.
pub fn submit_report(data: &[u8]) {
    assert_quiet(&post_to_server("/submitReport", data));
    match parse_body::<SubmitReportRequest>(data) {
        Ok(parts) => taken_or_plain(parts.report()),
        Err(refusal) => assert_plain(&refusal),
    }
}

/// A report is refused in plain words, or it is well formed and taken once it is signed.
fn taken_or_plain(read: Result<SignedReport, Malformed>) {
    match read {
        // To find the keys before a high number takes long.
        Ok(report) if report.first() <= 100 => {
            let memo = Memo::new(report.memo_type(), report.memo_data()).expect("a report's memo is one");
            let key = ReportAuthorizationKey::from_seed([7; 32]);
            let signed = SignedReport::create(&key, &memo, report.first(), report.last()).expect("in range");
            let reply = post_to_server("/tcnreport/0.4.0", base64::encode(signed.as_bytes()).as_bytes());
            assert_quiet(&reply);
            assert_eq!(reply.status, 200);
        }
        Ok(_) => {}
        Err(refusal) => assert_plain(&refusal),
    }
}

/// The body of `POST /v1/challenge`.
pub fn challenge(data: &[u8]) {
    let reply = post_to_server("/v1/challenge", data);
    assert_quiet(&reply);
    if let Err(refusal) = parse_body::<ChallengeRequest>(data) {
        assert!(reply.status >= 400);
        assert_plain(&refusal);
    }
}

/// The header that carries a proof of work.
pub fn proof(data: &[u8]) {
    let worked = fixtures::report(9, 24, &[]);
    let body = base64::encode(worked.as_bytes());
    let post = |proof: &[u8]| post_with_proof(&format!("/self/{WORKERS}/tcnreport/0.4.0"), body.as_bytes(), proof);
    assert_quiet(&post(data));
    let Ok(text) = str::from_utf8(data) else { return };
    let mut proof: Proof = match text.parse() {
        Ok(proof) => proof,
        Err(refusal) => return assert_plain(&refusal),
    };
    assert_eq!(proof.to_string(), text, "a proof has one form");
    // Under a challenge that was given out, so that the number is looked at.
    let given = post_to_server("/v1/challenge", b"{}");
    let given: ChallengeReply = serde_json::from_slice(&given.body).expect("a challenge");
    let difficulty = Difficulty::new(given.memory_kib, given.passes, given.bits).expect("within bounds");
    proof.challenge = given.challenge;
    let expected = if difficulty.accepts(&proof, &worked) { 200 } else { 403 };
    assert_eq!(post(proof.to_string().as_bytes()).status, expected);
}
