//! Whatever is wrong with a certificate: one answer, nothing stored, and a reason that operators see and phones do not.

use proto::ReportType::Confirmed;
use proto::api::base64;
use proto::api::publish::PublishRequest;
use serde_json::{Value, json};
use server::admin;

use crate::authority::{NORTH, SOUTH};
use crate::certificates::{by_north, claims, jwt};
use crate::phone::commit;
use crate::system::System;

const REFUSED: &str = "health_authority_verification_certificate_invalid";

/// A bad certificate of each kind for one key of the first person, with the reason that is counted.
fn bad_certificates(system: &System) -> Vec<(&'static str, String)> {
    let (good, kid) = (claims(system, &system.keys(1, 1)), NORTH.public_key().kid());
    let header = json!({ "alg": "EdDSA", "kid": kid });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        jwt(&header, &claims, by_north)
    };
    let named = |kid: &str| jwt(&json!({ "alg": "EdDSA", "kid": kid }), &good, by_north);
    let now = system.now().unix();
    vec![
        ("malformed", "garbage".to_owned()),
        ("malformed", format!("{}.", jwt(&header, &good, by_north))),
        ("malformed", with("tekmac", json!("AAAA"))),
        ("unknown_key", named("nobody's")),
        ("unknown_key", SOUTH.certify(commit(&system.keys(1, 1)), Confirmed, system.now())),
        ("denied_key", named("stolen")),
        ("algorithm", jwt(&json!({ "alg": "none", "kid": kid }), &good, |_| Vec::new())),
        ("algorithm", jwt(&json!({ "alg": "ES256", "kid": kid }), &good, by_north)),
        ("signature", jwt(&header, &good, |_| vec![7; 64])),
        ("signature", jwt(&json!({ "alg": "EdDSA" }), &good, |_| vec![7; 64])),
        ("issuer", with("iss", json!("south"))),
        ("audience", with("aud", json!("elsewhere"))),
        ("expired", with("exp", json!(now - 61))),
        ("not_yet_valid", with("iat", json!(now + 600))),
        ("commitment", NORTH.certify(commit(&system.keys(1, 2)), Confirmed, system.now())),
    ]
}

/// What is counted of refusals with this code and reason.
fn counted(system: &System, code: &str, reason: &str) -> u32 {
    system.state.metrics().step();
    let line = format!("pratique_server_refused_total{{code=\"{code}\",reason=\"{reason}\"}} ");
    let text = system.state.metrics().render();
    let found = text.lines().find_map(|metric| metric.strip_prefix(line.as_str()));
    found.map_or(0, |count| count.parse().expect("a number"))
}

#[actix_web::test]
async fn every_bad_certificate_gets_the_same_answer_stores_nothing_and_is_counted_by_its_reason() {
    let system = System::start().await;
    admin::deny_key(&system.state, "north", "stolen", None).await.expect("denied");
    let first = system.publish(&system.upload_with(system.keys(1, 1), "eyJ".to_owned())).await;
    for (reason, certificate) in bad_certificates(&system) {
        let before = counted(&system, REFUSED, reason);
        let reply = system.publish(&system.upload_with(system.keys(1, 1), certificate)).await;
        system.assert_refused(&reply, 401, REFUSED).await;
        assert_eq!(reply, first, "{reason}: byte for byte, header names included");
        assert_eq!(counted(&system, REFUSED, reason), before + 1, "{reason}");
    }
}

#[actix_web::test]
async fn an_authority_that_is_unknown_or_disabled_is_named_as_such_and_as_one_another() {
    let system = System::start().await;
    let good = system.upload(system.keys(1, 1), Confirmed);
    let unknown = PublishRequest { health_authority_id: "west".to_owned(), ..good.clone() };
    let unknown = system.publish(&unknown).await;
    system.assert_refused(&unknown, 401, "unknown_health_authority_id").await;
    admin::disable_authority(&system.state, "north").await.expect("disabled");
    let disabled = system.publish(&good).await;
    system.assert_refused(&disabled, 401, "unknown_health_authority_id").await;
    assert_eq!(disabled, unknown);
    assert_eq!(counted(&system, "unknown_health_authority_id", ""), 2);
    let garbage = PublishRequest { hmac_key: base64::encode(&[1; 3]), ..good };
    system.assert_refused(&system.publish(&garbage).await, 400, "bad_request").await;
}

/// Whoever has a key writes into certificates what he likes: only our own clock says since when it is denied.
#[actix_web::test]
async fn a_certificate_of_before_the_denial_is_not_believed_either() {
    let system = System::start().await;
    let keys = system.keys(1, 1);
    let mut backdated = NORTH.claims(commit(&keys), Confirmed, system.now().plus(-800));
    backdated.expires_at = system.now().plus(100);
    let backdated = NORTH.sign(&backdated);
    let since = Some(system.now().plus(-60));
    admin::deny_key(&system.state, "north", &NORTH.public_key().kid(), since).await.expect("denied");
    let reply = system.publish(&system.upload_with(keys, backdated)).await;
    system.assert_refused(&reply, 401, REFUSED).await;
    assert_eq!(counted(&system, REFUSED, "denied_key"), 1);
}
