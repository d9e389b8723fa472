//! Which certificates are believed. Whatever is wrong with one, the answer is the same, byte for byte.

use ed25519_dalek::Signer as _;
use proto::ReportType::Confirmed;
use proto::api::base64;
use proto::api::publish::{ExposureKey, PublishRequest};
use proto::certificate::CertificateKey;
use proto::commitment::KeySegment;
use serde_json::{Value, json};
use server::Settings;
use store::DatabaseUrl;

use crate::authority::{Authority, NORTH, SOUTH};
use crate::phone::{commit, hmac_key};
use crate::system::System;

pub(crate) fn url(bytes: &[u8]) -> String {
    base64::encode(bytes).replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned()
}

/// The claims of a good certificate for these keys, as JSON to be tampered with.
pub(crate) fn claims(system: &System, keys: &[ExposureKey]) -> Value {
    let now = system.now().unix();
    json!({
        "iss": "north", "aud": "pratique", "iat": now, "nbf": now - 5, "exp": now + 900,
        "reportType": "confirmed", "tekmac": base64::encode(commit(keys).as_bytes()),
    })
}

/// A JWT with any header, signed as told.
pub(crate) fn jwt(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", url(header.to_string().as_bytes()), url(claims.to_string().as_bytes()));
    let signature = url(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

pub(crate) fn by_north(signed: &[u8]) -> Vec<u8> {
    NORTH.signing_key().sign(signed).to_bytes().to_vec()
}

/// Uploads one key under a certificate, and asserts that it is believed or that nothing is stored and nothing is told.
async fn assert_belief(system: &System, certificate: &str, believed: bool, why: &str) {
    let reply = system.publish(&system.upload_with(system.keys(1, 1), certificate.to_owned())).await;
    if believed {
        assert_eq!(reply.status, 200, "{why}: {}", reply.error());
    } else {
        assert_eq!(reply.code(), "health_authority_verification_certificate_invalid", "{why}");
        system.assert_refused(&reply, 401, "health_authority_verification_certificate_invalid").await;
        let garbage = system.publish(&system.upload_with(system.keys(1, 1), "garbage".to_owned())).await;
        assert_eq!(reply, garbage, "{why}: no detail");
    }
}

#[actix_web::test]
async fn the_algorithm_belongs_to_the_key_and_is_never_taken_from_the_header() {
    let system = System::start().await;
    let claims = claims(&system, &system.keys(1, 1));
    let kid = NORTH.public_key().kid();
    for alg in ["none", "None", "HS256", "ES256", "RS256", "eddsa", ""] {
        let header = json!({ "alg": alg, "kid": kid, "typ": "JWT" });
        assert_belief(&system, &jwt(&header, &claims, by_north), false, alg).await;
        assert_belief(&system, &jwt(&header, &claims, |_| Vec::new()), false, alg).await;
    }
    // The public key as the secret of an HMAC, the classic confusion, has no code path to take; nor has a key in the header.
    let own = json!({ "alg": "EdDSA", "jwk": SOUTH.public_key().to_jwk() });
    let by_south = |signed: &[u8]| SOUTH.signing_key().sign(signed).to_bytes().to_vec();
    assert_belief(&system, &jwt(&own, &claims, by_south), false, "jwk").await;
    let good = json!({ "alg": "EdDSA", "kid": kid, "typ": "JWT" });
    assert_belief(&system, &jwt(&good, &claims, by_north), true, "the same with the right header").await;
}

#[actix_web::test]
async fn a_foreign_issuer_or_audience_or_key_is_not_believed() {
    let system = System::start().await;
    let good = claims(&system, &system.keys(1, 1));
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        jwt(&json!({ "alg": "EdDSA" }), &claims, by_north)
    };
    for (name, value) in [
        ("iss", json!("south")),
        ("iss", json!("North")),
        ("iss", Value::Null),
        ("aud", json!("elsewhere")),
        ("aud", json!([])),
        ("aud", json!(["elsewhere", "pratique2"])),
        ("tekmac", json!("AAAA")),
        ("tekmac", Value::Null),
        ("reportType", json!("cured")),
        ("exp", Value::Null),
    ] {
        assert_belief(&system, &with(name, value), false, name).await;
    }
    let by_south = SOUTH.certify(commit(&system.keys(1, 1)), Confirmed, system.now());
    assert_belief(&system, &by_south, false, "a registered authority, but not the one that is named").await;
    let stranger = Authority::new("north", 9).certify(commit(&system.keys(1, 1)), Confirmed, system.now());
    assert_belief(&system, &stranger, false, "a stranger's key").await;
    assert_belief(&system, &with("aud", json!(["elsewhere", "pratique"])), true, "one of several audiences").await;
}

#[actix_web::test]
async fn an_expired_or_not_yet_valid_certificate_is_not_believed_beyond_a_minute() {
    let system = System::start().await;
    let commitment = commit(&system.keys(1, 1));
    let certificate = |issued: i64, expires: i64| {
        let mut claims = NORTH.claims(commitment, Confirmed, system.now().plus(issued));
        claims.expires_at = system.now().plus(expires);
        NORTH.sign(&claims)
    };
    assert_belief(&system, &certificate(-900, -61), false, "expired").await;
    // Ten seconds of slack for a slow machine: the exact second is pinned where the clock is an argument.
    assert_belief(&system, &certificate(75, 900), false, "not yet valid").await;
    assert_belief(&system, &certificate(-900, -45), true, "just expired").await;
    assert_belief(&system, &certificate(55, 900), true, "of a clock ahead of ours").await;
}

#[actix_web::test]
async fn an_issuer_may_call_its_keys_as_it_likes() {
    let system = System::start().await;
    let change = server::admin::AuthorityChange {
        keys: Some(vec![store::AuthorityKey { kid: "v1".to_owned(), key: NORTH.public_key() }]),
        ..Default::default()
    };
    server::admin::update_authority(&system.state, "north", change).await.expect("changed");
    let claims = claims(&system, &system.keys(1, 1));
    let named = |kid: &str| jwt(&json!({ "alg": "EdDSA", "kid": kid }), &claims, by_north);
    assert_belief(&system, &named("v2"), false, "another name").await;
    assert_belief(&system, &named(&NORTH.public_key().kid()), false, "the thumbprint is not its name").await;
    assert_belief(&system, &named("v1"), true, "its name").await;
    assert_belief(&system, &jwt(&json!({ "alg": "EdDSA" }), &claims, by_north), true, "no name").await;
}

#[actix_web::test]
async fn the_key_id_selects_and_without_one_each_key_is_tried() {
    let system = System::start().await;
    // The north changes its key: for a while both are in use, one Ed25519 and one P-256.
    let p256 = p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a scalar");
    let next = CertificateKey::P256(*p256.verifying_key());
    let file = system.directory.path().join("keys.db");
    let settings = Settings { database_url: DatabaseUrl::Sqlite(file) };
    let state = server::State::open(&settings, system.clock.clone()).await.expect("open");
    let spec = server::admin::AuthoritySpec {
        id: "north".to_owned(),
        regions: vec!["NO".parse().expect("a region")],
        keys: vec![NORTH.public_key().into(), next.clone().into()],
        ..server::admin::AuthoritySpec::default()
    };
    server::admin::register_authority(&state, spec).await.expect("registered");
    let claims = claims(&system, &system.keys(1, 1));
    let by_p256 = |signed: &[u8]| {
        let signature: p256::ecdsa::Signature = p256.sign(signed);
        signature.to_bytes().to_vec()
    };
    let es256 = |kid: Option<String>| jwt(&json!({ "alg": "ES256", "kid": kid }), &claims, by_p256);
    let eddsa = |kid: Option<String>| jwt(&json!({ "alg": "EdDSA", "kid": kid }), &claims, by_north);
    let (old_kid, new_kid) = (NORTH.public_key().kid(), next.kid());
    assert_belief(&system, &es256(Some(old_kid.clone())), false, "signed with another key than it says").await;
    assert_belief(&system, &eddsa(Some(new_kid.clone())), false, "signed with another key than it says").await;
    assert_belief(&system, &es256(Some("unknown".to_owned())), false, "unknown kid").await;
    assert_belief(&system, &eddsa(Some(String::new())), false, "empty kid").await;
    assert_belief(&system, &es256(Some(new_kid)), true, "P-256").await;
    assert_belief(&system, &eddsa(Some(old_kid)), true, "Ed25519").await;
    assert_belief(&system, &es256(None), true, "P-256 without kid").await;
    assert_belief(&system, &eddsa(None), true, "Ed25519 without kid").await;
}

#[actix_web::test]
async fn a_certificate_covers_exactly_the_keys_that_were_sent() {
    let system = System::start().await;
    let mut certified = system.keys(1, 3);
    certified[1].rolling_period = 0;
    let certificate = NORTH.certify(commit(&certified), Confirmed, system.now());
    let changes: [fn(&mut Vec<ExposureKey>); 7] = [
        |keys| drop(keys.remove(1)),
        |keys| drop(keys.pop()),
        |keys| keys.push(keys[0].clone()),
        |keys| keys[0].transmission_risk = 4,
        |keys| keys[0].rolling_period = 143,
        |keys| keys[0].rolling_start_number += 1,
        // The same bytes in another spelling: what was certified is the text.
        |keys| keys[0].key = keys[0].key.trim_end_matches('=').to_owned(),
    ];
    for change in changes {
        let mut keys = certified.clone();
        change(&mut keys);
        let reply = system.publish(&system.upload_with(keys, certificate.clone())).await;
        system.assert_refused(&reply, 401, "health_authority_verification_certificate_invalid").await;
    }
    let other_hmac = PublishRequest {
        hmac_key: base64::encode(&[6; 16]),
        ..system.upload_with(certified.clone(), certificate.clone())
    };
    let reply = system.publish(&other_hmac).await;
    system.assert_refused(&reply, 401, "health_authority_verification_certificate_invalid").await;
    // The bad key is part of what was certified, and so are keys in any order.
    certified.reverse();
    let reply = system.publish(&system.upload_with(certified, certificate)).await;
    assert_eq!((reply.status, reply.code().as_str()), (200, "partial_failure"));
}

#[actix_web::test]
async fn a_commitment_without_risks_counts_if_and_only_if_every_risk_is_0() {
    let system = System::start().await;
    let mut keys = system.keys(1, 2);
    let without_risks = |keys: &[ExposureKey]| {
        // The older form, rendered here by hand: segments without their last part.
        let mut segments: Vec<_> =
            keys.iter().map(|k| format!("{}.{}.{}", k.key, k.rolling_start_number, k.rolling_period)).collect();
        segments.sort();
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        hmac_key().commit_reports(&segments)
    };
    let certificate = NORTH.certify(without_risks(&keys), Confirmed, system.now());
    let reply = system.publish(&system.upload_with(keys.clone(), certificate.clone())).await;
    system.assert_refused(&reply, 401, "health_authority_verification_certificate_invalid").await;
    keys[0].transmission_risk = 0;
    let reply = system.publish(&system.upload_with(keys.clone(), certificate.clone())).await;
    system.assert_refused(&reply, 401, "health_authority_verification_certificate_invalid").await;
    keys[1].transmission_risk = 0;
    assert_eq!(system.publish(&system.upload_with(keys, certificate)).await.status, 200);
}

#[actix_web::test]
async fn keys_in_the_url_alphabet_are_committed_to_as_they_are_sent() {
    let system = System::start().await;
    let mut keys = system.keys(1, 1);
    keys[0].key = url(&[0xfb; 16]);
    let segment = KeySegment {
        key: &base64::encode(&[0xfb; 16]),
        rolling_start: keys[0].rolling_start_number,
        rolling_period: 144,
        transmission_risk: 3,
    };
    let other_spelling = NORTH.certify(hmac_key().commit_keys(&[segment]), Confirmed, system.now());
    let reply = system.publish(&system.upload_with(keys.clone(), other_spelling)).await;
    system.assert_refused(&reply, 401, "health_authority_verification_certificate_invalid").await;
    assert_eq!(system.publish(&system.upload(keys, Confirmed)).await.status, 200);
}
