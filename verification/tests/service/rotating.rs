//! Rotating the secret under a service that runs.

use proto::api::base64;
use serde_json::{Value, json};

use crate::http;
use crate::program::{Served, complaint, json_of, set_up};
use crate::service::COMMITMENTS;

#[test]
fn a_rotation_counts_at_once_and_burns_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let [admin, device] = set_up(dir);
    let served = Served::start(dir);
    let post = |path: &str, key: &str, body: &Value| http::post(served.address, path, key, body);
    let order = json!({ "testType": "likely" });
    let before: Vec<String> = (0..2).map(|_| post("/api/issue", &admin, &order).text("code")).collect();
    let claim = |code: &str| json!({ "code": code, "nonce": base64::encode(&[1; 16]) });
    let token = post("/api/verify", &device, &claim(&before[0])).text("token");

    assert_eq!(json_of(dir, &["secret", "rotate"])["live"], 2);
    // The command line writes under the new secret, and the service that runs finds it.
    let after = json_of(dir, &["issue", "--authority", "no", "--test-type", "likely"]);
    let after = after["code"].as_str().expect("a code");
    assert_eq!(post("/api/verify", &device, &claim(after)).status, 200);
    assert_eq!(post("/api/verify", &device, &claim(&before[0])).text("token"), token);
    assert_eq!(post("/api/verify", &device, &claim(&before[1])).status, 200);
    let certificate = json!({ "token": token, "ekeyhmac": COMMITMENTS[0] });
    assert_eq!(post("/api/certificate", &device, &certificate).status, 200);
}

#[test]
fn one_program_rotates_at_a_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    set_up(dir);
    let kept = std::fs::read(dir.join("codes.secret")).expect("written");
    std::fs::write(dir.join("codes.secret.new"), "another").expect("written");
    assert!(complaint(dir, &["secret", "rotate"]).contains(".new"));
    assert_eq!(std::fs::read(dir.join("codes.secret")).expect("still there"), kept);
}
