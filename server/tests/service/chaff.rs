//! Chaff: what carries nothing is answered like something, and leaves nothing.

use proto::ReportType::Confirmed;
use proto::api::self_reports::ChallengeReply;
use rusqlite::Connection;

use crate::system::System;
use crate::wire::{as_chaff, request};

const JSON: Option<&str> = Some("application/json");
/// Every route for phones.
const PATHS: [&str; 9] = [
    "/v1/publish",
    "/v1/reports",
    "/v1/challenge",
    "/tcnreport/0.4.0",
    "/tcnreport/v0.4.0",
    "/submitReport",
    "/self/north/tcnreport/0.4.0",
    "/self/north/tcnreport/v0.4.0",
    "/self/nobody/submitReport",
];

/// How many rows a table has.
fn rows(system: &System, table: &str) -> i64 {
    let database = Connection::open(system.directory.path().join("keys.db")).expect("opened");
    database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("counted")
}

#[actix_web::test]
async fn any_body_is_chaff_on_every_route_and_is_answered_like_an_upload() {
    let system = System::start().await;
    let good = serde_json::to_vec(&system.upload(system.keys(1, 5), Confirmed)).expect("JSON");
    let real = system.send(request("POST", "/v1/publish", JSON, &good)).await;
    let stored = system.stored().await;
    for path in PATHS {
        for body in [&good[..], b"{}", b"", b"padding", &[0xff; 12_000]] {
            let reply = system.send(as_chaff(&request("POST", path, None, body))).await;
            assert_eq!((reply.status, reply.body.len()), (200, 4_096), "{path}");
            assert_eq!((&reply.header_names, reply.head), (&real.header_names, real.head), "{path}");
        }
    }
    assert_eq!(system.stored().await, stored, "nothing of it reaches keys");
    assert_eq!((rows(&system, "self_report_tally"), rows(&system, "spent_challenge")), (0, 0));
    system.state.metrics().step();
    let shown = system.state.metrics().render();
    assert!(shown.contains("pratique_server_chaff_total{worked=\"yes\"} 45\n"), "{shown}");
    assert!(!shown.contains("pratique_server_refused_total{"), "chaff is in no other statistic");
}

#[actix_web::test]
async fn chaff_writes_as_many_rows_as_it_pretends_to() {
    let system = System::start().await;
    for (path, entries) in
        [("/v1/publish", Some(5)), ("/v1/publish", None), ("/v1/reports", None), ("/v1/challenge", None)]
    {
        let body = match entries {
            Some(count) => serde_json::to_vec(&system.upload(system.keys(1, count), Confirmed)).expect("JSON"),
            None => b"padding".to_vec(),
        };
        let before = rows(&system, "chaff");
        let reply = system.send(as_chaff(&request("POST", path, JSON, &body))).await;
        let written = rows(&system, "chaff") - before;
        if path == "/v1/challenge" {
            assert_eq!(written, 0, "a real one stores nothing");
            continue;
        }
        let said = reply.json().inserted_exposures.expect("said");
        assert_eq!(
            (said, written),
            (usize::from(entries.unwrap_or(14)), 2 * i64::try_from(said).expect("few")),
            "{path}"
        );
    }
}

#[actix_web::test]
async fn a_challenge_for_chaff_is_as_long_as_any_and_good_for_nothing() {
    let system = System::start().await;
    let ask = async |request: Vec<u8>| -> ChallengeReply {
        serde_json::from_slice(&system.send(request).await.body).expect("a challenge")
    };
    let real = ask(request("POST", "/v1/challenge", JSON, b"{}")).await;
    let chaff = ask(as_chaff(&request("POST", "/v1/challenge", JSON, b"{}"))).await;
    assert_eq!((chaff.challenge.len(), chaff.bits), (real.challenge.len(), real.bits));
    assert_ne!(chaff.challenge[..16], real.challenge[..16]);
}

#[actix_web::test]
async fn chaff_beyond_its_budget_is_answered_alike_without_the_database() {
    let system = System::start_with_chaff(0).await;
    for path in PATHS {
        let reply = system.send(as_chaff(&request("POST", path, JSON, b"{}"))).await;
        assert_eq!((reply.status, reply.body.len()), (200, 4_096), "{path}");
    }
    assert_eq!(rows(&system, "chaff"), 0);
    system.state.metrics().step();
    assert!(system.state.metrics().render().contains("pratique_server_chaff_total{worked=\"no\"} 9\n"));
}
