//! What a restart does not burn.

use proto::api::base64;
use serde_json::json;

use crate::service::{COMMITMENTS, Service};

#[test]
fn every_step_may_be_repeated_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut service = Service::start(dir.path());
    let order = json!({ "testType": "confirmed", "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e" });
    let code = service.post("/api/issue", &service.admin, &order).text("code");
    service.restart();
    assert_eq!(service.post("/api/issue", &service.admin, &order).text("code"), code);

    let unbound = json!({ "code": service.issue() });
    let bound = json!({ "code": code, "nonce": base64::encode(&[7; 16]) });
    let tokens = [&bound, &unbound].map(|request| service.verify(request).text("token"));
    service.restart();
    assert_eq!([&bound, &unbound].map(|request| service.verify(request).text("token")), tokens);

    for commitment in &COMMITMENTS[..2] {
        assert_eq!(service.certificate(&tokens[0], commitment).status, 200);
    }
    service.restart();
    for commitment in &COMMITMENTS[..2] {
        assert_eq!(service.certificate(&tokens[0], commitment).status, 200);
    }
    assert_eq!(service.certificate(&tokens[0], COMMITMENTS[2]).text("errorCode"), "token_expired");
    assert_eq!(service.verify(&bound).text("token"), tokens[0]);
}
