//! Request bodies of the services: each as it is, and again as a phone with a good certificate would send it.

use proto::api::codes::{BatchIssueRequest, CodeStatusRequest, ExpireCodeRequest};
use proto::api::deployment::TestDeploymentReply;
use proto::api::padding::REPLY_BYTES;
use proto::api::publish::{PublishRequest, ReportsRequest};
use proto::api::stats::{STATS_REPLY_BYTES, StatsRequest};
use proto::api::verification::{CertificateRequest, IssueRequest, UserReportRequest, VerifyRequest};
use proto::api::{base64, parse_body};
use proto::commitment::{HmacKey, KeySegment};

use super::reports::assert_plain;
use super::samples;
use super::services::{Reply, ask_for_stats, post_to_server, post_to_verification};

/// The body of `POST /v1/publish`.
pub fn publish(data: &[u8]) {
    assert_quiet(&post_to_server("/v1/publish", data));
    let mut request = match parse_body::<PublishRequest>(data) {
        Ok(request) => request,
        Err(refusal) => return assert_plain(&refusal),
    };
    // Certified, so that what lies behind belief is reached too: the rules, and the store.
    let Some(hmac_key) = hmac_key(&request.hmac_key) else { return };
    let segments: Vec<KeySegment<'_>> = request.temporary_exposure_keys.iter().map(KeySegment::from).collect();
    let commitment = hmac_key.commit_keys(&segments);
    assert!(hmac_key.covers_keys(&segments, &commitment));
    request.verification_payload = samples::certificate_for(commitment);
    assert_quiet(&post_to_server("/v1/publish", &samples::json(&request)));
}

/// The body of `POST /v1/reports`.
pub fn reports(data: &[u8]) {
    assert_quiet(&post_to_server("/v1/reports", data));
    let mut request = match parse_body::<ReportsRequest>(data) {
        Ok(request) => request,
        Err(refusal) => return assert_plain(&refusal),
    };
    let Some(hmac_key) = hmac_key(&request.hmac_key) else { return };
    let texts: Vec<&str> = request.reports.iter().map(String::as_str).collect();
    let commitment = hmac_key.commit_reports(&texts);
    assert!(hmac_key.covers_reports(&texts, &commitment));
    request.verification_payload = samples::certificate_for(commitment);
    assert_quiet(&post_to_server("/v1/reports", &samples::json(&request)));
}

/// The body of `POST /v1/stats`, with a good token.
pub fn stats(data: &[u8]) {
    let reply = ask_for_stats(data, samples::stats_token().as_bytes());
    match parse_body::<StatsRequest>(data) {
        Ok(_) => assert_eq!((reply.status, reply.body.len()), (200, STATS_REPLY_BYTES)),
        Err(refusal) => {
            assert_plain(&refusal);
            assert_eq!((reply.status, reply.body.len()), (400, REPLY_BYTES));
        }
    }
}

/// The bodies of the verification service: whichever of them the bytes are.
pub fn verification(data: &[u8]) {
    assert_quiet(&post_to_verification("/api/user-report", data));
    assert_quiet(&post_to_verification("/api/verify", data));
    assert_quiet(&post_to_verification("/api/certificate", data));
    for path in ["/api/issue", "/api/batch-issue", "/api/checkcodestatus", "/api/expirecode"] {
        let answer = post_to_verification(path, data);
        assert!((200..500).contains(&answer.status), "{path}: {}", answer.status);
    }
    for refusal in [
        parse_body::<IssueRequest>(data).err(),
        parse_body::<UserReportRequest>(data).err(),
        parse_body::<VerifyRequest>(data).err(),
        parse_body::<CertificateRequest>(data).err(),
        parse_body::<BatchIssueRequest>(data).err(),
        parse_body::<CodeStatusRequest>(data).err(),
        parse_body::<ExpireCodeRequest>(data).err(),
    ] {
        refusal.iter().for_each(assert_plain);
    }
}

/// What a service says of its test deployment: what is read is written and read again as the same.
pub fn test_deployment(data: &[u8]) {
    if let Ok(reply) = serde_json::from_slice::<TestDeploymentReply>(data) {
        assert_eq!(serde_json::from_slice(&samples::json(&reply)).ok().as_ref(), Some(&reply));
        assert!(reply.hosts.iter().all(|host| host.to_string().parse().as_ref() == Ok(host)));
    }
}

/// Whatever a phone sends, it is its own fault and no failure of ours, and the answer has the size of every answer.
pub(super) fn assert_quiet(reply: &Reply) {
    assert!((200..500).contains(&reply.status), "{}: {}", reply.status, String::from_utf8_lossy(&reply.body));
    assert_eq!(reply.body.len(), REPLY_BYTES, "{}", reply.status);
}

fn hmac_key(text: &str) -> Option<HmacKey> {
    HmacKey::new(&base64::decode("hmacKey", text).ok()?).ok()
}
