//! `POST /v1/reports`: what is stored, and what the phone is told.

use proto::ReportType::{Confirmed, Negative};
use proto::api::base64;
use proto::api::publish::ReportsRequest;
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};

use crate::system::System;
use crate::wire::Reply;

/// A good report of one person over numbers 1 to 24.
fn report(person: u8) -> String {
    let key = ReportAuthorizationKey::from_seed([person; 32]);
    let memo = Memo::new(MemoType::CoEpiV1, b"a").expect("a memo");
    base64::encode(SignedReport::create(&key, &memo, 1, 24).expect("a report").as_bytes())
}

async fn post(system: &System, request: &ReportsRequest) -> Reply {
    system.post("/v1/reports", request).await
}

fn north(count: u64) -> [(String, u64); 2] {
    ["NO/tcn", "SE/tcn"].map(|feed| (feed.to_owned(), count))
}

#[actix_web::test]
async fn fifty_six_reports_go_to_each_region_of_their_authority() {
    let system = System::start().await;
    let reply = post(&system, &system.upload_reports((0..56).map(report).collect(), Confirmed)).await;
    assert_eq!((reply.status, reply.json().inserted_exposures), (200, Some(56)), "{}", reply.error());
    assert_eq!(system.stored().await, north(56));
}

#[actix_web::test]
async fn no_report_or_fifty_seven_are_refused() {
    let system = System::start().await;
    for count in [0, 57] {
        let reply = post(&system, &system.upload_reports((0..count).map(report).collect(), Confirmed)).await;
        system.assert_refused(&reply, 400, "bad_request").await;
        assert_eq!(reply.error(), "reports: must be 1 to 56 reports");
    }
}

#[actix_web::test]
async fn one_bad_report_does_not_sink_the_others_and_many_are_named_within_one_reply() {
    let system = System::start().await;
    let mut forged = base64::decode("report", &report(9)).expect("base64");
    forged[100] ^= 1;
    let upload = system.upload_reports(vec![report(1), base64::encode(&forged), report(2)], Confirmed);
    let reply = post(&system, &upload).await;
    assert_eq!((reply.status, reply.code().as_str()), (200, "partial_failure"));
    assert_eq!(reply.json().inserted_exposures, Some(2));
    assert!(reply.error().starts_with("reports[1]."), "{}", reply.error());
    assert_eq!(system.stored().await, north(2));

    let mut many = vec![base64::encode(&forged); 55];
    many.push(report(3));
    let reply = post(&system, &system.upload_reports(many, Confirmed)).await;
    assert_eq!((reply.json().inserted_exposures, reply.body.len()), (Some(1), 4_096));
}

#[actix_web::test]
async fn an_upload_of_bad_reports_alone_is_refused() {
    let system = System::start().await;
    let trailing = [base64::decode("report", &report(1)).expect("base64"), vec![0]].concat();
    let reply = post(&system, &system.upload_reports(vec![base64::encode(&trailing)], Confirmed)).await;
    system.assert_refused(&reply, 400, "bad_request").await;
}

#[actix_web::test]
async fn a_repeat_and_a_known_report_are_answered_like_the_first_time() {
    let system = System::start().await;
    let upload = system.upload_reports(vec![report(1), report(2)], Confirmed);
    let first = post(&system, &upload).await;
    assert_eq!(post(&system, &upload).await, first);
    let again = system.upload_reports(vec![report(2), report(1)], Confirmed);
    assert_eq!(post(&system, &again).await, first);
    assert_eq!(post(&system, &system.upload_reports(vec![report(3), report(4)], Confirmed)).await, first);
    assert_eq!(system.stored().await, north(4));
}

#[actix_web::test]
async fn one_verification_key_has_one_report_ever() {
    let system = System::start().await;
    let key = ReportAuthorizationKey::from_seed([1; 32]);
    let memo = Memo::new(MemoType::CoEpiV1, b"").expect("a memo");
    let second = base64::encode(SignedReport::create(&key, &memo, 25, 48).expect("a report").as_bytes());
    let first = post(&system, &system.upload_reports(vec![report(1)], Confirmed)).await;
    assert_eq!(
        post(&system, &system.upload_reports(vec![second], Confirmed)).await,
        first,
        "and the answer tells nothing"
    );
    assert_eq!(system.stored().await, north(1));
}

#[actix_web::test]
async fn a_negative_report_is_accepted_and_not_stored() {
    let system = System::start().await;
    let negative = post(&system, &system.upload_reports(vec![report(1)], Negative)).await;
    assert_eq!(system.stored().await, []);
    assert_eq!(post(&system, &system.upload_reports(vec![report(1)], Confirmed)).await, negative);
}

#[actix_web::test]
async fn a_certificate_covers_exactly_the_reports_that_were_sent() {
    let system = System::start().await;
    let good = system.upload_reports(vec![report(1), report(2)], Confirmed);
    for reports in [vec![report(1)], vec![report(1), report(3)], vec![report(1), report(2), report(3)]] {
        let reply = post(&system, &ReportsRequest { reports, ..good.clone() }).await;
        system.assert_refused(&reply, 401, "health_authority_verification_certificate_invalid").await;
    }
    let reply = post(&system, &ReportsRequest { health_authority_id: "west".to_owned(), ..good.clone() }).await;
    system.assert_refused(&reply, 401, "unknown_health_authority_id").await;
    // A certificate over keys is none over reports: the commitment is over other text.
    let keys = system.upload(system.keys(1, 1), Confirmed);
    let reply = post(&system, &ReportsRequest { verification_payload: keys.verification_payload, ..good }).await;
    system.assert_refused(&reply, 401, "health_authority_verification_certificate_invalid").await;
}
