//! A setting that cannot be used is refused at the start, by its name.

use std::fs;

use crate::listener::{load, load_among, target};

/// A target that nobody asks, since a setting is wrong.
const NOBODY: &str = "http://127.0.0.1:1";

#[test]
fn a_wrong_setting_is_named_and_nothing_is_sent() {
    let good = target(NOBODY, NOBODY, NOBODY);
    for (flags, named) in [
        (&["--duration", "10"][..], "--duration"),
        (&["--duration", "0s"], "--duration"),
        (&["--duration", "1s", "--ramp", "2s"], "--ramp"),
        (&["--json", "no/such/directory/file"], "--json"),
        (&["--html", "."], "--html"),
        (&["--trust", "nowhere"], "--trust"),
        (&["--admin-key-file", "nowhere"], "--admin-key-file"),
        (&["--device-key-file", "empty"], "--device-key-file"),
        (&["--access", "nowhere"], "--access"),
        (&["--access", "empty"], "--access"),
        (&["--p99", "publish"], "--p99"),
        (&["--p99", "typo=1000"], "chaff_publish"),
        (&["--through-faults", "--no-proof"], "--through-faults"),
        (&["--factor", "0"], "--factor"),
        (&["--no-such-flag"], "--no-such-flag"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("empty"), "").expect("written");
        let kept: Vec<&str> = good.chunks(2).filter(|pair| !flags.contains(&pair[0])).flatten().copied().collect();
        let output = load(directory.path(), &[&["burst"], flags, &kept].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{flags:?}: {said}");
        assert!(said.contains(named) && !said.contains("SECRET"), "{flags:?}: {said}");
    }
}

#[test]
fn a_wrong_variable_is_named_as_well_as_its_flag() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("access.json"), "no JSON").expect("written");
    for (flag, variable, value) in [
        ("--verification", "LOAD_VERIFICATION", "ftp://127.0.0.1"),
        ("--server", "LOAD_SERVER", "127.0.0.1:80"),
        ("--cdn", "LOAD_CDN", "nowhere"),
        ("--region", "LOAD_REGION", "demo"),
        ("--trust", "LOAD_TRUST", "nowhere"),
        ("--admin-key-file", "LOAD_ADMIN_KEY_FILE", "nowhere"),
        ("--device-key-file", "LOAD_DEVICE_KEY_FILE", "nowhere"),
        ("--admin-key-file", "LOAD_ADMIN_KEY", "two words"),
        ("--access", "LOAD_ACCESS", "access.json"),
    ] {
        let kept: Vec<&str> =
            target(NOBODY, NOBODY, NOBODY).chunks(2).filter(|pair| pair[0] != flag).flatten().copied().collect();
        let output = load_among(directory.path(), &[&["burst"], kept.as_slice()].concat(), &[(variable, value)]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{variable}: {said}");
        assert!(said.contains(flag) && said.contains(variable), "{variable}: {said}");
        assert!(!said.contains("two words"), "{said}");
    }
}

#[test]
fn a_mistyped_variable_is_refused_with_the_one_that_was_meant() {
    let directory = tempfile::tempdir().expect("a directory");
    let good = target(NOBODY, NOBODY, NOBODY);
    let said = |more: &[&str]| {
        let flags = [&["burst"], good.as_slice(), more].concat();
        let output = load_among(directory.path(), &flags, &[("LOAD_SEVRER", "http://SECRET")]);
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let refused = said(&[]);
    assert!(refused.contains("LOAD_SEVRER") && refused.contains("LOAD_SERVER is one"), "{refused}");
    assert!(!refused.contains("SECRET"), "{refused}");
    assert!(!said(&["--access", "nowhere"]).contains("LOAD_SEVRER"), "beside the flag the environment does not count");
}

#[test]
fn an_empty_variable_says_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let empty = [("LOAD_SERVER", ""), ("LOAD_REGION", ""), ("LOAD_ACCESS", ""), ("LOAD_TRUST", "")];
    let flags = [&["burst"], target(NOBODY, NOBODY, NOBODY).as_slice()].concat();
    let output = load_among(directory.path(), &flags, &empty);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // It goes on as far as the question whether it may load what the flags name.
    assert!(said.contains("--verification") && said.contains("does not answer"), "{said}");
}

#[test]
fn what_is_missing_is_named() {
    let good = target(NOBODY, NOBODY, NOBODY);
    for missing in ["--verification", "--server", "--cdn", "--authority", "--region", "--trust"] {
        let directory = tempfile::tempdir().expect("a directory");
        let kept: Vec<&str> = good.chunks(2).filter(|pair| pair[0] != missing).flatten().copied().collect();
        let output = load(directory.path(), &[&["burst"], kept.as_slice()].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{missing}: {said}");
        assert!(said.contains(missing) && said.contains("must be set"), "{missing}: {said}");
    }
    for url in ["ftp://127.0.0.1", "127.0.0.1:80", "http://user:SECRET@127.0.0.1"] {
        let directory = tempfile::tempdir().expect("a directory");
        let output = load(directory.path(), &[&["burst"][..], &target(NOBODY, url, NOBODY)].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{url}: {said}");
        assert!(said.contains("--server") && !said.contains("SECRET"), "{said}");
    }
}

#[test]
fn beside_a_file_of_access_only_flags_count() {
    let directory = tempfile::tempdir().expect("a directory");
    let access = serde_json::json!({
        "verification": NOBODY, "server": NOBODY, "cdn": NOBODY, "region": "XA", "health_authority_id": "xa",
        "api_keys": { "admin": "xa.admin.SECRET", "device": "xa.device.SECRET" },
    });
    fs::write(directory.path().join("access.json"), access.to_string()).expect("written");
    let said = |flags: &[&str], variables: &[(&str, &str)]| {
        let flags = [&["burst", "--trust", "."], flags].concat();
        let output = load_among(directory.path(), &flags, variables);
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let forgotten = [("LOAD_SERVER", "ftp://forgotten"), ("LOAD_REGION", "nowhere"), ("LOAD_TRUST", "nowhere")];
    // It goes on as far as the question whether it may load what stands in the file.
    let by_flag = said(&["--access", "access.json"], &forgotten);
    assert!(by_flag.contains("--verification") && by_flag.contains("does not answer"), "{by_flag}");
    let flag = said(&["--access", "access.json", "--server", "ftp://meant"], &[]);
    assert!(flag.contains("--server"), "{flag}");
    let by_variable = said(&[], &[&forgotten[..1], &[("LOAD_ACCESS", "access.json")]].concat());
    assert!(by_variable.contains("--server"), "{by_variable}");
}
