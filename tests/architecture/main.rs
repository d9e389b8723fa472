//! The arrows between crates, as the manifests draw them. What a module may import is for the compiler; which crate may know which is for
//! these tests.

mod rules;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each crate with the folder of its manifest and the crates of this workspace that it may use, in reading order: arrows run down.
const CRATES: [(&str, &str, &[&str]); 13] = [
    ("pratique", "deploy/standalone", &["client", "exporter", "proto", "server", "service", "store", "verification"]),
    ("tests", "tests", &["client", "cluster", "exporter", "proto", "server", "service", "store", "verification"]),
    ("cluster", "tests/cluster", &[]),
    ("load", "tests/load", &["client", "proto"]),
    ("model", "tests/model", &[]),
    ("stack", "tests/stack", &["cluster"]),
    ("verification", "verification", &["proto", "service", "store"]),
    ("server", "server", &["proto", "service", "store"]),
    ("exporter", "exporter", &["proto", "service", "store"]),
    ("service", "server/service", &["proto", "store"]),
    ("store", "server/store", &["proto"]),
    ("client", "proto/client", &["proto"]),
    ("proto", "proto", &[]),
];

#[test]
fn arrows_run_down() {
    let ours: BTreeSet<&str> = CRATES.iter().map(|(name, ..)| *name).collect();
    for (name, folder, allowed) in CRATES {
        for used in dependencies(folder).iter().filter(|used| ours.contains(used.as_str())) {
            assert!(allowed.contains(&used.as_str()), "{name} must not use {used}");
        }
    }
}

#[test]
fn only_the_store_speaks_sql() {
    for (name, folder, _) in CRATES.into_iter().filter(|(name, ..)| !["store", "tests", "cluster"].contains(name)) {
        for engine in ["rusqlite", "tokio-postgres", "deadpool-postgres", "refinery"] {
            assert!(!dependencies(folder).contains(engine), "{name} must not use {engine}");
        }
    }
}

#[test]
fn the_key_server_calls_nobody_but_for_the_keys_of_authorities() {
    for name in ["proto", "store", "service"] {
        let (_, folder, _) = CRATES.into_iter().find(|(known, ..)| *known == name).expect("listed above");
        assert!(!dependencies(folder).contains("reqwest"), "{name} must not use reqwest");
    }
    let callers = sources(&root().join("server/src")).into_iter();
    let callers = callers.filter(|path| fs::read_to_string(path).expect("a source").contains("reqwest"));
    for caller in callers {
        assert!(caller.starts_with(root().join("server/src/key_sets")), "{} calls somebody", caller.display());
    }
}

#[test]
fn proto_has_no_means_of_input_output_time_or_chance() {
    let used = dependencies("proto");
    for means in ["tokio", "reqwest", "actix-web", "rand", "getrandom", "time", "tracing"] {
        assert!(!used.contains(means), "proto must not use {means}");
    }
}

#[test]
fn every_member_of_the_workspace_is_listed_here() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has a manifest");
    let members = manifest.split("members = [").nth(1).and_then(|rest| rest.split(']').next()).expect("members");
    let members: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    let listed: BTreeSet<&str> = CRATES.iter().map(|(_, folder, _)| *folder).collect();
    assert_eq!(members, listed);
}

/// What a crate uses outside of its tests: the names under `[dependencies]`.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("every crate has a manifest");
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| !name.is_empty() && !name.starts_with('#')).map(str::to_owned).collect()
}

/// Every source below a directory.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(directory).expect("a directory").flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
