//! The verification service as programs meet it that know nothing but its document.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tests::authority::Authority;
use tests::system::System;
use verification::{Budgets, SharedBudgets};

use crate::tools;

/// The least number of requests that say something.
const ENOUGH: usize = 200;

/// What the programs find in their environment.
fn environment(authority: &Authority) -> [(&str, &str); 4] {
    let keys = [
        ("ADMIN_KEY", &authority.admin_key),
        ("DEVICE_KEY", &authority.device_key),
        ("STATS_KEY", &authority.stats_key),
    ];
    let [admin, device, stats] = keys.map(|(name, key)| (name, key.as_str()));
    [admin, device, stats, ("AUTHORITY", &authority.id)]
}

/// How often each path answered with each status, from a HAR file.
fn answers(har: &Path) -> anyhow::Result<BTreeMap<(String, u64), usize>> {
    let har: Value = serde_json::from_slice(&std::fs::read(har)?)?;
    let mut answers = BTreeMap::new();
    for entry in har["log"]["entries"].as_array().expect("a HAR file has entries") {
        let url = entry["request"]["url"].as_str().expect("a request has a URL");
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        let status = entry["response"]["status"].as_u64().expect("a response has a status");
        *answers.entry((format!("/{path}"), status)).or_default() += 1;
    }
    Ok(answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_failure_and_nothing_that_the_document_does_not_say() -> anyhow::Result<()> {
    let (system, authority) = System::with_authority().await?;
    system.take_self_reports(&authority).await?;
    system.let_text(&authority, "[code]")?;
    let directory = tempfile::tempdir()?;
    // All that is tried comes from one network, most of it in vain.
    let shared = SharedBudgets { per_authority: 1_000_000, in_all: 1_000_000 };
    let budgets = Budgets { per_prefix: 1_000_000, shared, ..Budgets::default() };
    let verification = system.verification_with(budgets).await?;
    let document = format!("{}/openapi.json", verification.url());
    let config = std::path::absolute(tools::repository().join("tests/interop/schemathesis.toml"))?;
    let arguments: [&dyn AsRef<std::ffi::OsStr>; 14] = [
        &"--config-file",
        &config,
        &"run",
        &document,
        &"--checks",
        &"all",
        // Every reply to a phone has the same header names, whatever it says: a 405 of ours has no Allow.
        &"--exclude-checks",
        &"unsupported_method,allow_header_conformance",
        &"--report",
        &"har",
        &"--report-har-path",
        &"report.har",
        &"--warnings",
        &"off",
    ];
    let said = tools::python_program("schemathesis", &arguments, directory.path(), &environment(&authority));
    said.map_err(anyhow::Error::msg)?;

    // It says that all is well; this looks whether it got anywhere: through every door, and with many requests.
    let answers = answers(&directory.path().join("report.har"))?;
    assert!(answers.values().sum::<usize>() > ENOUGH, "{answers:?}");
    for door in [
        "issue",
        "batch-issue",
        "checkcodestatus",
        "expirecode",
        "user-report",
        "verify",
        "certificate",
        "stats/realm.json",
        "stats/realm.csv",
    ] {
        let opened = answers.contains_key(&(format!("/api/{door}"), 200));
        assert!(opened, "/api/{door} was never answered with 200: {answers:?}");
    }
    assert!(answers.keys().all(|(_, status)| *status < 500), "{answers:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collection_of_requests_is_answered_as_it_says() -> anyhow::Result<()> {
    let (system, authority) = System::with_authority().await?;
    let directory = tempfile::tempdir()?;
    let collection = std::path::absolute(tools::repository().join("verification/requests.yaml"))?;
    let url = system.verification.url();
    let run = || {
        let arguments: [&dyn AsRef<std::ffi::OsStr>; 3] = [&url, &"--", &collection];
        tools::python_program("gabbi-run", &arguments, directory.path(), &environment(&authority))
    };
    // Twice: it may be run against a service that others use too.
    for _ in 0..2 {
        run().map_err(anyhow::Error::msg)?;
    }
    // A collection that says something else is noticed.
    std::fs::write(directory.path().join("wrong.yaml"), "tests:\n- name: wrong\n  GET: /health\n  status: 201\n")?;
    let arguments: [&dyn AsRef<std::ffi::OsStr>; 3] = [&url, &"--", &"wrong.yaml"];
    let said = tools::python_program("gabbi-run", &arguments, directory.path(), &environment(&authority));
    assert!(said.is_err());
    Ok(())
}
