//! Keys that an authority publishes itself: fetched over real HTTP, believed, replaced, lost and found.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use proto::ReportType::Confirmed;
use proto::certificate::CertificateKey;
use serde_json::{Value, json};
use server::admin::{self, AuthorityChange};
use server::{KeySetUrl, ServerError, Unfetched};

use crate::authority::{Authority, NORTH, SOUTH};
use crate::phone::commit;
use crate::system::System;

/// Somebody who publishes whatever the test wants.
struct Publisher {
    url: KeySetUrl,
    said: Arc<Mutex<(u16, String)>>,
    server: ServerHandle,
}

impl Publisher {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/jwks", listener.local_addr().expect("an address"));
        let said = Arc::new(Mutex::new((404, String::new())));
        let shared = Arc::clone(&said);
        let server = service::listen(listener, None, move |cfg| {
            let said = Arc::clone(&shared);
            let answer = move || {
                let (status, body) = said.lock().expect("no panic").clone();
                let mut reply = HttpResponse::build(StatusCode::from_u16(status).expect("a status"));
                reply.insert_header(("Location", "/elsewhere"));
                async move { reply.body(body) }
            };
            cfg.route("/jwks", web::get().to(answer));
        })
        .expect("it listens");
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { url: KeySetUrl::parse(&url, false).expect("a loopback address"), said, server: handle }
    }

    fn say(&self, status: u16, body: impl Into<String>) {
        *self.said.lock().expect("no panic") = (status, body.into());
    }

    fn publish(&self, keys: &[Value]) {
        self.say(200, json!({ "keys": keys }).to_string());
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

fn named(key: &CertificateKey, kid: &str) -> Value {
    let mut jwk = key.to_jwk();
    jwk["kid"] = kid.into();
    jwk
}

/// The north publishes its key itself, and nobody has a file of it.
async fn publishing() -> (System, Publisher) {
    let (system, publisher) = (System::start().await, Publisher::start());
    publisher.publish(&[NORTH.public_key().to_jwk()]);
    follow(&system, &publisher).await;
    admin::refresh_key_set(&system.state, "north").await.expect("fetched");
    (system, publisher)
}

async fn follow(system: &System, publisher: &Publisher) {
    let change = AuthorityChange {
        keys: Some(Vec::new()),
        key_set: Some(Some(publisher.url.clone())),
        ..AuthorityChange::default()
    };
    admin::update_authority(&system.state, "north", change).await.expect("changed");
}

fn pass(system: &System, seconds: i64) {
    system.clock.set_offset(system.clock.offset() + seconds);
}

/// The status that an upload gets under a certificate of the north that this authority signs.
async fn status(system: &System, person: u8, signer: &Authority) -> u16 {
    let keys = system.keys(person, 1);
    let certificate = signer.sign(&NORTH.claims(commit(&keys), Confirmed, system.now()));
    system.publish(&system.upload_with(keys, certificate)).await.status
}

/// The value of a metric of the north.
fn metric(system: &System, name: &str) -> Option<i64> {
    let line = format!("pratique_server_{name}{{authority=\"north\"}} ");
    let text = system.state.metrics().render();
    text.lines().find_map(|metric| metric.strip_prefix(line.as_str())).map(|value| value.parse().expect("a number"))
}

/// Waits for something that a running server does beside its answers.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_200 {
        if holds().await {
            return;
        }
        actix_web::rt::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} does not come about");
}

#[actix_web::test]
async fn a_set_that_is_no_good_changes_nothing() {
    let (system, publisher) = publishing().await;
    assert_eq!(status(&system, 1, &NORTH).await, 200);
    let good = json!({ "keys": [NORTH.public_key().to_jwk()] }).to_string();
    for (code, body) in [
        (503, good.clone()),
        (302, good.clone()),
        (204, String::new()),
        (200, String::new()),
        (200, "<html>maintenance</html>".to_owned()),
        (200, json!({ "keys": [] }).to_string()),
        (200, json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }] }).to_string()),
        (200, json!({ "keys": [named(&NORTH.public_key(), "k"), named(&SOUTH.public_key(), "k")] }).to_string()),
        (200, format!("{good}{}", " ".repeat(70_000))),
    ] {
        publisher.say(code, body);
        let refused = admin::refresh_key_set(&system.state, "north").await;
        assert!(matches!(refused, Err(ServerError::Unfetched(_))), "{code}");
        let standing = admin::authority(&system.state, "north").await.expect("known").key_set.expect("a set");
        assert_eq!((standing.keys.len(), standing.failing_since.is_some()), (1, true), "{code}");
    }
    assert_eq!(status(&system, 2, &NORTH).await, 200);
    publisher.say(200, good);
    assert!(admin::refresh_key_set(&system.state, "north").await.expect("fetched").recovered);
}

#[actix_web::test]
async fn somebody_who_does_not_answer_is_told_from_somebody_who_says_no() {
    let (system, publisher) = publishing().await;
    publisher.say(500, "");
    let refused = admin::refresh_key_set(&system.state, "north").await;
    assert!(matches!(refused, Err(ServerError::Unfetched(Unfetched::Status(500)))));
    publisher.server.stop(true).await;
    let refused = admin::refresh_key_set(&system.state, "north").await;
    assert!(matches!(refused, Err(ServerError::Unfetched(Unfetched::NoAnswer))));
    let none = admin::refresh_key_set(&system.state, "south").await.expect_err("it publishes none").to_string();
    assert!(none.contains("--jwks-url"), "{none}");
}

#[actix_web::test]
async fn keys_that_cannot_be_fetched_are_believed_for_seven_days_and_raise_a_metric() {
    let (system, publisher) = publishing().await;
    let shown = async |failed: i64| {
        until("the metric", async || {
            server::refresh_due(&system.state).await.expect("looked after");
            system.state.metrics().step();
            metric(&system, "jwks_refresh_failed") == Some(failed)
        })
        .await;
    };
    shown(0).await;
    publisher.say(503, "");
    pass(&system, 3_600);
    shown(1).await;
    let is_coarse = |age: i64| age % 300 == 0;
    assert!(metric(&system, "jwks_age_seconds").is_some_and(|age| (3_600..7_200).contains(&age) && is_coarse(age)));
    pass(&system, 7 * 86_400 - 7_200);
    assert_eq!(status(&system, 1, &NORTH).await, 200);
    pass(&system, 3_600);
    assert_eq!(status(&system, 2, &NORTH).await, 401);
    publisher.publish(&[NORTH.public_key().to_jwk()]);
    pass(&system, 3_600);
    shown(0).await;
    assert_eq!(status(&system, 3, &NORTH).await, 200);
    assert!(metric(&system, "jwks_age_seconds").is_some_and(|age| age < 3_600));
}

#[actix_web::test]
async fn an_unknown_key_is_refused_at_once_and_looked_for_afterwards() {
    let (system, publisher) = publishing().await;
    publisher.publish(&[NORTH.public_key().to_jwk(), SOUTH.public_key().to_jwk()]);
    // A minute after the last attempt.
    pass(&system, 61);
    assert_eq!(status(&system, 1, &SOUTH).await, 401, "whatever comes of it, this one is refused");
    until("the new key", async || status(&system, 2, &SOUTH).await == 200).await;
    assert_eq!(status(&system, 3, &NORTH).await, 200);
    publisher.publish(&[SOUTH.public_key().to_jwk()]);
    admin::refresh_key_set(&system.state, "north").await.expect("fetched");
    assert_eq!(status(&system, 4, &NORTH).await, 200, "a key that has gone is believed for an hour");
    pass(&system, 3_700);
    assert_eq!(status(&system, 5, &NORTH).await, 401);
}

#[actix_web::test]
async fn another_key_under_a_known_name_is_the_one_that_is_believed() {
    let (system, publisher) = publishing().await;
    let kid = NORTH.public_key().kid();
    publisher.publish(&[named(&SOUTH.public_key(), &kid)]);
    let change = admin::refresh_key_set(&system.state, "north").await.expect("fetched");
    assert_eq!(change.replaced, std::slice::from_ref(&kid));
    assert_eq!(status(&system, 1, &NORTH).await, 401, "the old one is believed no more");
    let keys = system.keys(2, 1);
    let claims = crate::certificates::claims(&system, &keys);
    let by_south = |signed: &[u8]| ed25519_dalek::Signer::sign(&SOUTH.signing_key(), signed).to_bytes().to_vec();
    let certificate = crate::certificates::jwt(&json!({ "alg": "EdDSA", "kid": kid }), &claims, by_south);
    let upload = system.upload_with(keys, certificate);
    assert_eq!(system.publish(&upload).await.status, 200);
    admin::deny_key(&system.state, "north", &kid, None).await.expect("denied");
    assert_eq!(system.publish(&upload).await.status, 401);
    publisher.publish(&[NORTH.public_key().to_jwk()]);
    admin::refresh_key_set(&system.state, "north").await.expect("fetched");
    assert_eq!(status(&system, 3, &NORTH).await, 401, "a denied name stays denied, whatever is published");
}
