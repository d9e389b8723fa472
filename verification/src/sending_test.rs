//! Sending codes, as an authority's staff see it: over the API, with a file for a provider.

use proto::api::base64;
use serde_json::{Value, json};
use service::Edge;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::admin::{self, AuthorityChange};
use crate::handlers::fixture_test::{Answer, Desk, authority};

const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
const PHONE: &str = "+4791234567";
const DAY: i64 = 86_400;

fn request(phone: &str) -> Value {
    json!({ "testType": "likely", "phone": phone })
}

async fn issue(desk: &Desk, phone: &str) -> Answer {
    desk.issue(&request(phone)).await
}

/// A program that is asked to send messages, and says nothing until the test does.
struct Webhook(TcpListener);

impl Webhook {
    /// One that the authority uses from now on, with `more` at the end of the settings.
    async fn open(desk: &Desk, more: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let key = "0123456789abcdef0123456789abcdef";
        let sender = format!("kind = 'webhook'\nurl = 'http://{address}'\nkey = '{key}'\ntimeout_seconds = 60");
        desk.send_texts_by(&sender, more);
        Self(listener)
    }

    /// What it is asked next, and the line on which it is to answer.
    async fn hear(&self) -> (Value, TcpStream) {
        let (mut line, _) = self.0.accept().await.expect("somebody asks");
        let mut bytes = Vec::new();
        loop {
            assert!(line.read_buf(&mut bytes).await.expect("read") > 0, "whoever asks waits");
            let text = String::from_utf8_lossy(&bytes);
            let body = text.split_once("\r\n\r\n").map(|(_, body)| serde_json::from_str(body));
            if let Some(Ok(message)) = body {
                return (message, line);
            }
        }
    }

    /// Answers the next request; says what it was asked.
    async fn answer(&self, status: u16) -> Value {
        let (message, line) = self.hear().await;
        say(line, status).await;
        message
    }
}

async fn say(mut line: TcpStream, status: u16) {
    let reply = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    line.write_all(reply.as_bytes()).await.expect("said");
}

/// Noon of tomorrow, UTC: no day and no hour ends while a test runs.
fn set_noon(desk: &Desk) {
    let now = desk.state.now().unix();
    desk.clock.set_offset((now.div_euclid(DAY) + 1) * DAY + DAY / 2 - now);
}

#[actix_web::test]
async fn a_code_is_sent_to_its_person() {
    let desk = Desk::open().await;
    desk.send_texts("");
    let answer = issue(&desk, "912 34 567").await;
    assert_eq!((answer.status.as_u16(), answer.text("smsStatus")), (200, "delivered"));
    assert!(answer.body.get("generatedSMS").is_none());
    let sent = desk.texts();
    assert_eq!((sent.len(), &sent[0]["to"]), (1, &json!(PHONE)));
    let body = sent[0]["body"].as_str().expect("a text");
    let (short, link) = body.split_once(" 15 min ").expect("as in the settings");
    assert_eq!(short, answer.text("code"));
    let long = link.strip_prefix("ens://v?r=NO&c=").expect("a link");
    let claimed = desk.verify(&json!({ "code": long })).await;
    assert_eq!(claimed.text("testtype"), "likely");
}

#[actix_web::test]
async fn who_is_not_to_be_written_to_is_refused_and_nothing_is_issued() {
    let desk = Desk::open().await;
    assert_eq!(issue(&desk, PHONE).await.refusal(), (400, "sms_failure"), "without settings");
    desk.send_texts("");
    for phone in ["12", "nobody", "+46701234567", "+4782912345", "0046701234567", "+47912345678901234"] {
        let refused = issue(&desk, phone).await;
        assert_eq!(refused.refusal(), (400, "phone_number_invalid"), "{phone}");
        assert!(!refused.text("error").contains(phone));
    }
    let mut other = request(PHONE);
    other["smsTemplateLabel"] = json!("unheard of");
    let refused = desk.issue(&other).await;
    assert_eq!(refused.refusal(), (400, "unparsable_request"));
    assert!(refused.text("error").starts_with("smsTemplateLabel: ") && !refused.text("error").contains("unheard"));
    let (admin, _) = authority(&desk.state, "se", false).await;
    let theirs = desk.post("/api/issue", &admin, &request(PHONE)).await;
    assert_eq!(theirs.refusal(), (400, "sms_failure"), "these are the settings of another authority");
    assert!(desk.texts().is_empty() && desk.is_empty().await);
}

#[actix_web::test]
async fn a_text_is_chosen_by_its_label() {
    let desk = Desk::open().await;
    desk.send_texts("");
    let labelled = json!({ "testType": "likely", "phone": PHONE, "smsTemplateLabel": "På norsk" });
    let answer = desk.issue(&labelled).await;
    let expected = format!(
        "Koden din er {}, {} i NO, 24 t",
        answer.text("code"),
        &desk.texts()[0]["body"].as_str().expect("a text")[23..39]
    );
    assert_eq!(desk.texts()[0]["body"], json!(expected));
}

#[actix_web::test]
async fn a_message_can_be_written_and_not_sent() {
    let desk = Desk::open().await;
    desk.send_texts("[limits]\na_day = 0");
    let answer = desk.issue(&json!({ "testType": "likely", "phone": PHONE, "onlyGenerateSMS": true })).await;
    assert_eq!(answer.status, 200);
    let text = answer.text("generatedSMS");
    assert!(text.starts_with(answer.text("code")) && text.contains(" 15 min ens://v?r=NO&c="), "{text}");
    assert!(answer.body.get("smsStatus").is_none() && desk.texts().is_empty());
    let without = desk.issue(&json!({ "testType": "likely", "onlyGenerateSMS": true })).await;
    assert_eq!(without.refusal(), (400, "phone_number_invalid"));
}

#[actix_web::test]
async fn the_same_request_sends_once_and_not_again() {
    let desk = Desk::open().await;
    desk.send_texts("");
    let wish = |phone: &str| json!({ "testType": "likely", "uuid": UUID, "phone": phone });
    let first = desk.issue(&wish(PHONE)).await;
    for spelling in [PHONE, "0047 912 34 567", "91234567"] {
        let again = desk.issue(&wish(spelling)).await;
        assert_eq!((&again.body["code"], again.text("smsStatus")), (&first.body["code"], "delivered"), "{spelling}");
    }
    assert_eq!(desk.texts().len(), 1);
    assert_eq!(
        desk.issue(&wish("+4791234568")).await.refusal(),
        (409, "uuid_already_exists"),
        "another phone is another request"
    );
    assert_eq!(desk.texts().len(), 1);
}

#[actix_web::test]
async fn what_is_not_sent_does_not_count() {
    let desk = Desk::open().await;
    set_noon(&desk);
    desk.send_texts("[limits]\nper_number_a_day = 2");
    let first = json!({ "testType": "likely", "uuid": UUID, "phone": PHONE });
    assert_eq!(desk.issue(&first).await.status, 200);
    for _ in 0..3 {
        assert_eq!(desk.issue(&first).await.status, 200, "delivered before");
        let other =
            json!({ "testType": "confirmed", "uuid": UUID.replace('0', "1"), "phone": PHONE, "onlyGenerateSMS": true });
        assert_eq!(desk.issue(&other).await.status, 200, "only written");
    }
    desk.clock.set_offset(desk.clock.offset() + 900);
    for _ in 0..3 {
        let late = json!({ "testType": "likely", "uuid": UUID.replace('0', "1"), "phone": PHONE });
        assert_eq!(desk.issue(&late).await.refusal(), (409, "uuid_already_exists"));
    }
    assert_eq!(issue(&desk, PHONE).await.status, 200);
    assert_eq!(issue(&desk, PHONE).await.refusal(), (429, "quota_exceeded"));
    assert_eq!(desk.texts().len(), 2);
}

#[actix_web::test]
async fn a_phone_a_block_and_an_authority_get_so_many_and_no_more() {
    let desk = Desk::open().await;
    set_noon(&desk);
    desk.send_texts("[limits]\nper_number_a_day = 2\nper_block_an_hour = 3\na_day = 5");
    let first = json!({ "testType": "likely", "uuid": UUID, "phone": PHONE });
    assert_eq!(desk.issue(&first).await.status, 200);
    assert_eq!(issue(&desk, PHONE).await.status, 200);
    let refused = issue(&desk, PHONE).await;
    assert_eq!(refused.refusal(), (429, "quota_exceeded"));
    let seconds = refused.retry_after.expect("a time");
    assert!((DAY / 2 - 60..=DAY / 2).contains(&seconds), "the number's day ends at midnight: {seconds}");
    // What was delivered is answered as before: nothing is sent.
    assert_eq!(desk.issue(&first).await.text("smsStatus"), "delivered");

    assert_eq!(issue(&desk, "+4791239999").await.status, 200, "a neighbour");
    let refused = issue(&desk, "+4791230000").await;
    assert_eq!(refused.refusal(), (429, "quota_exceeded"));
    assert!((3_540..=3_600).contains(&refused.retry_after.expect("a time")), "the block's hour ends first");

    for elsewhere in ["+4790000000", "+4790010000"] {
        assert_eq!(issue(&desk, elsewhere).await.status, 200);
    }
    assert_eq!(issue(&desk, "+4790020000").await.refusal(), (429, "quota_exceeded"), "five in all");
    assert_eq!(desk.texts().len(), 5);
    // Another secret does not begin anew; another day does.
    desk.rotate().await;
    assert_eq!(issue(&desk, "+4790020000").await.refusal(), (429, "quota_exceeded"));
    let noon = desk.state.now();
    desk.clock.set_offset(noon.plus(DAY).unix() - noon.unix() + DAY);
    assert_eq!(issue(&desk, PHONE).await.status, 200);
}

#[actix_web::test]
async fn who_reports_about_themselves_does_not_use_up_what_staff_need() {
    let desk = Desk::open().await;
    set_noon(&desk);
    let change = AuthorityChange { user_reports: Some(true), ..AuthorityChange::default() };
    admin::update_authority(&desk.state, "no", change).await.expect("changed");
    desk.send_texts("[limits]\nper_number_a_day = 1\nper_block_an_hour = 1\na_day = 1");
    let report = async |phone: &str| {
        let body = json!({ "phone": phone, "nonce": base64::encode(&[1; 256]) });
        desk.post("/api/user-report", &desk.device, &body).await
    };
    assert_eq!(report(PHONE).await.status, 200);
    assert_eq!(issue(&desk, PHONE).await.status, 200);
    assert_eq!(report("+4790000000").await.refusal(), (429, "quota_exceeded"));
    assert_eq!(issue(&desk, "+4790000000").await.refusal(), (429, "quota_exceeded"));
}

#[actix_web::test]
async fn a_refusal_leaves_a_code_that_was_delivered_meanwhile() {
    let desk = Desk::open().await;
    let webhook = Webhook::open(&desk, "").await;
    let wish = json!({ "testType": "likely", "uuid": UUID, "phone": PHONE });
    let finished = Notify::new();
    let ask = async || {
        let answer = desk.issue(&wish).await;
        finished.notify_one();
        answer
    };
    let provider = async {
        let ((one, delivered), (other, refused)) = (webhook.hear().await, webhook.hear().await);
        assert_eq!(one["id"], other["id"]);
        say(delivered, 204).await;
        finished.notified().await;
        say(refused, 400).await;
    };
    let (one, other, ()) = tokio::join!(ask(), ask(), provider);
    for answer in [&one, &other] {
        assert_eq!((answer.status.as_u16(), answer.text("smsStatus")), (200, "delivered"));
    }
    assert_eq!(desk.verify(&json!({ "code": one.text("code") })).await.status, 200);
}

#[actix_web::test]
async fn a_message_keeps_its_name_when_the_secret_changes() {
    let desk = Desk::open().await;
    let webhook = Webhook::open(&desk, "").await;
    let wish = json!({ "testType": "likely", "uuid": UUID, "phone": PHONE });
    let mut ids = Vec::new();
    // 409 says that it was heard of before: that is no refusal.
    for (status, said) in [(503, "unknown"), (409, "unknown"), (204, "delivered")] {
        let (answer, message) = tokio::join!(desk.issue(&wish), webhook.answer(status));
        assert_eq!((answer.status.as_u16(), answer.text("smsStatus")), (200, said));
        ids.push(message["id"].clone());
        desk.rotate().await;
    }
    assert!(ids[0].is_string() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[actix_web::test]
async fn what_is_refused_costs_staff_nothing_and_phones_a_message() {
    let desk = Desk::open().await;
    set_noon(&desk);
    let change = AuthorityChange { user_reports: Some(true), ..AuthorityChange::default() };
    admin::update_authority(&desk.state, "no", change).await.expect("changed");
    let webhook = Webhook::open(&desk, "[limits]\nper_number_a_day = 1\nper_block_an_hour = 1\na_day = 1").await;
    for _ in 0..3 {
        let (refused, _) = tokio::join!(issue(&desk, PHONE), webhook.answer(401));
        assert_eq!(refused.refusal(), (400, "sms_failure"));
    }
    let (sent, _) = tokio::join!(issue(&desk, PHONE), webhook.answer(204));
    assert_eq!(sent.text("smsStatus"), "delivered");
    assert_eq!(issue(&desk, PHONE).await.refusal(), (429, "quota_exceeded"));

    let report = async || {
        let body = json!({ "phone": PHONE, "nonce": base64::encode(&[1; 256]) });
        desk.post("/api/user-report", &desk.device, &body).await
    };
    let (refused, _) = tokio::join!(report(), webhook.answer(401));
    assert_eq!(refused.refusal(), (400, "sms_failure"));
    assert_eq!(report().await.refusal(), (429, "quota_exceeded"));
}

#[actix_web::test]
async fn one_network_does_not_use_up_what_all_may_ask_for() {
    let mut desk = Desk::open().await;
    set_noon(&desk);
    let relays = vec!["west=203.0.113.0/28".parse().expect("a relay")];
    desk.state = desk.state.clone().with_edge(Edge { relays, ..Edge::default() });
    let change = AuthorityChange { user_reports: Some(true), ..AuthorityChange::default() };
    admin::update_authority(&desk.state, "no", change).await.expect("changed");
    desk.send_texts("[limits]\nper_network_an_hour = 2");
    let phone = |number: u32| format!("+4790{number}0000");
    for (number, host) in [(10, "198.51.100.1:1"), (11, "198.51.100.200:2")] {
        assert_eq!(desk.report_from(host, &phone(number)).await.status, 200);
    }
    let refused = desk.report_from("198.51.100.3:3", &phone(12)).await;
    assert_eq!(refused.refusal(), (429, "quota_exceeded"));
    assert!((3_540..=3_600).contains(&refused.retry_after.expect("a time")), "until the hour ends");
    assert_eq!(desk.report_from("198.51.100.3:3", &phone(10)).await.status, 200, "what was delivered is answered");
    // Neither another network, nor whoever comes through a relay, nor staff.
    assert_eq!(desk.report_from("198.51.101.1:1", &phone(12)).await.status, 200);
    for number in 13..17 {
        assert_eq!(desk.report_from("203.0.113.1:1", &phone(number)).await.status, 200);
    }
    for _ in 0..3 {
        assert_eq!(issue(&desk, &phone(17)).await.status, 200);
    }
    desk.rotate().await;
    assert_eq!(desk.report_from("198.51.100.3:3", &phone(18)).await.refusal(), (429, "quota_exceeded"));
    desk.clock.set_offset(desk.clock.offset() + 3_600);
    assert_eq!(desk.report_from("198.51.100.3:3", &phone(18)).await.status, 200);
}

#[actix_web::test]
async fn each_of_a_batch_is_sent_by_itself() {
    let desk = Desk::open().await;
    desk.send_texts("");
    let codes = json!([request(PHONE), request("+46701234567"), { "testType": "likely" }, request("+4791234568")]);
    let answer = desk.post("/api/batch-issue", &desk.admin, &json!({ "codes": codes })).await;
    assert_eq!(answer.refusal(), (400, "phone_number_invalid"));
    let codes = answer.body["codes"].as_array().expect("codes");
    let status: Vec<_> = codes.iter().map(|code| code["smsStatus"].as_str()).collect();
    assert_eq!(status, [Some("delivered"), None, None, Some("delivered")]);
    assert!(codes[2]["code"].is_string() && codes[1]["errorCode"] == "phone_number_invalid");
    let sent = desk.texts();
    assert_eq!(sent.iter().map(|text| &text["to"]).collect::<Vec<_>>(), [PHONE, "+4791234568"]);
}

#[actix_web::test]
async fn changed_settings_count_at_once_and_broken_ones_not_at_all() {
    let desk = Desk::open().await;
    desk.send_texts("[limits]\na_day = 1");
    assert_eq!(issue(&desk, PHONE).await.status, 200);
    assert_eq!(issue(&desk, "+4790000000").await.status, 429);
    desk.send_texts("[limits]\na_day = 2");
    assert_eq!(issue(&desk, "+4790000000").await.status, 200);
    desk.send_texts("[limits]\na_day = true");
    assert_eq!(issue(&desk, "+4790010000").await.status, 429, "those of before stay");
    desk.send_no_texts();
    assert_eq!(issue(&desk, "+4790010000").await.refusal(), (400, "sms_failure"));
}

#[actix_web::test]
async fn settings_that_others_may_read_are_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::open().await;
    let path = desk.send_texts("");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    assert_eq!(issue(&desk, PHONE).await.refusal(), (400, "sms_failure"));
}
