//! Running an authority by commands, beside a service that serves.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use proto::api::base64;
use proto::certificate::{Algorithm, CertificateSigner, UnverifiedCertificate};
use serde_json::{Value, json};

use crate::http::{self, Answer};
use crate::program::{Served, complaint, json_of, program, run, set_up};
use crate::service::COMMITMENTS;

/// The table that a command prints, line by line, each as its words.
fn table_of(dir: &Path, arguments: &[&str]) -> Vec<Vec<String>> {
    let output = run(dir, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

fn issue(served: &Served, admin: &str) -> Answer {
    http::post(served.address, "/api/issue", admin, &json!({ "testType": "likely" }))
}

/// The `kid` of a certificate for somebody new.
fn kid_of_a_certificate(served: &Served, [admin, device]: &[String; 2]) -> String {
    let claim = json!({ "code": issue(served, admin).text("code"), "nonce": base64::encode(&[1; 16]) });
    let token = http::post(served.address, "/api/verify", device, &claim).text("token");
    let wish = json!({ "token": token, "ekeyhmac": COMMITMENTS[0] });
    let certificate = http::post(served.address, "/api/certificate", device, &wish).text("certificate");
    UnverifiedCertificate::parse(&certificate).expect("a certificate").kid().expect("a kid").to_owned()
}

fn published(served: &Served) -> Vec<Value> {
    let set = http::get(served.address, "/jwks/no").json();
    set["keys"].as_array().expect("a key set").iter().map(|key| key["kid"].clone()).collect()
}

#[test]
fn an_id_that_begins_with_a_hyphen_is_no_flag() {
    let dir = tempfile::tempdir().expect("a directory");
    set_up(dir.path());
    let id = "-YEIiVIGwUYfsN3aeTUwu3UjczUMwZTacIWrFlBlKkY";
    let why = complaint(dir.path(), &["keys", "retire", "--authority", "no", "--kid", id]);
    assert!(!why.contains("unexpected argument"), "{why}");
}

#[test]
fn a_second_key_comes_by_rotation_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    set_up(dir);
    let before = json_of(dir, &["keys", "list", "--authority", "no"]);
    let why = complaint(dir, &["keys", "generate", "--authority", "no", "--public-key", "no.pem"]);
    assert!(why.contains("verification keys rotate --authority no"), "{why}");
    assert_eq!(json_of(dir, &["keys", "list", "--authority", "no"]), before);
    assert!(!dir.join("no.pem").exists(), "nobody is told to believe a key that there is not");
}

#[test]
fn a_key_is_rotated_by_command_while_the_service_runs() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let keys = set_up(dir);
    let served = Served::start(dir);
    let old = json_of(dir, &["keys", "list", "--authority", "no"])[0]["kid"].clone();
    let rotate = ["keys", "rotate", "--authority", "no", "--algorithm", "es256", "--public-key", "next.pem"];
    let new = json_of(dir, &rotate);
    assert_eq!((&new["algorithm"], &new["retires_at"]), (&json!("ES256"), &Value::Null));
    let pem = std::fs::read_to_string(dir.join("next.pem")).expect("written");
    assert_eq!(new["public_key"], pem.as_str());
    assert_eq!(published(&served), [new["kid"].clone(), old.clone()]);
    assert_eq!(kid_of_a_certificate(&served, &keys), old, "a day is left for key servers to fetch the new key");
    let listed = json_of(dir, &["keys", "list", "--authority", "no"]);
    assert_eq!((&listed[0]["state"], &listed[1]["state"]), (&json!("waiting"), &json!("signing")));
    assert_eq!((&listed[0]["can_sign"], &listed[0]["signs_from"]), (&json!(true), &new["signs_from"]));
    assert!(
        complaint(dir, &["keys", "retire", "--authority", "no", "--kid", old.as_str().expect("text")])
            .contains("keys rotate --authority no --overlap 0s")
    );

    // The old key leaks: a third takes over now, and both others go.
    let third = json_of(dir, &["keys", "rotate", "--authority", "no", "--overlap", "0s"])["kid"].clone();
    assert_eq!(kid_of_a_certificate(&served, &keys), third);
    for kid in [&old, &new["kid"]] {
        let kid = kid.as_str().expect("text");
        let retired = json_of(dir, &["keys", "retire", "--authority", "no", "--kid", kid, "--at-once"]);
        assert_eq!(retired["kid"], kid);
    }
    assert_eq!(published(&served), [third]);
    let table = table_of(dir, &["keys", "list", "--authority", "no", "--all"]);
    assert_eq!(table[0][..3], ["KID", "ALGORITHM", "STATE"]);
    assert_eq!(table.iter().skip(1).filter(|line| line[2] == "retired").count(), 2);
    for overlap in ["91d", "1", "x"] {
        let output = run(dir, &["keys", "rotate", "--authority", "no", "--overlap", overlap]);
        assert!(!output.status.success() && !output.stderr.is_empty(), "{overlap}");
    }
}

#[test]
fn a_private_key_may_come_from_the_environment_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let keys = set_up(dir);
    let signer = CertificateSigner::generate(Algorithm::Es256, &mut store::chance::source());
    std::fs::write(dir.join("public.pem"), signer.public_key().to_pem()).expect("written");
    let made = json_of(dir, &["keys", "rotate", "--authority", "no", "--import", "public.pem", "--overlap", "0s"]);
    assert_eq!((made["kid"].as_str(), &made["private_key_file"]), (Some(&*signer.public_key().kid()), &Value::Null));
    let listed = json_of(dir, &["keys", "list", "--authority", "no"]);
    let listed = listed.as_array().expect("a list").iter().find(|key| key["kid"] == made["kid"]);
    assert_eq!(listed.expect("it is there")["can_sign"], false);

    let mut command = program(dir);
    command.env("VERIFICATION_SIGNING_KEYS_NO", signer.to_pem().as_str());
    let served = Served::spawn(command);
    assert_eq!(kid_of_a_certificate(&served, &keys), signer.public_key().kid());
}

#[test]
fn an_authority_is_disabled_and_enabled_by_command() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let [admin, _] = set_up(dir);
    let served = Served::start(dir);
    assert_eq!(json_of(dir, &["authority", "disable", "--id", "no"]), json!({ "id": "no", "disabled": true }));
    let answer = issue(&served, &admin);
    assert_eq!((answer.status, answer.text("errorCode")), (403, "authority_disabled".to_owned()));
    assert!(json_of(dir, &["authority", "list"])[0]["disabled_at"].is_string());
    let last = |table: Vec<Vec<String>>| table[1].last().cloned();
    assert_ne!(last(table_of(dir, &["authority", "list"])).as_deref(), Some("-"));

    assert_eq!(json_of(dir, &["authority", "enable", "--id", "no"])["disabled"], false);
    assert_eq!(issue(&served, &admin).status, 200);
    let table = table_of(dir, &["authority", "list"]);
    assert_eq!(table[0].join(" "), "ID ISSUER AUDIENCE DATE CODES LINKS SELF-REPORTS QUOTA CREATED DISABLED");
    assert_eq!(table[1][..11].join(" "), "no no pratique optional 8 digits, 15 min 24 h refused");
    assert_eq!(last(table).as_deref(), Some("-"));
    for command in ["disable", "enable"] {
        assert!(complaint(dir, &["authority", command, "--id", "se"]).contains("verification authority list"));
    }
}

#[test]
fn an_api_key_is_revoked_by_its_id_or_by_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let [admin, _] = set_up(dir);
    let served = Served::start(dir);
    let other = json_of(dir, &["api-key", "create", "--authority", "no", "--kind", "admin"]);
    let [id, text] = ["id", "api_key"].map(|name| other[name].as_str().expect("text").to_owned());
    assert_eq!(issue(&served, &text).status, 200);
    assert_eq!(json_of(dir, &["api-key", "revoke", "--authority", "no", "--id", &id[..8]])["id"], id);
    assert_eq!((issue(&served, &text).status, issue(&served, &admin).status), (401, 200));

    // Somebody found the other key, and has nothing but it.
    let mut command = program(dir);
    command.args(["api-key", "revoke", "--authority", "no", "--key-file", "-"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
    child.stdin.take().expect("piped").write_all(format!("{admin}\n").as_bytes()).expect("written");
    assert!(child.wait().expect("ended").success());
    assert_eq!(issue(&served, &admin).status, 401);

    let listed = json_of(dir, &["api-key", "list", "--authority", "no"]);
    assert_eq!(listed.as_array().expect("a list").iter().filter(|key| key["revoked_at"].is_string()).count(), 2);
    let table = table_of(dir, &["api-key", "list", "--authority", "no"]);
    assert_eq!((table[0].join(" "), table.len()), ("ID KIND CREATED REVOKED".to_owned(), 4));
    assert!(complaint(dir, &["api-key", "revoke", "--authority", "no", "--id", "zz"]).contains("api-key list"));
    assert!(!run(dir, &["api-key", "revoke", "--authority", "no"]).status.success(), "which one?");
}

#[test]
fn purging_says_how_much_it_was() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    set_up(dir);
    assert_eq!(json_of(dir, &["purge"]), json!({ "rows": 0, "batches": 1 }));
    assert_eq!(run(dir, &["purge"]).stdout, b"Purged 0 rows in 1 batch; nothing expired is left.\n");
}
