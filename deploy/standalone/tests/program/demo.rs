//! `pratique demo`.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::files::{bundles, files_below, mode, pratique};

fn demo(dir: &Path) -> Output {
    pratique(&["demo", "--dir", &dir.display().to_string()]).output().expect("runs")
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_demo_ends_well_and_leaves_what_it_promises() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = demo(dir.path());
    let told = said(&output.stdout);
    assert!(output.status.success(), "{told}{}", said(&output.stderr));
    assert_eq!(said(&output.stderr), "");
    for words in ["WARNED by GAEN", "WARNED by TCN", "16,384 B", "2 h after its validity ends", "What to type next"] {
        assert!(told.contains(words), "{words} is missing:\n{told}");
    }
    for kind in ["gaen", "tcn"] {
        let feed = dir.path().join("cdn/DEMO").join(kind);
        let index = fs::read_to_string(feed.join("index.txt")).expect("an index");
        assert!(dir.path().join("cdn").join(&index).exists(), "{index} is one line, and names a file");
        assert!(fs::read_to_string(feed.join("manifest")).expect("a manifest").contains(&index));
    }
    let (pem, lists) = (["DEMO-gaen.pem", "DEMO-manifest.pem", "DEMO-tcn.pem"], ["server", "verification"]);
    let lists = lists.map(|service| dir.path().join("keys").join(format!("{service}.ohttp-keys")));
    let pem = pem.map(|name| dir.path().join("keys").join(name));
    assert_eq!(files_below(&dir.path().join("keys")), [&pem[..], &lists].concat());
    for name in pem {
        assert!(fs::read_to_string(name).expect("a public key").starts_with("-----BEGIN PUBLIC KEY-----"));
    }
    for name in ["verification.sqlite", "keys.sqlite"] {
        assert!(dir.path().join("db").join(name).exists(), "{name}");
    }
}

#[test]
fn what_is_private_is_its_owners_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(demo(dir.path()).status.success());
    for directory in ["private", "db"] {
        assert_eq!(mode(&dir.path().join(directory)), 0o700, "{directory}");
    }
    let is_public = |path: &Path| fs::read_to_string(path).expect("text").contains("PUBLIC KEY");
    let secret: Vec<_> = files_below(&dir.path().join("private")).into_iter().filter(|path| !is_public(path)).collect();
    // The service's secret, a certificate key, three bundle keys and the secret of filler, the keys of revision tokens, the API keys, the keys of two
    // gateways.
    assert_eq!(secret.len(), 10, "{secret:?}");
    assert!(secret.iter().all(|path| mode(path) == 0o600), "{secret:?}");
    assert!(
        files_below(&dir.path().join("cdn"))
            .iter()
            .all(|path| !said(&fs::read(path).expect("readable")).contains("PRIVATE"))
    );
}

#[test]
fn a_demo_in_the_same_directory_appends() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(demo(dir.path()).status.success());
    let before = bundles(dir.path());
    let again = demo(dir.path());
    assert!(again.status.success(), "{}", said(&again.stderr));
    let after = bundles(dir.path());
    assert_eq!((before.len(), after.len()), (2, 4));
    assert!(before.iter().all(|bundle| after.contains(bundle)));
}

#[test]
fn a_demo_that_finds_a_broken_bundle_fails() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(demo(dir.path()).status.success());
    let bundle = bundles(dir.path()).remove(0);
    let mut bytes = fs::read(&bundle).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&bundle, bytes).expect("written");
    let output = demo(dir.path());
    assert_eq!(output.status.code(), Some(1), "{}", said(&output.stdout));
    assert!(said(&output.stderr).contains("pratique: the demo failed: "), "{}", said(&output.stderr));
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    fs::write(&file, "in the way").expect("written");
    let output = demo(&file);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output.stderr).contains("/file: "), "{}", said(&output.stderr));
}
