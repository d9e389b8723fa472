//! A setting that cannot be used is refused at the start, by its name.

use std::fs;

use crate::listener::{load, target};

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
