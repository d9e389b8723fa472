//! What callers may ask for, and that nobody gets more by asking in another way.

use std::io::{BufReader, Write};
use std::net::TcpStream;

use proto::ReportType::Confirmed;
use proto::ohttp::{InnerRequest, REQUEST_MEDIA_TYPE, decode_keys, seal_request};
use service::{Edge, LimitSettings};

use crate::system::System;
use crate::wire::{Reply, chunked, forwarded, read_reply, request};

const JSON: Option<&str> = Some("application/json");
/// Budgets that are soon spent, and fill up again too slowly for a test to see.
const SMALL: LimitSettings = LimitSettings {
    prefix_requests: 3,
    relay_requests: 3,
    authority_uploads: 1_000,
    all_uploads: 1_000,
    prefix_failures: 2,
    relay_failures: 2,
    authority_failures: 4,
    all_failures: 1_000,
    prefix_chaff: 2,
    all_chaff: 1_000,
    requests_at_once: 8,
    requests_waiting: 8,
    connections: 100,
};
/// As many requests as anybody likes.
const MANY: LimitSettings = LimitSettings { prefix_requests: 10_000, relay_requests: 10_000, ..SMALL };

/// A server behind a proxy on this machine, with a relay in the west.
async fn behind_a_proxy(settings: LimitSettings) -> System {
    behind(settings, "127.0.0.0/8").await
}

async fn behind(settings: LimitSettings, proxies: &str) -> System {
    let edge = Edge {
        proxies: 1,
        proxy_networks: vec![proxies.parse().expect("a network")],
        relays: vec!["west=203.0.113.0/28".parse().expect("a relay")],
    };
    System::start_prepared(|state| state.with_edge(edge).with_limits(&settings)).await
}

/// Something cheap that everybody may ask for.
fn challenge() -> Vec<u8> {
    request("POST", "/v1/challenge", JSON, b"{}")
}

async fn from(system: &System, request: &[u8], lines: &[&str]) -> Reply {
    system.send(forwarded(request, lines)).await
}

/// Sends this from each of these and says who was let in.
async fn let_in(system: &System, request: &[u8], callers: &[&str]) -> Vec<bool> {
    let mut answers = Vec::new();
    for caller in callers {
        let reply = from(system, request, &[caller]).await;
        assert!(reply.status != 429 || (reply.code() == "too_many_requests" && (1..=60).contains(&reply.retry_after)));
        answers.push(reply.status != 429);
    }
    answers
}

#[actix_web::test]
async fn a_network_has_one_budget_whatever_its_ports_and_addresses_are() {
    let system = behind_a_proxy(SMALL).await;
    let same =
        ["198.51.100.1", "198.51.100.1:4711", "[::ffff:198.51.100.9]:80", "::ffff:198.51.100.200", "198.51.100.2"];
    assert_eq!(let_in(&system, &challenge(), &same).await, [true, true, true, false, false]);
    let six = ["2001:db8:1:2::1", "[2001:db8:1:2::2]:9", "2001:db8:1:2:ffff::1", "2001:db8:1:2::3", "2001:db8:1:3::3"];
    assert_eq!(let_in(&system, &challenge(), &six).await, [true, true, true, false, true]);
    assert_eq!(let_in(&system, &challenge(), &["198.51.101.1"]).await, [true]);
}

#[actix_web::test]
async fn a_refusal_for_now_is_an_answer_like_any_other() {
    let system = behind_a_proxy(SMALL).await;
    let good = from(&system, &challenge(), &["198.51.100.1"]).await;
    for _ in 0..2 {
        from(&system, &challenge(), &["198.51.100.1"]).await;
    }
    let refused = from(&system, &challenge(), &["198.51.100.1"]).await;
    // Three a minute: the next one within 20 seconds.
    assert!(refused.status == 429 && (1..=20).contains(&refused.retry_after), "{refused:?}");
    assert_eq!((refused.body.len(), &refused.header_names), (4_096, &good.header_names));
}

#[actix_web::test]
async fn x_forwarded_for_of_a_stranger_opens_no_budget() {
    let system = behind(SMALL, "10.0.0.0/8").await;
    let strangers = ["198.51.100.1", "198.51.101.1", "203.0.113.1", "10.0.0.1"];
    assert_eq!(let_in(&system, &challenge(), &strangers).await, [true, true, true, false]);
}

#[actix_web::test]
async fn what_stands_left_of_the_proxys_own_entry_is_nothing_in_one_line_or_several() {
    let system = behind_a_proxy(SMALL).await;
    for lines in [&["1.1.1.1, 198.51.100.1"][..], &["2.2.2.2", "198.51.100.1"], &["3.3.3.3,4.4.4.4", "198.51.100.1"]] {
        assert_eq!(from(&system, &challenge(), lines).await.status, 200);
    }
    assert_eq!(from(&system, &challenge(), &["5.5.5.5", "6.6.6.6, 198.51.100.1"]).await.status, 429);
    assert_eq!(from(&system, &challenge(), &["198.51.100.1, 6.6.6.6"]).await.status, 200);
}

#[actix_web::test]
async fn another_spelling_of_a_path_is_no_other_budget() {
    let paths = ["/v1/publish/", "/v1/publis%68", "//v1/publish", "/submitReport", "/self/north/submitReport", "/x"];
    for (number, path) in paths.iter().enumerate() {
        let system = behind_a_proxy(SMALL).await;
        let caller = format!("198.51.{number}.1");
        for other in ["/v1/challenge", path, "/v1/reports"] {
            let reply = from(&system, &request("POST", other, JSON, b"{}"), &[&caller]).await;
            assert_ne!(reply.status, 429, "{other}");
        }
        assert_eq!(from(&system, &request("POST", path, JSON, b"{}"), &[&caller]).await.status, 429, "{path}");
        assert_eq!(from(&system, &request("GET", path, None, b""), &[&caller]).await.status, 429, "{path}");
    }
}

#[actix_web::test]
async fn chunks_count_like_any_body() {
    let system = behind_a_proxy(SMALL).await;
    for _ in 0..3 {
        assert_eq!(from(&system, &chunked("/v1/challenge", b"{}"), &["198.51.100.1"]).await.status, 200);
    }
    assert_eq!(from(&system, &chunked("/v1/challenge", b"{}"), &["198.51.100.1"]).await.status, 429);
}

#[actix_web::test]
async fn each_request_of_a_connection_counts_sent_ahead_or_not() {
    let system = behind_a_proxy(SMALL).await;
    let ahead = forwarded(&challenge(), &["198.51.100.1"]).repeat(5);
    let address = system.address;
    let statuses = actix_web::rt::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(&ahead).expect("sent");
        let mut reader = BufReader::new(stream);
        [(); 5].map(|()| read_reply(&mut reader, true).status)
    });
    assert_eq!(statuses.await.expect("replies"), [200, 200, 200, 429, 429]);
}

#[actix_web::test]
async fn a_sealed_request_counts_once_and_as_its_relays() {
    let system = behind_a_proxy(SMALL).await;
    let keys = from(&system, &request("GET", "/ohttp-keys", None, b""), &["198.51.100.1"]).await;
    let key = decode_keys(&keys.body).expect("keys").remove(0);
    let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
    let inner =
        InnerRequest { method: "POST".to_owned(), path: "/v1/challenge".to_owned(), headers, body: b"{}".to_vec() };
    let mut statuses = Vec::new();
    for relay in ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"] {
        let (envelope, _) = seal_request(&key, &inner.encode("", 1_024), &mut store::chance::source()).expect("sealed");
        let sealed = request("POST", "/ohttp", Some(REQUEST_MEDIA_TYPE), &envelope);
        statuses.push(from(&system, &sealed, &[relay]).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    assert_eq!(let_in(&system, &challenge(), &["198.51.100.1"]).await, [true], "others have budgets of their own");
}

/// An upload that nobody vouches for.
fn unbelieved(system: &System) -> Vec<u8> {
    let upload = system.upload_with(system.keys(9, 1), "bad".to_owned());
    request("POST", "/v1/publish", JSON, &serde_json::to_vec(&upload).expect("JSON"))
}

fn believed(system: &System) -> Vec<u8> {
    let upload = system.upload(system.keys(1, 1), Confirmed);
    request("POST", "/v1/publish", JSON, &serde_json::to_vec(&upload).expect("JSON"))
}

#[actix_web::test]
async fn who_is_not_believed_too_often_is_not_looked_at_any_more() {
    let system = behind_a_proxy(MANY).await;
    let (bad, good) = (unbelieved(&system), believed(&system));
    for _ in 0..2 {
        assert_eq!(from(&system, &bad, &["198.51.100.1"]).await.status, 401);
    }
    for request in [&bad, &good] {
        let refused = from(&system, request, &["198.51.100.2"]).await;
        assert!(refused.status == 429 && (1..=30).contains(&refused.retry_after), "{refused:?}");
    }
    assert_eq!(from(&system, &good, &["198.51.101.1"]).await.status, 200);
    assert_eq!(from(&system, &challenge(), &["198.51.100.1"]).await.status, 200, "what needs no belief is not refused");
}

#[actix_web::test]
async fn strangers_do_not_keep_an_honest_network_from_an_authority() {
    let system = behind_a_proxy(MANY).await;
    let (bad, good) = (unbelieved(&system), believed(&system));
    // Believed once, so that the authority has budgets of its own.
    assert_eq!(from(&system, &good, &["192.0.2.1"]).await.status, 200);
    for network in 0..8 {
        let caller = format!("198.51.{network}.1");
        assert_eq!(from(&system, &bad, &[&caller]).await.status, 401, "each network's first is looked at");
    }
    // The authority's four failures are spent: who has failed is refused, who has not is served as before.
    assert_eq!(from(&system, &bad, &["198.51.0.1"]).await.status, 429);
    assert_eq!(from(&system, &good, &["198.51.7.1"]).await.status, 429);
    for network in 0..8 {
        assert_eq!(from(&system, &good, &[&format!("192.0.{network}.1")]).await.status, 200);
    }
}

#[actix_web::test]
async fn an_authoritys_uploads_have_a_budget_that_strangers_cannot_spend() {
    let system = behind_a_proxy(LimitSettings { authority_uploads: 3, ..MANY }).await;
    let (bad, good) = (unbelieved(&system), believed(&system));
    assert_eq!(from(&system, &good, &["192.0.2.1"]).await.status, 200);
    for network in 0..4 {
        assert_eq!(from(&system, &bad, &[&format!("198.51.{network}.1")]).await.status, 401);
    }
    for network in 0..3 {
        assert_eq!(from(&system, &good, &[&format!("192.0.{network}.1")]).await.status, 200);
    }
    let refused = from(&system, &good, &["192.0.9.1"]).await;
    assert!(refused.status == 429 && (1..=20).contains(&refused.retry_after), "{refused:?}");
}

#[actix_web::test]
async fn chaff_and_the_rest_have_nothing_to_do_with_each_other() {
    let system = behind_a_proxy(SMALL).await;
    let chaff = String::from_utf8(challenge()).expect("text").replacen("\r\n", "\r\nX-Chaff: 1\r\n", 1).into_bytes();
    let caller = ["198.51.100.1"];
    for expected in [true, true, false, false] {
        assert_eq!(let_in(&system, &chaff, &caller).await, [expected]);
    }
    for expected in [true, true, true, false] {
        assert_eq!(let_in(&system, &challenge(), &caller).await, [expected]);
    }
}

#[actix_web::test]
async fn whoever_is_on_this_machine_counts_as_a_relay() {
    let system = System::start_prepared(|state| state.with_limits(&LimitSettings { relay_requests: 5, ..SMALL })).await;
    let mut served = 0;
    while system.send(challenge()).await.status == 200 {
        served += 1;
    }
    assert_eq!(served, 5);
}

#[actix_web::test]
async fn operators_see_which_limit_it_was_and_nobody_who_ran_into_it() {
    let system = behind_a_proxy(LimitSettings { prefix_requests: 4, ..SMALL }).await;
    for _ in 0..3 {
        from(&system, &unbelieved(&system), &["198.51.100.1"]).await;
    }
    for _ in 0..3 {
        from(&system, &challenge(), &["198.51.100.1"]).await;
    }
    system.state.metrics().step();
    let text = system.state.metrics().render();
    let counted = |limit: &str, count: u32| {
        text.contains(&format!("pratique_server_limited_total{{limit=\"{limit}\",traffic=\"real\"}} {count}\n"))
    };
    assert!(counted("failures", 1) && counted("prefix", 2), "{text}");
    assert!(!text.contains("198.51"));
}
