//! What health authorities are shown of their uploads, and what happens to uploads that say something else of a known key.

use proto::ReportType::Confirmed;
use proto::api::stats::{STATS_REPLY_BYTES, StatsDay, StatsReply};
use proto::certificate::StatsClaims;
use server::admin::{AuthoritySpec, register_authority};
use server::statistics;
use store::SelfReporting;

use crate::authority::{Authority, NORTH, SOUTH};
use crate::phone;
use crate::self_reports;
use crate::system::System;
use crate::wire::{Reply, request};

/// Two days, in seconds.
const EMBARGO: i64 = 48 * 3_600;

/// Asks with any header `Authorization`, or none.
async fn ask(system: &System, authorization: Option<&str>, body: &[u8]) -> Reply {
    let asked = request("POST", "/v1/stats", Some("application/json"), body);
    let asked = String::from_utf8(asked).expect("text");
    let header = authorization.map(|value| format!("\r\nAuthorization: {value}")).unwrap_or_default();
    system.send(asked.replacen("\r\nHost: x", &format!("\r\nHost: x{header}"), 1).into_bytes()).await
}

/// The days that an authority is shown.
async fn days(system: &System, authority: &Authority) -> Vec<StatsDay> {
    let token = authority.sign_stats_token(&authority.stats_claims(system.now()));
    let reply = ask(system, Some(&format!("Bearer {token}")), b"{\"padding\":\"AAAA\"}").await;
    assert_eq!(
        (reply.status, reply.body.len()),
        (200, STATS_REPLY_BYTES),
        "{:?}",
        String::from_utf8_lossy(&reply.body)
    );
    let reply: StatsReply = serde_json::from_slice(&reply.body).expect("JSON");
    let told = statistics::report(&system.state, authority.id).await.expect("the operator may look too");
    assert_eq!(told, reply.days, "the operator sees what the authority sees");
    reply.days
}

/// Uploads of so many people, three keys each.
async fn upload(system: &System, authority: &Authority, people: std::ops::Range<u8>) {
    for person in people {
        let keys = system.keys(person, 3);
        let certificate = authority.certify(phone::commit(&keys), Confirmed, system.now());
        assert_eq!(system.publish(&phone::upload(keys, authority, certificate)).await.status, 200);
    }
}

/// Moves the clock forward to so many seconds after the end of its day.
fn pass(system: &System, end: i64, after: i64) {
    system.clock.set_offset(system.clock.offset() + end + after - system.now().unix());
}

#[actix_web::test]
async fn an_authority_is_shown_a_day_of_ten_people_48_hours_after_it_is_over() {
    let system = System::start().await;
    let end = (system.now().unix() / 86_400 + 1) * 86_400;
    // Noon of the next day, so that no day ends meanwhile.
    pass(&system, end, 43_200);
    let end = end + 86_400;
    upload(&system, &NORTH, 0..12).await;
    upload(&system, &NORTH, 0..12).await;
    upload(&system, &SOUTH, 100..109).await;
    assert_eq!(days(&system, &NORTH).await, []);
    pass(&system, end, EMBARGO - 600);
    assert_eq!(days(&system, &NORTH).await, []);
    pass(&system, end, EMBARGO + 1);
    let shown = days(&system, &NORTH).await;
    assert_eq!(shown.len(), 1);
    let StatsDay { publish_requests, total_teks_published, requests_missing_onset_date, .. } = shown[0];
    assert_eq!((publish_requests.unknown, total_teks_published, requests_missing_onset_date), (10, 30, 10));
    assert_eq!((publish_requests.android, publish_requests.ios), (0, 0));
    let mut ages = [0; 16];
    ages[4] = 10;
    assert_eq!((&shown[0].tek_age_distribution[..], shown[0].onset_to_upload_distribution.len()), (&ages[..], 30));
    assert_eq!(days(&system, &SOUTH).await, [], "nine people");
    pass(&system, end, EMBARGO + 30 * 86_400);
    assert_eq!(days(&system, &NORTH).await, [], "a month later");
}

#[actix_web::test]
async fn nobody_else_is_shown_anything() {
    let system = System::start().await;
    let now = system.now();
    let good = NORTH.stats_claims(now);
    let token = |claims: StatsClaims| format!("Bearer {}", NORTH.sign_stats_token(&claims));
    let certified = |audience: &str| {
        let keys = system.keys(1, 1);
        let claims = NORTH.claims(phone::commit(&keys), Confirmed, now);
        format!("Bearer {}", NORTH.sign(&proto::certificate::Claims { audience: audience.to_owned(), ..claims }))
    };
    let cases = [
        ("no header", None),
        ("no token", Some("Bearer".to_owned())),
        ("an empty token", Some("Bearer ".to_owned())),
        ("another scheme", Some(token(good.clone()).replace("Bearer", "Basic"))),
        ("no scheme", Some(NORTH.sign_stats_token(&good))),
        ("no JWT", Some("Bearer a.b.c".to_owned())),
        ("a certificate", Some(certified("pratique"))),
        ("a certificate for this audience", Some(certified("pratique-stats"))),
        ("another's key", Some(format!("Bearer {}", SOUTH.sign_stats_token(&good)))),
        ("an unknown issuer", Some(token(StatsClaims { issuer: "west".to_owned(), ..good.clone() }))),
        ("another issuer", Some(token(StatsClaims { issuer: "south".to_owned(), ..good.clone() }))),
        ("another audience", Some(token(StatsClaims { audience: "pratique".to_owned(), ..good.clone() }))),
        ("not yet", Some(token(StatsClaims { issued_at: now.plus(300), expires_at: now.plus(900), ..good.clone() }))),
        ("no more", Some(token(StatsClaims { issued_at: now.plus(-900), expires_at: now.plus(-300), ..good.clone() }))),
        ("for ever", Some(token(StatsClaims { expires_at: now.plus(86_400), ..good.clone() }))),
    ];
    let mut names = Vec::new();
    for (what, authorization) in cases {
        let reply = ask(&system, authorization.as_deref(), b"{}").await;
        assert_eq!((reply.status, reply.code().as_str()), (401, "unauthorized"), "{what}");
        assert_eq!(reply.body.len(), 4_096, "{what}");
        names.push(reply.header_names);
    }
    names.dedup();
    assert_eq!(names.len(), 1, "{names:?}");
    system.state.metrics().step();
    let shown = system.state.metrics().render();
    for reason in ["malformed", "purpose", "signature", "issuer", "audience", "not_yet_valid", "expired", "life"] {
        assert!(shown.contains(&format!("code=\"unauthorized\",reason=\"{reason}\"")), "{reason}: {shown}");
    }
    // The scheme is written in any case (RFC 9110, section 11.1).
    let lower = token(good).replace("Bearer", "bearer");
    assert_eq!(ask(&system, Some(&lower), b"{}").await.status, 200);
}

#[actix_web::test]
async fn a_stats_token_publishes_nothing() {
    let system = System::start().await;
    for audience in ["pratique-stats", "pratique"] {
        let claims = StatsClaims { audience: audience.to_owned(), ..NORTH.stats_claims(system.now()) };
        let reply = system.publish(&system.upload_with(system.keys(1, 3), NORTH.sign_stats_token(&claims))).await;
        system.assert_refused(&reply, 401, "health_authority_verification_certificate_invalid").await;
    }
}

#[actix_web::test]
async fn a_bad_question_is_refused_before_anybody_looks_who_asks() {
    let system = System::start().await;
    for (body, status, code) in
        [(&b"{"[..], 400, "bad_request"), (b"{\"days\":1}", 400, "bad_request"), (b"[]", 400, "bad_request")]
    {
        let reply = ask(&system, Some("Bearer a.b.c"), body).await;
        assert_eq!((reply.status, reply.code().as_str(), reply.body.len()), (status, code, 4_096));
    }
    let reply = system.send(request("POST", "/v1/stats", Some("text/plain"), b"{}")).await;
    assert_eq!((reply.status, reply.code().as_str()), (415, "unsupported_media_type"));
    let reply = system.send(request("GET", "/v1/stats", None, b"")).await;
    assert_eq!((reply.status, reply.code().as_str()), (405, "method_not_allowed"));
    let reply = ask(&system, None, &vec![b' '; 64_001]).await;
    assert_eq!(reply.status, 413);
}

#[actix_web::test]
async fn another_word_on_a_known_key_is_answered_like_the_first_and_counted_by_kid() {
    let system = System::start().await;
    let keys = system.keys(1, 3);
    let first = system.publish(&system.upload(keys.clone(), Confirmed)).await;
    let stored = system.stored().await;
    // The same bytes, of other days.
    let mut others = keys.clone();
    others.iter_mut().for_each(|key| key.rolling_start_number -= 144);
    others[2].rolling_start_number += 144;
    let conflicting = system.publish(&system.upload(others, Confirmed)).await;
    let repeated = system.publish(&system.upload(keys, Confirmed)).await;
    assert_eq!(first.status, 200);
    assert_eq!(repeated, first, "byte for byte");
    assert_eq!(conflicting.without_token(), first.without_token(), "but for the token, which says what was sent");
    assert_eq!(system.stored().await, stored);
    assert!(!system.state.metrics().render().contains("authority=\"north\""), "in steps");
    system.state.metrics().step();
    let (shown, kid) = (system.state.metrics().render(), NORTH.public_key().kid());
    let counted = format!("pratique_server_conflicts_total{{authority=\"north\",kid=\"{kid}\"}} 2\n");
    assert!(shown.contains(&counted), "{shown}");
    assert_eq!(shown.matches("pratique_server_conflicts_total{").count(), 1, "{shown}");
}

#[actix_web::test]
async fn what_nobody_certified_conflicts_under_no_kid() {
    let system = System::start().await;
    let spec = AuthoritySpec {
        id: "open".to_owned(),
        regions: vec!["NO".parse().expect("a region")],
        keys: vec![NORTH.public_key().into()],
        self_reports: SelfReporting::Open { per_hour: 10 },
        ..AuthoritySpec::default()
    };
    register_authority(&system.state, spec).await.expect("registered");
    let mut replies = Vec::new();
    for last in [24, 25, 24] {
        let report = self_reports::bare(self_reports::report(1, b"", 1, last).as_bytes());
        replies.push(system.send(request("POST", "/self/open/tcnreport/0.4.0", None, &report)).await);
    }
    assert_eq!(replies[0].status, 200);
    assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");
    system.state.metrics().step();
    let shown = system.state.metrics().render();
    assert!(shown.contains("pratique_server_conflicts_total{authority=\"open\",kid=\"\"} 1\n"), "{shown}");
}
