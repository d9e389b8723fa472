//! `load` before `pratique serve`: a trial is two commands.

use std::path::Path;
use std::time::Duration;

use clap::Parser as _;
use load::results::{Ending, Results};
use load::{Cli, LoadError, Wish};
use tokio::sync::mpsc;

use crate::served::Served;

/// Runs a small burst by what stands in access.json.
async fn burst(dir: &Path) -> Result<Results, LoadError> {
    let access = dir.join("access.json").display().to_string();
    let burst = ["load", "burst", "--factor", "0.1", "--duration", "2s", "--arrivals", "even"];
    let flags = [&burst[..], &["--publish-wait", "60s", "--settle", "0s", "--access", &access]].concat();
    let Wish::Run(plan) = Cli::try_parse_from(flags).expect("good flags").wish() else { panic!("a run") };
    load::run(*plan, mpsc::unbounded_channel().1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_published_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start_with(dir.path(), &["--test-deployment", "127.0.0.1", "--trusted-proxies", "1"]);
    let quarters_pass = async {
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            served.let_a_quarter_pass();
        }
    };
    let results = tokio::select! {
        results = burst(dir.path()) => results.expect("it may be loaded"),
        () = quarters_pass => unreachable!("they pass for ever"),
    };
    assert_eq!(results.verdict.ending, Ending::Passed, "{:?}", results.verdict);
    let proof = results.proof.expect("it was proved");
    // Eighteen people or so with keys, and two with a report.
    assert!(proof.acknowledged >= 17 * 14 && proof.published == proof.acknowledged, "{proof:?}");
    assert_eq!(proof.feeds, ["DEMO/gaen", "DEMO/tcn"]);
    assert!(served.stop("-TERM").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_test_deployment_is_not_loaded() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path());
    let refused = burst(dir.path()).await;
    assert!(matches!(refused, Err(LoadError::NotConfirmed { service: "--verification", .. })), "{refused:?}");
    assert!(served.stop("-TERM").success());
}
