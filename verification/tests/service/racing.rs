//! Many phones at once.

use std::collections::BTreeMap;
use std::sync::Barrier;

use proto::api::base64;
use serde_json::json;

use crate::service::{COMMITMENTS, Service};

/// Runs `count` copies of `what` at once, each with its number.
pub(crate) fn at_once<T: Send>(count: u8, what: impl Fn(u8) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(count.into());
    std::thread::scope(|scope| {
        let (barrier, what) = (&barrier, &what);
        let threads: Vec<_> = (0..count)
            .map(|number| {
                scope.spawn(move || {
                    barrier.wait();
                    what(number)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("ran")).collect()
    })
}

#[test]
fn a_code_is_claimed_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let service = Service::start(dir.path());
    let code = service.issue();
    let answers = at_once(100, |phone| service.verify(&json!({ "code": code, "nonce": base64::encode(&[phone; 16]) })));
    let (tokens, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((tokens.len(), refused.len()), (1, 99));
    assert!(refused.iter().all(|answer| (answer.status, answer.text("errorCode")) == (400, "code_invalid".to_owned())));
    assert_eq!(service.certificate(&tokens[0].text("token"), COMMITMENTS[0]).status, 200);
}

#[test]
fn a_phone_that_asks_a_hundred_times_at_once_gets_one_token() {
    let dir = tempfile::tempdir().expect("a directory");
    let service = Service::start(dir.path());
    for request in
        [json!({ "code": service.issue(), "nonce": base64::encode(&[1; 16]) }), json!({ "code": service.issue() })]
    {
        let answers = at_once(100, |_| service.verify(&request));
        let token = answers[0].text("token");
        assert!(answers.iter().all(|answer| answer.text("token") == token));
    }
}

#[test]
fn a_token_is_bound_to_two_commitments_whoever_asks_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let service = Service::start(dir.path());
    let token = service.verify(&json!({ "code": service.issue() })).text("token");
    let answers = at_once(30, |number| {
        let commitment = base64::encode(&[number / 3; 32]);
        let answer = service.certificate(&token, &commitment);
        (commitment, answer.status)
    });
    let mut outcomes: BTreeMap<String, Vec<u16>> = BTreeMap::new();
    for (commitment, status) in answers {
        outcomes.entry(commitment).or_default().push(status);
    }
    let certified = outcomes.values().filter(|statuses| **statuses == [200; 3]).count();
    let refused = outcomes.values().filter(|statuses| **statuses == [400; 3]).count();
    assert_eq!((certified, refused), (2, 8), "no commitment is certified for one phone and refused to the next");
}

#[test]
fn a_hundred_requests_with_one_uuid_issue_one_code() {
    let dir = tempfile::tempdir().expect("a directory");
    let service = Service::start(dir.path());
    let order = json!({ "testType": "likely", "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e" });
    let answers = at_once(100, |_| service.post("/api/issue", &service.admin, &order));
    let code = answers[0].text("code");
    assert!(answers.iter().all(|answer| answer.text("code") == code));
}
