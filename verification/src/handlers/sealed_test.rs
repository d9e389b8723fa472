//! Requests through the gateway, from a relay.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use actix_web::{App, http::StatusCode};
use proto::ohttp::{InnerReply, InnerRequest, REQUEST_MEDIA_TYPE, decode_keys, seal_request};
use serde_json::{Value, json};
use service::Edge;
use service::ohttp::SEALED_REPLY_BYTES;

use crate::app::routes;
use crate::budget::Budgets;
use crate::handlers::fixture_test::{COMMITMENT, Desk, NONCE};

/// The names of the headers that a relay sees.
const SEEN: [&str; 4] = ["cache-control", "content-length", "content-type", "retry-after"];

/// What a phone hears that asks through the relay at this address.
async fn ask(desk: &Desk, relay: &str, path: &str, (key, body): (&str, Value)) -> (InnerReply, Value) {
    let service = init_service(App::new().app_data(Data::new(desk.state.clone())).configure(routes)).await;
    let keys = call_service(&service, TestRequest::get().uri("/ohttp-keys").to_request()).await;
    let keys = decode_keys(&read_body(keys).await).expect("keys");
    let headers = [("content-type", "application/json"), ("x-api-key", key), ("x-forwarded-for", "192.0.2.1")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
    let (method, path, body) = ("POST".to_owned(), path.to_owned(), body.to_string().into_bytes());
    let message = InnerRequest { method, path, headers, body }.encode("", 16_384);
    let (envelope, opener) = seal_request(&keys[0], &message, &mut store::chance::source()).expect("sealed");
    let request = TestRequest::post().uri("/ohttp").insert_header((CONTENT_TYPE, REQUEST_MEDIA_TYPE));
    let request = request.peer_addr(relay.parse().expect("an address and a port")).set_payload(envelope);
    let reply = call_service(&service, request.to_request()).await;
    assert_eq!(reply.status(), StatusCode::OK);
    assert!(reply.headers().keys().all(|name| SEEN.contains(&name.as_str())), "{:?}", reply.headers());
    assert_eq!(reply.headers().get("retry-after").expect("always there"), "00000");
    let reply = read_body(reply).await;
    assert_eq!(reply.len(), SEALED_REPLY_BYTES);
    let reply = InnerReply::decode(&opener.open(&reply).expect("opened")).expect("a reply");
    let said = serde_json::from_slice(&reply.body).expect("JSON");
    (reply, said)
}

#[actix_web::test]
async fn a_code_becomes_a_certificate_through_a_relay() {
    let desk = Desk::open().await;
    let claim = json!({ "code": desk.code().await, "nonce": NONCE });
    let relay = "203.0.113.1:1";
    let (reply, said) = ask(&desk, relay, "/api/verify", (&desk.device, claim)).await;
    assert_eq!(reply.status, 200);
    let order = json!({ "token": said["token"], "ekeyhmac": COMMITMENT });
    let (reply, said) = ask(&desk, relay, "/api/certificate", (&desk.device, order)).await;
    assert_eq!((reply.status, said["certificate"].is_string()), (200, true));
    let (reply, said) = ask(&desk, relay, "/api/user-report", (&desk.device, json!({}))).await;
    assert_eq!(reply.status, 400, "{said}");
}

#[actix_web::test]
async fn what_is_not_for_phones_is_not_behind_the_gateway() {
    let desk = Desk::open().await;
    for path in ["/api/issue", "/api/batch-issue", "/api/checkcodestatus", "/api/expirecode", "/health", "/jwks/no"] {
        let order = json!({ "testType": "likely" });
        let (reply, said) = ask(&desk, "203.0.113.1:1", path, (&desk.admin, order)).await;
        assert_eq!((reply.status, &said["errorCode"]), (404, &json!("not_found")), "{path}");
    }
    assert!(desk.is_empty().await);
}

#[actix_web::test]
async fn a_relay_answers_for_all_who_come_through_it() {
    let mut desk = Desk::open().await;
    let relays = vec!["west=203.0.113.0/28".parse().expect("a relay")];
    let budgets = Budgets { per_relay: 3, ..Budgets::default() };
    desk.state = desk.state.clone().with_budgets(budgets).with_edge(Edge { relays, ..Edge::default() });
    let guess = || (desk.device.as_str(), json!({ "code": "00000000" }));
    for host in 1..=3 {
        let (reply, _) = ask(&desk, &format!("203.0.113.{host}:1"), "/api/verify", guess()).await;
        assert_eq!(reply.status, 400);
    }
    let (reply, said) = ask(&desk, "203.0.113.4:1", "/api/verify", guess()).await;
    assert_eq!((reply.status, &said["errorCode"]), (429, &json!("too_many_attempts")));
    assert!(reply.header("retry-after").is_some(), "it is said inside; what the relay sees asks for nothing");
    let (reply, _) = ask(&desk, "198.51.100.1:1", "/api/verify", guess()).await;
    assert_eq!(reply.status, 400, "others have budgets of their own");
}
