//! People who report about themselves: phone, service and provider over real HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::http::{self, Answer};
use crate::program::{Served, json_of, program, set_up};
use crate::provider::{Asked, Provider, Says};
use crate::racing::at_once;
use crate::service::{COMMITMENTS, Service};
use crate::texting::{long_code, settings, webhook};

const PHONE: &str = "+4791234567";

/// One phone asks as often as it likes, from one network.
const LIMITS: &str = "[limits]\nper_number_a_day = 1000\nper_block_an_hour = 1000\nper_network_an_hour = 1000";

/// A service whose authority sends messages through a provider.
struct Scene {
    _dir: tempfile::TempDir,
    provider: Provider,
    service: Service,
}

impl Scene {
    fn open() -> Self {
        let (dir, provider) = (tempfile::tempdir().expect("a directory"), Provider::start());
        settings(dir.path(), &webhook(&provider.url()), LIMITS);
        let service = Service::start(dir.path());
        Self { _dir: dir, provider, service }
    }

    fn report(&self, nonce: u8) -> Answer {
        report(&self.service, nonce)
    }

    /// The next message that the provider is asked to carry.
    fn message(&self) -> Message {
        Message::of(&self.provider.next())
    }

    fn claim(&self, code: &str, nonce: u8) -> Answer {
        self.service.verify(&claim(code, nonce))
    }
}

/// What a provider reads.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    id: String,
    to: String,
    code: String,
    long_code: String,
}

impl Message {
    fn of(asked: &Asked) -> Self {
        let read: Value = serde_json::from_str(&asked.body).expect("JSON");
        let text = |field: &str| read[field].as_str().expect("text").to_owned();
        let body = text("body");
        let code = body.split_once("Code ").and_then(|(_, rest)| rest.split_once(',')).expect("as in the settings").0;
        Self { id: text("id"), to: text("to"), code: code.to_owned(), long_code: long_code(&body).to_owned() }
    }
}

fn nonce_of(byte: u8) -> String {
    STANDARD.encode([byte; 256])
}

fn request(nonce: u8) -> Value {
    json!({ "phone": PHONE, "nonce": nonce_of(nonce) })
}

fn report(service: &Service, nonce: u8) -> Answer {
    service.post("/api/user-report", &service.device, &request(nonce))
}

fn claim(code: &str, nonce: u8) -> Value {
    json!({ "code": code, "nonce": nonce_of(nonce), "accept": ["user-report"] })
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.text("errorCode"))
}

#[test]
fn a_report_becomes_a_message_a_token_and_a_certificate() {
    let scene = Scene::open();
    let taken = scene.report(1);
    assert_eq!(taken.status, 200);
    let message = scene.message();
    assert_eq!(message.to, PHONE);
    let said = String::from_utf8(taken.body).expect("text");
    assert!(!said.contains(&message.code) && !said.contains(&message.long_code), "the message alone carries them");
    for code in [&message.code, &message.long_code] {
        assert_eq!(refusal(&scene.claim(code, 2)), (400, "code_invalid".to_owned()), "another phone has another nonce");
    }
    let token = scene.claim(&message.long_code, 1);
    assert_eq!(token.text("testtype"), "user-report");
    assert_eq!(scene.claim(&message.code, 1).text("token"), token.text("token"));
    let certificate = scene.service.certificate(&token.text("token"), COMMITMENTS[0]).text("certificate");
    let claims = URL_SAFE_NO_PAD.decode(certificate.split('.').nth(1).expect("a JWT")).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!((&claims["reportType"], &claims["tekmac"]), (&json!("user-report"), &json!(COMMITMENTS[0])));
    assert!(scene.provider.is_idle());
}

#[test]
fn a_message_that_is_refused_frees_the_phone() {
    let scene = Scene::open();
    scene.provider.says(Says::Status(400, "{}"));
    assert_eq!(refusal(&scene.report(1)), (400, "sms_failure".to_owned()));
    let refused = scene.message();
    assert_eq!(refusal(&scene.claim(&refused.code, 1)), (400, "code_expired".to_owned()));
    scene.provider.says(Says::Status(204, ""));
    for nonce in [2, 1] {
        assert_eq!(scene.report(nonce).status, 200);
        let message = scene.message();
        assert_ne!(message.id, refused.id);
        assert_eq!(scene.claim(&message.code, nonce).status, 200);
    }
}

#[test]
fn a_message_whose_fate_is_unclear_keeps_the_phone_and_is_sent_again() {
    let scene = Scene::open();
    scene.provider.says(Says::Status(503, ""));
    let first = scene.report(1);
    assert_eq!(first.status, 200);
    let message = scene.message();
    assert_eq!(refusal(&scene.report(2)), (409, "user_report_try_later".to_owned()));
    assert!(scene.provider.is_idle());
    scene.provider.says(Says::Status(204, ""));
    for _ in 0..2 {
        assert_eq!(scene.report(1).body, first.body);
    }
    assert_eq!(scene.message(), message, "the same message, known by its id");
    assert!(scene.provider.is_idle(), "what is known to be delivered is not sent again");
    assert_eq!(scene.claim(&message.code, 1).status, 200);
}

#[test]
fn fifty_reports_of_one_phone_at_once_send_one_code() {
    let scene = Scene::open();
    let service = &scene.service;
    let answers = at_once(50, |nonce| (nonce, report(service, nonce)));
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, answer)| answer.status == 200);
    assert_eq!((taken.len(), refused.len()), (1, 49));
    assert!(refused.iter().all(|(_, answer)| refusal(answer) == (409, "user_report_try_later".to_owned())));
    let message = scene.message();
    assert!(scene.provider.is_idle());
    assert_eq!(scene.claim(&message.code, taken[0].0).status, 200);
}

#[test]
fn a_phone_that_reports_fifty_times_at_once_gets_one_code() {
    let scene = Scene::open();
    let service = &scene.service;
    let answers = at_once(50, |_| report(service, 1));
    assert!(answers.iter().all(|answer| (answer.status, &answer.body) == (200, &answers[0].body)));
    let first = scene.message();
    while !scene.provider.is_idle() {}
    assert_eq!(scene.claim(&first.code, 1).status, 200);
}

#[test]
fn a_service_that_dies_while_it_sends_sends_the_same_code_when_it_is_asked_again() {
    let (dir, provider) = (tempfile::tempdir().expect("a directory"), Provider::start());
    let [_, device] = set_up(dir.path());
    assert_eq!(json_of(dir.path(), &["authority", "update", "--id", "no", "--user-reports"])["user_reports"], true);
    settings(dir.path(), &webhook(&provider.url()), "");
    let start = || {
        let mut command = program(dir.path());
        command.env("VERIFICATION_DELIVERY_DIR", "delivery");
        Served::spawn(command)
    };
    provider.says(Says::Nothing);
    let served = start();
    let address = served.address;
    let asking = {
        let device = device.clone();
        std::thread::spawn(move || http::post_in_vain(address, "/api/user-report", &device, &request(1)))
    };
    let first = Message::of(&provider.next());
    drop(served);
    assert!(asking.join().expect("finished").is_none(), "killed before it could answer");

    provider.says(Says::Status(204, ""));
    let served = start();
    let other = http::post(served.address, "/api/user-report", &device, &request(2));
    assert_eq!(refusal(&other), (409, "user_report_try_later".to_owned()));
    assert_eq!(http::post(served.address, "/api/user-report", &device, &request(1)).status, 200);
    assert_eq!(Message::of(&provider.next()), first);
    assert_eq!(http::post(served.address, "/api/verify", &device, &claim(&first.code, 1)).status, 200);
}
