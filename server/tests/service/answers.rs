//! What every answer has in common, whatever it says.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use proto::ReportType::Confirmed;
use proto::api::publish::PublishRequest;

use crate::system::System;
use crate::wire::{Reply, as_chaff, chunked, request};

/// A good upload, padded to exactly `length` bytes.
fn upload_of(system: &System, length: usize) -> Vec<u8> {
    let upload = system.upload(system.keys(1, 1), Confirmed);
    proto::api::padding::to_padded_json(upload, length)
}

const JSON: Option<&str> = Some("application/json");

#[actix_web::test]
async fn every_reply_has_4096_bytes_and_the_same_header_names() {
    let system = System::start().await;
    let good = upload_of(&system, 2_000);
    let unknown =
        PublishRequest { health_authority_id: "west".to_owned(), ..system.upload(system.keys(1, 1), Confirmed) };
    let unknown = serde_json::to_vec(&unknown).expect("JSON");
    let mut partial = system.keys(2, 2);
    partial[0].rolling_period = 0;
    let partial = serde_json::to_vec(&system.upload(partial, Confirmed)).expect("JSON");
    let mut bad = system.keys(2, 1);
    bad[0].rolling_period = 0;
    let bad = serde_json::to_vec(&system.upload(bad, Confirmed)).expect("JSON");
    let mut distrusted = system.upload(system.keys(3, 1), Confirmed);
    distrusted.verification_payload.push('A');
    let distrusted = serde_json::to_vec(&distrusted).expect("JSON");
    let cases: Vec<(u16, &str, Vec<u8>)> = vec![
        (200, "", request("POST", "/v1/publish", JSON, &good)),
        (200, "partial_failure", request("POST", "/v1/publish", JSON, &partial)),
        (400, "bad_request", request("POST", "/v1/publish", JSON, &bad)),
        (400, "bad_request", request("POST", "/v1/publish", JSON, b"{")),
        (400, "bad_request", request("POST", "/v1/reports", JSON, b"{\"x\":1}")),
        (401, "unknown_health_authority_id", request("POST", "/v1/publish", JSON, &unknown)),
        (401, "health_authority_verification_certificate_invalid", request("POST", "/v1/publish", JSON, &distrusted)),
        (404, "not_found", request("POST", "/v1/nothing", JSON, b"{}")),
        (404, "not_found", request("GET", "/", None, b"")),
        (405, "method_not_allowed", request("GET", "/v1/publish", None, b"")),
        (405, "method_not_allowed", request("PUT", "/v1/reports", JSON, b"{}")),
        (405, "method_not_allowed", request("OPTIONS", "/v1/publish", None, b"")),
        (404, "not_found", chunked("/v1/nothing", &good)),
        (405, "method_not_allowed", request("PATCH", "/v1/publish", JSON, &good)),
        (413, "body_too_large", request("POST", "/v1/publish", JSON, &upload_of(&system, 64_001))),
        (413, "body_too_large", request("POST", "/v1/publish", JSON, &upload_of(&system, 1_000_000))),
        (413, "body_too_large", chunked("/v1/reports", &upload_of(&system, 1_000_000))),
        (415, "unsupported_media_type", request("POST", "/v1/publish", Some("text/plain"), &good)),
    ];
    let mut replies = Vec::new();
    // Whatever it carries, chaff is answered as a success, unless a real request would not have been read at all.
    let chaff = cases.iter().map(|(status, code, request)| match *status {
        200 | 400 | 401 | 415 => (200, "", as_chaff(request)),
        status => (status, *code, as_chaff(request)),
    });
    for (status, code, request) in chaff.collect::<Vec<_>>().into_iter().chain(cases) {
        let reply = system.send(request).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
        replies.push(reply);
    }
    for reply in &replies {
        assert_eq!(reply.body.len(), 4_096, "{}", reply.code());
        assert_eq!((&reply.header_names, reply.head), (&replies[0].header_names, replies[0].head), "{}", reply.code());
    }
    let bodiless = system.send(request("HEAD", "/v1/publish", None, b"")).await;
    assert_eq!(
        (bodiless.status, &bodiless.header_names, bodiless.head),
        (405, &replies[0].header_names, replies[0].head)
    );
    assert!(replies[0].header_names.contains(&"cache-control".to_owned()));
}

#[actix_web::test]
async fn a_body_is_counted_as_it_arrives_chunked_or_not() {
    let system = System::start().await;
    for (length, status) in [(64_000, 200), (64_001, 413), (2_000_000, 413)] {
        let body = upload_of(&system, length);
        assert_eq!(system.send(request("POST", "/v1/publish", JSON, &body)).await.status, status, "{length}");
        let reply = system.send(chunked("/v1/publish", &body)).await;
        assert_eq!((reply.status, reply.body.len()), (status, 4_096), "{length} in chunks");
    }
}

/// Content-Length is nothing to believe: what has none passes no limit either.
#[actix_web::test]
async fn no_route_reads_chunks_without_end() {
    let system = System::start().await;
    let long = vec![b'A'; 73_000];
    for path in [
        "/v1/publish",
        "/v1/reports",
        "/v1/challenge",
        "/tcnreport/0.4.0",
        "/tcnreport/v0.4.0",
        "/submitReport",
        "/self/north/tcnreport/0.4.0",
        "/self/north/tcnreport/v0.4.0",
        "/self/north/submitReport",
        "/ohttp",
    ] {
        for body in [long.clone(), long.repeat(20)] {
            let reply = system.send(chunked(path, &body)).await;
            assert_eq!(reply.status, 413, "{path} with {} bytes", body.len());
        }
    }
    assert_eq!(system.stored().await, []);
}

#[actix_web::test]
async fn a_body_that_is_too_long_stores_nothing() {
    let system = System::start().await;
    let reply = system.send(chunked("/v1/publish", &upload_of(&system, 70_000))).await;
    system.assert_refused(&reply, 413, "body_too_large").await;
}

#[actix_web::test]
async fn json_is_what_says_that_it_is_json() {
    let system = System::start().await;
    let body = upload_of(&system, 2_000);
    for media_type in [None, Some(""), Some("text/json"), Some("application/jsonp"), Some("text/plain")] {
        let reply = system.send(request("POST", "/v1/publish", media_type, &body)).await;
        system.assert_refused(&reply, 415, "unsupported_media_type").await;
    }
    for media_type in ["application/json", "Application/JSON; charset=utf-8", "application/json ;x=y"] {
        assert_eq!(system.send(request("POST", "/v1/publish", Some(media_type), &body)).await.status, 200);
    }
}

#[actix_web::test]
async fn no_route_returns_keys() {
    let system = System::start().await;
    let upload = system.upload(system.keys(1, 2), Confirmed);
    let mut replies: Vec<Reply> = vec![system.publish(&upload).await];
    for path in ["/v1/publish", "/v1/reports", "/v1/keys", "/v1/exposureKeys", "/NO/gaen/index.txt", "/health"] {
        replies.push(system.send(request("GET", path, None, b"")).await);
    }
    for reply in replies {
        let text = String::from_utf8(reply.body).expect("text");
        for key in &upload.temporary_exposure_keys {
            assert!(!text.contains(&key.key));
        }
    }
}

#[actix_web::test]
async fn health_says_ok_while_the_database_answers() {
    let system = System::start().await;
    let reply = system.send(request("GET", "/health", None, b"")).await;
    assert_eq!((reply.status, reply.body.as_slice()), (200, br#"{"status":"ok"}"#.as_slice()));
}

#[actix_web::test]
async fn a_database_that_fails_is_told_to_phones_in_an_answer_of_the_same_size() {
    let system = System::start().await;
    let good = system.send(request("POST", "/v1/publish", JSON, b"{}")).await;
    for name in ["keys.db", "keys.db-wal", "keys.db-shm"] {
        overwrite(&system.directory.path().join(name));
    }
    let reply = system.publish(&system.upload(system.keys(1, 1), Confirmed)).await;
    assert_eq!(
        (reply.status, reply.code().as_str(), reply.error().as_str()),
        (500, "internal_error", "try again later")
    );
    assert_eq!((reply.body.len(), reply.header_names), (4_096, good.header_names));
    assert_eq!(system.send(request("GET", "/health", None, b"")).await.status, 503);
}

#[actix_web::test]
async fn a_refusal_is_counted_with_the_reason_that_is_not_told_and_shown_in_steps() {
    let system = System::start().await;
    let good = system.upload(system.keys(1, 2), Confirmed);
    let mut foreign = good.clone();
    foreign.temporary_exposure_keys.pop();
    for upload in [&good, &foreign, &PublishRequest { health_authority_id: "nobody".to_owned(), ..good.clone() }] {
        system.publish(upload).await;
    }
    assert!(!system.state.metrics().render().contains("code="), "nobody sees a single request pass");
    system.state.metrics().step();
    let shown = system.state.metrics().render();
    let of_certificates = "code=\"health_authority_verification_certificate_invalid\",reason=\"commitment\"";
    assert!(shown.contains(&format!("pratique_server_refused_total{{{of_certificates}}} 1\n")), "{shown}");
    assert!(shown.contains("{code=\"unknown_health_authority_id\",reason=\"\"} 1\n"), "{shown}");
    assert_eq!(shown.matches("pratique_server_refused_total{").count(), 2, "{shown}");
}

/// Destroys a file in place: it is mapped into memory, so its length must stay.
fn overwrite(file: &Path) {
    let mut file = OpenOptions::new().write(true).open(file).expect("a file");
    let length = file.metadata().expect("metadata").len();
    file.write_all(&vec![0x55; length.try_into().expect("small")]).expect("overwritten");
}
