//! `POST /v1/publish`: what is stored, and what the phone is told.

use proto::ReportType::{Confirmed, Negative};
use proto::api::publish::{ExposureKey, PublishRequest};
use store::{Member, SealOutcome, SealPolicy};

use crate::authority::{Authority, SOUTH};
use crate::phone::commit;
use crate::system::System;
use crate::wire::{exchange, request};

/// What waits after an upload of `count` keys under a certificate of the north.
fn north(count: u64) -> [(String, u64); 2] {
    ["NO/gaen", "SE/gaen"].map(|feed| (feed.to_owned(), count))
}

#[actix_web::test]
async fn keys_go_to_each_region_of_their_authority_and_to_no_other() {
    let system = System::start().await;
    let reply = system.publish(&system.upload(system.keys(1, 14), Confirmed)).await;
    let json = reply.json();
    assert_eq!((reply.status, json.inserted_exposures), (200, Some(14)));
    assert_eq!((json.code, json.error, json.warnings.len()), (None, None, 0));
    assert_eq!(system.stored().await, north(14));
}

#[actix_web::test]
async fn one_bad_key_does_not_sink_the_others_and_the_reply_counts_what_is_good() {
    let system = System::start().await;
    let mut keys = system.keys(1, 4);
    keys[1].rolling_period = 0;
    keys[3].key = "AAAA".to_owned();
    let reply = system.publish(&system.upload(keys, Confirmed)).await;
    assert_eq!((reply.status, reply.code().as_str()), (200, "partial_failure"));
    assert_eq!(reply.json().inserted_exposures, Some(2));
    let error =
        "temporaryExposureKeys[1].rollingPeriod: must be 1 to 144; temporaryExposureKeys[3].key: must be 16 bytes";
    assert_eq!(reply.error(), error);
    assert_eq!(system.stored().await, north(2));
}

#[actix_web::test]
async fn a_key_far_from_the_onset_is_dropped_with_a_warning() {
    let system = System::start().await;
    let mut request = system.upload(system.keys(1, 2), Confirmed);
    let oldest = request.temporary_exposure_keys[1].rolling_start_number;
    request.symptom_onset_interval = Some(oldest - 14 * 144);
    let reply = system.publish(&request).await;
    assert_eq!((reply.status, reply.json().inserted_exposures), (200, Some(1)));
    assert_eq!((reply.code().as_str(), reply.json().warnings.len()), ("", 1));
    assert_eq!(system.stored().await, north(1));
}

#[actix_web::test]
async fn a_repeat_after_a_lost_reply_is_answered_byte_for_byte_like_the_first_time() {
    let system = System::start().await;
    let mut keys = system.keys(1, 3);
    keys[2].transmission_risk = 9;
    let request = system.upload(keys, Confirmed);
    let first = system.publish(&request).await;
    for _ in 0..3 {
        assert_eq!(system.publish(&request).await, first);
    }
    assert_eq!(system.stored().await, north(2));
}

#[actix_web::test]
async fn parallel_uploads_of_the_same_keys_are_answered_alike_and_stored_once() {
    let system = System::start().await;
    let body = serde_json::to_vec(&system.upload(system.keys(1, 14), Confirmed)).expect("JSON");
    let body = request("POST", "/v1/publish", Some("application/json"), &body);
    let under_way: Vec<_> = (0..16)
        .map(|_| {
            let (address, body) = (system.address, body.clone());
            actix_web::rt::task::spawn_blocking(move || exchange(address, &body))
        })
        .collect();
    for reply in under_way {
        let json = reply.await.expect("an exchange").json();
        assert_eq!((json.inserted_exposures, json.code), (Some(14), None));
    }
    assert_eq!(system.stored().await, north(14));
}

#[actix_web::test]
async fn keys_that_are_known_or_published_are_answered_like_new_ones() {
    let system = System::start().await;
    let (known, new) = (system.keys(1, 3), system.keys(2, 3));
    system.publish(&system.upload(known.clone(), Confirmed)).await;
    let to_new = system.publish(&system.upload(new, Confirmed)).await.without_token();
    // The same again, and the same 16 bytes with everything else changed.
    let changed = known.iter().map(|key| ExposureKey { rolling_period: 100, transmission_risk: 1, ..key.clone() });
    let changed: Vec<_> = changed.collect();
    for keys in [known.clone(), changed.clone()] {
        assert_eq!(system.publish(&system.upload(keys, Confirmed)).await.without_token(), to_new);
    }
    assert_eq!(system.stored().await, north(6));
    system.wait_for_the_quarter();
    for feed in ["NO/gaen", "SE/gaen"] {
        let feed: proto::Feed = feed.parse().expect("a feed");
        let policy = SealPolicy { max_entries: 100, max_bytes: 1 << 20, ..SealPolicy::default() };
        let sealed = system.store.seal(&feed, &policy).await.expect("sealed");
        assert_eq!(sealed, SealOutcome::Sealed(vec![1]));
        for (_, member) in system.store.members(&feed, 1, None, 10).await.expect("read").members {
            let Member::Gaen(entry) = member else { panic!("a report among keys") };
            assert_eq!((entry.key.rolling_period(), entry.transmission_risk), (144, 3), "first values win");
        }
    }
    for keys in [known, changed] {
        assert_eq!(system.publish(&system.upload(keys, Confirmed)).await.without_token(), to_new);
    }
    assert_eq!(system.stored().await, [], "nothing twice");
}

#[actix_web::test]
async fn a_negative_report_is_accepted_like_any_other_and_not_stored() {
    let system = System::start().await;
    let negative = system.publish(&system.upload(system.keys(1, 3), Negative)).await;
    assert_eq!(system.stored().await, []);
    let confirmed = system.publish(&system.upload(system.keys(1, 3), Confirmed)).await;
    assert_eq!(negative.without_token(), confirmed.without_token());
}

#[actix_web::test]
async fn the_id_of_an_authority_is_read_in_any_case() {
    let system = System::start().await;
    let request = system.upload(system.keys(1, 1), Confirmed);
    let request = PublishRequest { health_authority_id: "NoRTH".to_owned(), ..request };
    assert_eq!(system.publish(&request).await.status, 200);
}

#[actix_web::test]
async fn a_traveller_and_an_empty_revision_token_and_padding_are_accepted() {
    let system = System::start().await;
    let request = PublishRequest {
        traveler: true,
        revision_token: Some(String::new()),
        padding: "x".repeat(50_000),
        ..system.upload(system.keys(1, 1), Confirmed)
    };
    assert_eq!(system.publish(&request).await.status, 200);
    assert_eq!(system.stored().await, north(1));
}

#[actix_web::test]
async fn thirty_keys_are_read_and_none_or_thirty_one_are_not() {
    let system = System::start().await;
    let today = system.keys(1, 1)[0].rolling_start_number;
    let short = |n: u8| ExposureKey {
        rolling_start_number: today + i64::from(n / 3) * 10,
        rolling_period: 10,
        ..system.keys(n, 1).remove(0)
    };
    for count in [0, 31] {
        let reply = system.publish(&system.upload((0..count).map(short).collect(), Confirmed)).await;
        system.assert_refused(&reply, 400, "bad_request").await;
        assert_eq!(reply.error(), "temporaryExposureKeys: must be 1 to 30 keys");
    }
    let reply = system.publish(&system.upload((0..30).map(short).collect(), Confirmed)).await;
    assert_eq!(reply.json().inserted_exposures, Some(30), "{}", reply.error());
}

#[actix_web::test]
async fn an_upload_that_cannot_be_true_is_refused_as_a_whole() {
    let system = System::start().await;
    let keys = system.keys(1, 4);
    let start = keys[0].rolling_start_number;
    let overlapping = ExposureKey { rolling_start_number: start - 1, ..keys[0].clone() };
    let overlapping = vec![keys[1].clone(), overlapping];
    let same_start = keys.iter().map(|key| ExposureKey { rolling_start_number: start, ..key.clone() }).collect();
    let bad = keys.iter().map(|key| ExposureKey { rolling_period: 145, ..key.clone() }).collect();
    for keys in [overlapping, same_start, bad] {
        let reply = system.publish(&system.upload(keys, Confirmed)).await;
        system.assert_refused(&reply, 400, "bad_request").await;
        assert!(reply.error().starts_with("temporaryExposureKeys"), "{}", reply.error());
    }
}

#[actix_web::test]
async fn a_body_that_is_not_the_documented_json_is_refused_and_never_repeated() {
    let system = System::start().await;
    let good = serde_json::to_string(&system.upload(system.keys(1, 1), Confirmed)).expect("JSON");
    let bodies = [
        String::new(),
        "[]".to_owned(),
        "null".to_owned(),
        "secret".to_owned(),
        good.replacen('{', "[", 1),
        good[..good.len() - 1].to_owned(),
        format!("{good}{good}"),
        good.replacen('{', r#"{"secret":"secret","#, 1),
        good.replacen('{', r#"{"padding":"secret","#, 1),
        good.replacen(r#""rollingPeriod":144"#, r#""rollingPeriod":"secret""#, 1),
        good.replacen(r#""rollingPeriod":144"#, r#""rollingPeriod":1.5"#, 1),
    ];
    for body in bodies {
        let reply = system.send(request("POST", "/v1/publish", Some("application/json"), body.as_bytes())).await;
        system.assert_refused(&reply, 400, "bad_request").await;
        assert!(!reply.error().contains("secret"), "{}", reply.error());
    }
    let reply = system.send(request("POST", "/v1/publish", Some("application/json"), b"{\"padding\":\"\xff\"}")).await;
    system.assert_refused(&reply, 400, "bad_request").await;
}

#[actix_web::test]
async fn an_hmac_key_that_is_none_is_refused_by_name() {
    let system = System::start().await;
    for hmac_key in ["", "AAAA", "!"] {
        let request = PublishRequest { hmac_key: hmac_key.to_owned(), ..system.upload(system.keys(1, 1), Confirmed) };
        let reply = system.publish(&request).await;
        system.assert_refused(&reply, 400, "bad_request").await;
        assert!(reply.error().starts_with("hmacKey: "), "{}", reply.error());
    }
}

#[actix_web::test]
async fn a_revision_token_that_we_did_not_give_out_is_refused() {
    let system = System::start().await;
    let upload = system.upload(system.keys(1, 1), Confirmed);
    let reply = system.publish(&PublishRequest { revision_token: Some("token".to_owned()), ..upload }).await;
    system.assert_refused(&reply, 400, "invalid_revision_token").await;
}

#[actix_web::test]
async fn an_authority_that_is_not_registered_is_refused() {
    let system = System::start().await;
    for id in ["", "west", "north "] {
        let request =
            PublishRequest { health_authority_id: id.to_owned(), ..system.upload(system.keys(1, 1), Confirmed) };
        let reply = system.publish(&request).await;
        system.assert_refused(&reply, 401, "unknown_health_authority_id").await;
    }
}

#[actix_web::test]
async fn an_authority_without_a_region_is_for_the_operator_to_mend() {
    let system = System::start().await;
    let west = Authority::new("west", 3);
    let key = west.public_key();
    let row = store::Authority {
        id: west.id.to_owned(),
        issuer: west.id.to_owned(),
        audience: "pratique".to_owned(),
        regions: vec![],
        self_reports: store::SelfReporting::Off,
        memo_bytes: store::DEFAULT_MEMO_BYTES,
        policy_version: 1,
        keys: vec![store::AuthorityKey { kid: key.kid(), key }],
    };
    system.store.register(&row, system.now()).await.expect("registered");
    let keys = system.keys(1, 1);
    let certificate = west.certify(commit(&keys), Confirmed, system.now());
    let request = system.upload_with(keys, certificate);
    let reply = system.publish(&PublishRequest { health_authority_id: west.id.to_owned(), ..request }).await;
    system.assert_refused(&reply, 500, "health_authority_missing_region_config").await;
}

#[actix_web::test]
async fn two_authorities_may_vouch_for_one_key_and_the_first_word_counts() {
    let system = System::start().await;
    let keys = system.keys(1, 1);
    let to_north = system.publish(&system.upload(keys.clone(), Confirmed)).await;
    let certificate = SOUTH.certify(commit(&keys), Confirmed, system.now());
    let request = system.upload_with(keys, certificate);
    let to_south = system.publish(&PublishRequest { health_authority_id: SOUTH.id.to_owned(), ..request }).await;
    assert_eq!(to_north.without_token(), to_south.without_token());
    assert_eq!(system.stored().await, north(1));
}
