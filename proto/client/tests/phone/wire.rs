//! What travels when a phone claims a code and uploads, and what it makes of the answers.

use std::time::Duration;

use client::{
    BaseUrl, Certificate, ClientError, Http, KeyServer, KeyUpload, REQUEST_BYTES, ReportUpload, Secret, SelfReport,
    Token, Verification,
};
use proto::Interval;
use proto::gaen::TemporaryExposureKey;
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::host::{Host, Scripted};

const VERIFIED: &str = r#"{"testtype":"confirmed","symptomDate":"2026-11-18","token":"a-token"}"#;
const CERTIFIED: &str = r#"{"certificate":"eyJ.a.certificate"}"#;
const CODE: &str = "12345678";

fn secret(seed: u64) -> Secret {
    Secret::draw(&mut StdRng::seed_from_u64(seed))
}

fn verification(host: &Host, http: &Http) -> Verification {
    Verification::new(http.clone(), host.base(), "demo.device.AAAA").expect("valid")
}

fn keys(count: u8) -> KeyUpload {
    let key = |i| TemporaryExposureKey::new(&[i; 16], 144 * (20_000 + i64::from(i)), 144).expect("valid");
    let keys: Vec<_> = (1..=count).map(|i| (key(i), i % 9)).collect();
    KeyUpload::new("demo", &keys, Some(Interval::new(144 * 20_000)), secret(2)).expect("valid")
}

fn reports(count: u8) -> ReportUpload {
    let memo = Memo::new(MemoType::ItoV1, &[0; 255]).expect("valid");
    let report = |i| SignedReport::create(&ReportAuthorizationKey::from_seed([i; 32]), &memo, 1, 24).expect("valid");
    ReportUpload::new("demo", &(1..=count).map(report).collect::<Vec<_>>(), secret(3)).expect("valid")
}

fn self_report() -> SelfReport {
    SelfReport::draw("+4791234567", Some("2026-11-18"), None, &mut StdRng::seed_from_u64(4)).east_of_utc(60)
}

/// A token and a certificate, by way of a host that gives them.
async fn credentials(host: &Host, http: &Http) -> (Token, Certificate) {
    host.answer("api/verify", 200, VERIFIED);
    host.answer("api/certificate", 200, CERTIFIED);
    let verification = verification(host, http);
    let verified = verification.verify(CODE, &[], &secret(1)).await.expect("verified");
    let certificate = verification.certificate(&verified.token, &keys(1).commitment()).await.expect("certified");
    (verified.token, certificate)
}

#[tokio::test]
async fn every_request_with_a_body_is_16_kib_on_the_wire() {
    let (host, http) = (Host::start(), Http::new().expect("opens"));
    let (_, certificate) = credentials(&host, &http).await;
    host.answer("v1/publish", 200, r#"{"insertedExposures":1}"#);
    host.answer("v1/reports", 200, r#"{"insertedExposures":1}"#);
    let server = KeyServer::new(http.clone(), host.base());
    for count in [1, 14, 30] {
        server.publish(&keys(count), &certificate).await.expect("published");
    }
    server.report(&reports(1), &certificate).await.expect("reported");
    server.chaff().await.expect("answered");
    verification(&host, &http).chaff_verify().await.expect("answered");
    verification(&host, &http).chaff_certificate().await.expect("answered");
    let exchanges = host.exchanges();
    assert_eq!(exchanges.len(), 9);
    assert!(exchanges[6..].iter().all(|chaff| String::from_utf8_lossy(&chaff.request).contains("\r\nx-chaff: 1\r\n")));
    for exchange in exchanges {
        assert_eq!(exchange.request.len(), REQUEST_BYTES, "{}", exchange.line());
    }
}

#[tokio::test]
async fn who_stands_for_a_phone_says_where_it_is_and_measures_it_alone() {
    let (host, http) = (Host::start(), Http::new().expect("opens"));
    let phone = http.on_behalf_of("2001:2::7".parse().expect("an address"));
    let (_, certificate) = credentials(&host, &phone).await;
    host.answer("v1/publish", 200, r#"{"insertedExposures":14}"#);
    KeyServer::new(phone.clone(), host.base()).publish(&keys(14), &certificate).await.expect("published");
    for exchange in host.exchanges() {
        assert!(String::from_utf8_lossy(&exchange.request).contains("\r\nx-forwarded-for: 2001:2::7\r\n"));
        assert_eq!(exchange.request.len(), REQUEST_BYTES, "{}", exchange.line());
    }
    assert_eq!((phone.traffic().requests, http.traffic().requests), (3, 0));
}

#[tokio::test]
async fn an_upload_that_needs_more_takes_the_next_multiple_of_16_kib() {
    let (host, http) = (Host::start(), Http::new().expect("opens"));
    let (_, certificate) = credentials(&host, &http).await;
    host.exchanges();
    host.answer("v1/reports", 200, r#"{"insertedExposures":56}"#);
    // The largest upload there is: 56 reports with the longest memo.
    KeyServer::new(http, host.base()).report(&reports(56), &certificate).await.expect("reported");
    let lengths: Vec<_> = host.exchanges().iter().map(|exchange| exchange.request.len()).collect();
    assert_eq!(lengths, [2 * REQUEST_BYTES]);
}

#[tokio::test]
async fn the_meter_counts_what_crossed_the_wire() {
    let (host, http) = (Host::start(), Http::new().expect("opens"));
    credentials(&host, &http).await;
    let refused = verification(&host, &http).verify("1", &[], &secret(1)).await;
    refused.expect("scripted to succeed");
    let exchanges = host.exchanges();
    let traffic = http.traffic();
    assert_eq!(traffic.requests, 3);
    assert_eq!(traffic.sent, exchanges.iter().map(|e| e.request.len() as u64).sum::<u64>());
    assert_eq!(traffic.received, exchanges.iter().map(|e| e.answer.len() as u64).sum::<u64>());
}

#[tokio::test]
async fn a_retry_with_the_stored_nonce_says_exactly_the_same() {
    let (host, http) = (Host::start(), Http::new().expect("opens"));
    let stored = serde_json::to_string(&secret(1)).expect("plain data");
    host.answer("api/verify", 0, "");
    let lost = verification(&host, &http).verify(CODE, &[], &secret(1)).await.expect_err("no reply");
    assert!(matches!(lost, ClientError::Unreachable(_)) && lost.may_retry(), "{lost}");
    let first = host.exchanges();
    host.answer("api/verify", 200, VERIFIED);
    let nonce: Secret = serde_json::from_str(&stored).expect("stored");
    verification(&host, &http).verify(CODE, &[], &nonce).await.expect("verified");
    assert!(first.iter().chain(&host.exchanges()).all(|e| e.request == first[0].request));
}

#[tokio::test]
async fn a_self_report_taken_from_storage_claims_the_code_that_it_asked_for() {
    let (host, http) = (Host::start(), Http::new().expect("opens"));
    let stored = serde_json::to_string(&self_report()).expect("plain data");
    host.answer("api/user-report", 200, r#"{"expiresAt":"Mon, ...","expiresAtTimestamp":1800000000}"#);
    host.answer("api/verify", 200, r#"{"testtype":"user-report","token":"a-token"}"#);
    let verification = verification(&host, &http);
    let expires_at = verification.report(&self_report()).await.expect("taken");
    assert_eq!(expires_at.unix(), 1_800_000_000);
    let restored: SelfReport = serde_json::from_str(&stored).expect("stored");
    verification.report(&restored).await.expect("taken again");
    let verified = verification.verify_report(CODE, &restored).await.expect("verified");
    assert_eq!(verified.report_type, proto::ReportType::UserReport);
    let exchanges = host.exchanges();
    assert!(exchanges.iter().all(|exchange| exchange.request.len() == REQUEST_BYTES));
    assert!(exchanges[0].request == exchanges[1].request, "a retry says exactly the same");
    let body = |at: usize| {
        let request: &[u8] = &exchanges[at].request;
        let start = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
        serde_json::from_slice::<serde_json::Value>(&request[start..]).expect("JSON")
    };
    assert_eq!(body(0)["nonce"], body(2)["nonce"]);
    assert_eq!(body(0)["tzOffset"], 60);
    assert_eq!((body(0)["phone"].as_str(), body(0)["symptomDate"].as_str()), (Some("+4791234567"), Some("2026-11-18")));
    assert_eq!(body(2)["accept"], serde_json::json!(["user-report"]));
    let short = stored.replace(body(0)["nonce"].as_str().expect("base64"), "AAAA");
    assert!(serde_json::from_str::<SelfReport>(&short).is_err());
}

#[tokio::test]
async fn an_upload_taken_from_storage_is_the_upload_that_was_committed_to() {
    let stored = serde_json::to_string(&keys(14)).expect("plain data");
    let restored: KeyUpload = serde_json::from_str(&stored).expect("stored");
    assert_eq!(restored.commitment().as_bytes(), keys(14).commitment().as_bytes());
    let stored = serde_json::to_string(&reports(3)).expect("plain data");
    let restored: ReportUpload = serde_json::from_str(&stored).expect("stored");
    assert_eq!(restored.commitment().as_bytes(), reports(3).commitment().as_bytes());
}

#[tokio::test]
async fn a_refusal_carries_its_code_and_is_final() {
    let (host, http) = (Host::start(), Http::new().expect("opens"));
    let said = r#"{"error":"the code\nhas expired","errorCode":"code_expired","error_code":"code_expired"}"#;
    host.answer("api/verify", 400, said);
    let error = verification(&host, &http).verify(CODE, &[], &secret(1)).await.expect_err("refused");
    assert_eq!(error.code(), Some("code_expired"));
    assert!(!error.may_retry());
    assert_eq!(error.to_string(), "refused (400 code_expired): the code has expired");
}

#[tokio::test]
async fn a_busy_service_says_when_to_come_back() {
    let (host, http) = (Host::start(), Http::new().expect("opens"));
    let (_, certificate) = credentials(&host, &http).await;
    for status in [429, 500, 503] {
        let headers = vec![("retry-after", "90".to_owned())];
        host.script_as("v1/publish", Scripted { status, headers, body: b"not json".to_vec() });
        let server = KeyServer::new(http.clone(), host.base());
        let error = server.publish(&keys(1), &certificate).await.expect_err("busy");
        assert!(error.may_retry());
        let ClientError::Busy { retry_after, .. } = error else { panic!("{error}") };
        assert_eq!(retry_after, Some(Duration::from_secs(90)));
    }
}

#[tokio::test]
async fn a_partial_failure_names_what_was_dropped() {
    let (host, http) = (Host::start(), Http::new().expect("opens"));
    let (_, certificate) = credentials(&host, &http).await;
    let said = r#"{"insertedExposures":13,"error":"key 3: rollingPeriod","code":"partial_failure","warnings":["w"]}"#;
    host.answer("v1/publish", 200, said);
    let receipt = KeyServer::new(http, host.base()).publish(&keys(14), &certificate).await.expect("stored");
    assert_eq!((receipt.accepted, receipt.dropped.as_deref()), (13, Some("key 3: rollingPeriod")));
    assert_eq!(receipt.warnings, ["w"]);
}

#[tokio::test]
async fn a_reply_that_is_not_as_documented_is_malformed() {
    let (host, http) = (Host::start(), Http::new().expect("opens"));
    for reply in ["", "[]", "{}", r#"{"testtype":"maybe","token":"t"}"#, r#"{"testtype":"likely","token":" "}"#] {
        host.answer("api/verify", 200, reply);
        let error = verification(&host, &http).verify(CODE, &[], &secret(1)).await.expect_err("refused");
        assert!(matches!(error, ClientError::Malformed(_)), "{reply}: {error}");
    }
}

#[tokio::test]
async fn an_endless_reply_is_cut_off() {
    let (host, http) = (Host::start(), Http::new().expect("opens"));
    host.answer("api/verify", 200, vec![b' '; 65 * 1_024]);
    let error = verification(&host, &http).verify(CODE, &[], &secret(1)).await.expect_err("refused");
    assert!(matches!(error, ClientError::TooLarge { limit: 65_536, .. }), "{error}");
}

#[tokio::test]
async fn a_redirect_does_not_carry_the_api_key_elsewhere() {
    let (host, elsewhere, http) = (Host::start(), Host::start(), Http::new().expect("opens"));
    elsewhere.answer("api/verify", 200, VERIFIED);
    let headers = vec![("location", elsewhere.url("api/verify"))];
    host.script_as("api/verify", Scripted { status: 302, headers, body: Vec::new() });
    let error = verification(&host, &http).verify(CODE, &[], &secret(1)).await.expect_err("refused");
    assert!(matches!(error, ClientError::Refused { status: 302, .. }), "{error}");
    assert!(elsewhere.exchanges().is_empty());
}

#[tokio::test]
async fn https_is_ready_without_a_process_wide_provider() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let deaf = std::thread::spawn(move || drop(listener.accept()));
    let base = BaseUrl::new(&format!("https://{address}")).expect("valid");
    let verification = Verification::new(Http::new().expect("opens"), base, "demo.device.AAAA").expect("valid");
    let error = verification.verify(CODE, &[], &secret(1)).await.expect_err("nobody speaks TLS there");
    assert!(matches!(error, ClientError::Unreachable(_)), "{error}");
    deaf.join().expect("accepted");
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}

#[tokio::test]
async fn no_error_and_no_debug_form_repeats_a_secret() {
    let (host, http) = (Host::start(), Http::new().expect("opens"));
    let (token, certificate) = credentials(&host, &http).await;
    host.answer("api/verify", 400, r#"{"error":"no","errorCode":"code_invalid"}"#);
    let error = verification(&host, &http).verify(CODE, &[], &secret(1)).await.expect_err("refused");
    let shown = format!("{token:?} {certificate:?} {error:?} {error} {:?} {:?}", secret(1), self_report());
    for hidden in
        ["4791234567", "2026-11-18", CODE, "a-token", "eyJ.a.certificate", "demo.device", &secret(1).to_base64()]
    {
        assert!(!shown.contains(hidden), "{shown}");
    }
}
