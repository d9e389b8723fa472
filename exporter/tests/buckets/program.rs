//! The program with a bucket in an object store: what it says, and what it never says.

use std::process::{Command, Output};

use exporter::keys;

use crate::s3;

/// A key's secret, as no other text has it.
const SECRET: &str = "wJalrXUtnFEMIpratiqueSECRET";
/// The token of a session that was lent to us.
const SESSION: &str = "IQoJb3JpZ2luX2VjEpratiqueSESSION";

/// `exporter once` with one bucket, an empty database of no feed, and credentials in the environment, if any.
fn once(bucket: &str, credentials: &[(&str, &str)]) -> Output {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let database = directory.path().join("keys.db");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let url = store::DatabaseUrl::Sqlite(database.clone());
    drop(runtime.block_on(store::open_key_store(&url, store::Clock::system())).expect("a database"));
    keys::generate(&directory.path().join("keys"), &"NO".parse().expect("a region")).expect("keys");
    Command::new(env!("CARGO_BIN_EXE_exporter"))
        .env_clear()
        .envs([("AWS_EC2_METADATA_DISABLED", "true"), ("RUST_LOG", "trace")])
        .envs(credentials.iter().copied())
        .args(["once", "--bucket", bucket, "--signing-key-dir"])
        .arg(directory.path().join("keys"))
        .arg("--database-url")
        .arg(format!("sqlite:{}", database.display()))
        .output()
        .expect("the program runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn credentials_come_from_the_environment_and_are_said_to_nobody_even_when_everything_is_logged() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let name = runtime.block_on(s3::new_bucket());
    let credentials = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_SESSION_TOKEN", SESSION)];
    let between = s3::between();
    let output = once(&format!("cloud={}", s3::url(&name, between.address(), "")), &credentials);
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    assert!(between.seen("PUT") > 0, "the store was not tried: {said}");
    assert!(!said.contains(SECRET), "the secret was logged");
    assert!(!said.contains(SESSION), "the session's token was logged");
}

#[test]
fn a_bad_url_is_refused_with_the_field_and_a_missing_region_with_what_to_add() {
    for (url, wanted) in [
        ("cloud=s3://ab", "bucket"),
        ("cloud=s3://keys?endpoint=nowhere", "endpoint"),
        ("cloud=s3://keys?acl=public-read", "storage-class"),
    ] {
        let output = once(url, &[]);
        assert_eq!(output.status.code(), Some(64), "{url}");
        assert!(said(&output).contains(wanted), "{url}: {}", said(&output));
    }
    let output = once(&format!("cloud=s3://keys?endpoint=http://{}", s3::server()), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("add ?region=REGION to the URL or set AWS_REGION"), "{}", said(&output));
}
