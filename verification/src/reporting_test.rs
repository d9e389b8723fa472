//! Self-reports, as a phone sees them: over the API, with a file for a provider.

use proto::api::base64;
use proto::certificate::{CertificateKey, Expected, UnverifiedCertificate};
use proto::{Interval, ReportType};
use serde_json::{Value, json};
use store::Spelling;

use crate::admin::{self, AuthorityChange, CodeSpec};
use crate::budget::{Budgets, SharedBudgets};
use crate::dates;
use crate::handlers::fixture_test::{Answer, COMMITMENT, Desk};

const PHONE: &str = "+4791234567";
const DAY: i64 = 86_400;

/// A service whose authority takes self-reports and can answer them.
async fn open() -> Desk {
    let desk = Desk::open().await;
    let change = AuthorityChange { user_reports: Some(true), ..AuthorityChange::default() };
    admin::update_authority(&desk.state, "no", change).await.expect("changed");
    desk.send_texts("");
    desk
}

fn nonce(byte: u8) -> String {
    base64::encode(&[byte; 256])
}

/// A request of the phone whose nonce is filled with `byte`.
fn request(byte: u8) -> Value {
    json!({ "phone": PHONE, "nonce": nonce(byte) })
}

async fn report(desk: &Desk, body: &Value) -> Answer {
    desk.post("/api/user-report", &desk.device, body).await
}

/// Half an hour before midnight UTC it is tomorrow already in Oslo.
#[actix_web::test]
async fn what_is_today_for_the_phone_is_no_day_to_come() {
    let desk = open().await;
    desk.clock.set_offset((DAY - 1_800 - desk.state.now().unix()).rem_euclid(DAY));
    let today = dates::day_text(Interval::containing(desk.state.now().plus(3_600)));
    let with = |offset: Value| {
        let mut wish = request(1);
        (wish["symptomDate"], wish["tzOffset"]) = (json!(today), offset);
        wish
    };
    for (offset, refused) in [
        (json!(null), "invalid_date"),
        (json!(0), "invalid_date"),
        (json!(-60.0), "invalid_date"),
        (json!(841), "unparsable_request"),
        (json!(60.5), "unparsable_request"),
        (json!("60"), "unparsable_request"),
    ] {
        assert_eq!(report(&desk, &with(offset.clone())).await.refusal(), (400, refused), "{offset}");
    }
    for offset in [json!(60), json!(60.0), json!(840)] {
        assert_eq!(report(&desk, &with(offset.clone())).await.status, 200, "{offset}");
    }
    assert_eq!(claim(&desk, &code(&desk)[0], 1).await.text("symptomDate"), today);
}

/// The code of the last message, short and long.
fn code(desk: &Desk) -> [String; 2] {
    let body = desk.texts().pop().expect("a message")["body"].as_str().expect("a text").to_owned();
    let (short, rest) = body.split_once(' ').expect("as in the settings");
    let long = rest.rsplit_once("c=").expect("a link").1;
    [short.to_owned(), long.to_owned()]
}

async fn claim(desk: &Desk, code: &str, byte: u8) -> Answer {
    desk.verify(&json!({ "code": code, "nonce": nonce(byte), "accept": ["user-report"] })).await
}

#[actix_web::test]
async fn a_person_reports_about_themselves_and_gets_a_certificate_of_that() {
    let desk = open().await;
    let onset = Interval::containing(desk.state.now()).midnight();
    let mut wish = request(1);
    wish["symptomDate"] = json!(dates::day_text(onset));
    let answer = report(&desk, &wish).await;
    assert_eq!(answer.status, 200);
    let expires_at = answer.body["expiresAtTimestamp"].as_i64().expect("seconds");
    assert!((895..=900).contains(&(expires_at - desk.state.now().unix())));
    assert_eq!(answer.text("expiresAt"), dates::rfc1123(proto::Timestamp::from_unix(expires_at)));
    let mut fields: Vec<_> = answer.body.as_object().expect("an object").keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["expiresAt", "expiresAtTimestamp", "padding"], "the code travels in the message alone");

    assert_eq!(desk.texts()[0]["to"], PHONE);
    let token = claim(&desk, &code(&desk)[0], 1).await;
    assert_eq!(
        (token.text("testtype"), token.text("symptomDate")),
        ("user-report", wish["symptomDate"].as_str().expect("a day"))
    );
    let certificate = desk.certificate(token.text("token"), COMMITMENT).await;
    let keys = desk.state.store().issuer_keys("no", desk.state.now()).await.expect("listed").expect("an authority");
    let key: &CertificateKey = &keys[0].key;
    let expected = Expected { issuer: "no", audience: "pratique", now: desk.state.now() };
    let unverified = UnverifiedCertificate::parse(certificate.text("certificate")).expect("a certificate");
    let claims = unverified.verify(key, &expected).expect("believed");
    assert_eq!((claims.report_type, claims.symptom_onset), (ReportType::UserReport, Some(onset)));
}

#[actix_web::test]
async fn a_code_is_good_with_the_nonce_of_its_request_alone() {
    let desk = open().await;
    assert_eq!(report(&desk, &request(1)).await.status, 200);
    let codes = code(&desk);
    let unknown = desk.verify(&json!({ "code": "00000000" })).await;
    for code in &codes {
        for stranger in [
            json!({ "code": code }),
            json!({ "code": code, "nonce": nonce(2) }),
            json!({ "code": code, "nonce": base64::encode(&[1; 255]) }),
            json!({ "code": code, "nonce": base64::encode(&[1; 257]), "accept": ["confirmed"] }),
        ] {
            let answer = desk.verify(&stranger).await;
            assert_eq!((answer.refusal(), &answer.body), ((400, "code_invalid"), &unknown.body));
        }
    }
    let other_types = json!({ "code": codes[0], "nonce": nonce(1), "accept": ["negative"] });
    assert_eq!(desk.verify(&other_types).await.refusal(), (412, "unsupported_test_type"));
    let token = claim(&desk, &codes[1], 1).await.text("token").to_owned();
    for code in &codes {
        assert_eq!(claim(&desk, code, 1).await.text("token"), token, "claimed again by its phone");
        assert_eq!(claim(&desk, code, 2).await.refusal(), (400, "code_invalid"));
    }
}

#[actix_web::test]
async fn the_same_request_is_answered_as_the_first_time_and_another_waits() {
    let desk = open().await;
    let first = report(&desk, &request(1)).await;
    let codes = code(&desk);
    assert_eq!(desk.rotate().await, 2);
    desk.clock.set_offset(600);
    for phone in [PHONE, "912 34 567", "0047 912 34 567"] {
        let mut again = request(1);
        again["phone"] = json!(phone);
        again["nonce"] = json!(nonce(1).replace('=', ""));
        assert_eq!(report(&desk, &again).await.body, first.body, "{phone}");
    }
    assert_eq!(desk.texts().len(), 1, "it is known to be delivered");
    let mut dated = request(1);
    dated["testDate"] = json!(dates::day_text(Interval::containing(desk.state.now())));
    for other in [request(2), dated] {
        assert_eq!(report(&desk, &other).await.refusal(), (409, "user_report_try_later"));
    }
    let mut neighbour = request(2);
    neighbour["phone"] = json!("+4791234568");
    assert_eq!(report(&desk, &neighbour).await.status, 200);
    assert_eq!(claim(&desk, &codes[0], 1).await.status, 200);
    assert_eq!(report(&desk, &request(2)).await.status, 200, "a claim frees the phone");
    desk.clock.set_offset(600 + 900);
    assert_eq!(report(&desk, &request(3)).await.status, 200, "time does, too");
}

#[actix_web::test]
async fn a_message_that_may_be_lost_is_sent_again_with_the_same_code() {
    let desk = open().await;
    let settings = desk.send_texts("");
    let directory = settings.parent().expect("a directory").join("texts");
    std::fs::create_dir(&directory).expect("in the way of the file");
    let first = report(&desk, &request(1)).await;
    assert_eq!(first.status, 200, "nobody knows, so the phone is told to wait for it");
    assert_eq!(report(&desk, &request(2)).await.refusal(), (409, "user_report_try_later"));
    std::fs::remove_dir(&directory).expect("out of the way");
    for _ in 0..2 {
        assert_eq!(report(&desk, &request(1)).await.body, first.body);
    }
    assert_eq!(desk.texts().len(), 1);
    assert_eq!(claim(&desk, &code(&desk)[0], 1).await.status, 200);
}

#[actix_web::test]
async fn a_request_that_sends_nothing_is_not_counted() {
    let desk = open().await;
    // Noon of tomorrow, UTC: no day ends while the test runs.
    let now = desk.state.now().unix();
    let noon = (now.div_euclid(DAY) + 1) * DAY + DAY / 2 - now;
    desk.clock.set_offset(noon);
    desk.send_texts("[limits]\nper_number_a_day = 1");
    assert_eq!(report(&desk, &request(1)).await.status, 200);
    for _ in 0..2 {
        assert_eq!(report(&desk, &request(1)).await.status, 200, "it was delivered");
        assert_eq!(report(&desk, &request(2)).await.refusal(), (409, "user_report_try_later"));
    }
    assert_eq!(claim(&desk, &code(&desk)[0], 1).await.status, 200);
    let refused = report(&desk, &request(2)).await;
    assert_eq!(refused.refusal(), (429, "quota_exceeded"));
    assert!(refused.retry_after.is_some());
    desk.clock.set_offset(noon + DAY);
    assert_eq!(report(&desk, &request(2)).await.status, 200, "nothing was kept of it");
}

#[actix_web::test]
async fn a_phone_that_gets_no_messages_is_refused_and_leaves_nothing() {
    let desk = open().await;
    for phone in ["12", "nobody", "+46701234567", "+4782912345"] {
        let mut wish = request(1);
        wish["phone"] = json!(phone);
        let refused = report(&desk, &wish).await;
        assert_eq!(refused.refusal(), (400, "phone_number_invalid"), "{phone}");
        assert!(!refused.text("error").contains(phone));
    }
    desk.send_no_texts();
    assert_eq!(report(&desk, &request(1)).await.refusal(), (400, "sms_failure"));
    assert!(desk.texts().is_empty() && desk.is_empty().await);
}

#[actix_web::test]
async fn a_code_of_letters_blocks_its_phone_for_an_hour_at_most() {
    let desk = open().await;
    desk.change_codes(CodeSpec { form: Some(Spelling::Crockford), ..CodeSpec::default() }).await;
    let answer = report(&desk, &request(1)).await;
    let left = answer.body["expiresAtTimestamp"].as_i64().expect("seconds") - desk.state.now().unix();
    assert!((3_595..=3_600).contains(&left), "{left}");
    let codes = code(&desk);
    assert_eq!((codes[0].len(), codes[1].len()), (11, 16));
    desk.clock.set_offset(3_600);
    for code in &codes {
        assert_eq!(claim(&desk, code, 1).await.refusal(), (400, "code_expired"));
    }
    assert_eq!(report(&desk, &request(2)).await.status, 200);
}

#[actix_web::test]
async fn while_digits_are_guessed_people_who_report_get_letters() {
    let mut desk = open().await;
    let shared = SharedBudgets { per_authority: 1, in_all: 2_000 };
    desk.state = desk.state.clone().with_budgets(Budgets { shared, ..Budgets::default() });
    assert_eq!(report(&desk, &request(1)).await.status, 200);
    let [digits, link] = code(&desk);
    assert_eq!(digits.len(), 8);
    // A right code with a wrong nonce is a wrong code, and here one is enough.
    assert_eq!(claim(&desk, &digits, 2).await.refusal(), (400, "code_invalid"));
    assert_eq!(claim(&desk, &link, 1).await.status, 200, "links cost nothing");
    assert_eq!(report(&desk, &request(3)).await.status, 200);
    assert_eq!(code(&desk)[0].len(), 11);
}

#[actix_web::test]
async fn a_person_who_reports_is_written_to_in_words_of_their_own() {
    let desk = open().await;
    desk.send_texts("\"user-report\" = \"You asked for [code] c=[longcode]\"");
    assert_eq!(report(&desk, &request(1)).await.status, 200);
    assert!(desk.texts()[0]["body"].as_str().expect("a text").starts_with("You asked for "));
}
