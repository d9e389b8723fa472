//! Each preset, for some seconds: nothing fails, and everything acknowledged is there.

use load::results::{Ending, Results};
use tests::network::BadNetwork;
use tokio::sync::mpsc;

use crate::doctor::Doctor;
use crate::scene::{Scene, until};

/// Nothing is doubled here later: nobody waits for that.
const PATIENTLY: [&str; 4] = ["--publish-wait", "60s", "--settle", "0s"];

/// Loads a good deployment, which must pass.
async fn passes(flags: &[&str]) -> Results {
    let scene = Scene::start(Doctor::Idle).await.expect("a deployment");
    passed(scene.load(&[flags, &PATIENTLY].concat()).await.expect("it may be loaded"))
}

/// What passed, and was proved.
fn passed(results: Results) -> Results {
    assert_eq!(results.verdict.ending, Ending::Passed, "{:?}", results.verdict);
    let proof = results.proof.as_ref().expect("it was proved");
    assert_eq!((proof.published, proof.missing, proof.twice), (proof.acknowledged, 0, 0));
    results
}

/// How often an operation was asked for, or ended if it is a step.
fn count(results: &Results, operation: &str) -> u64 {
    results.operation(operation).map_or(0, |operation| operation.asked.unwrap_or(operation.ended))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_day_is_published_whole() {
    // A day in a minute, of which three seconds are run: ten people or so.
    let results = passes(&["quiet", "--factor", "1440", "--duration", "3s", "--arrivals", "even"]).await;
    let (uploads, reports) = (count(&results, "upload"), count(&results, "report"));
    assert!((9..=11).contains(&uploads) && reports <= 2, "{uploads} uploads and {reports} reports");
    let proof = results.proof.expect("it was proved");
    assert_eq!((proof.acknowledged, proof.others), (uploads * 14 + reports, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phones_of_a_country_poll_and_have_what_was_published() {
    let results = passes(&["country", "--factor", "0.02", "--duration", "4s", "--ramp", "1s", "--seed", "7"]).await;
    let index = results.operation("index").expect("phones poll");
    assert!(index.not_modified + index.done > 100, "{index:?}");
    assert!(count(&results, "chaff_publish") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_keys_and_reports_is_published_whole_through_relays_too() {
    let scene = Scene::start(Doctor::Idle).await.expect("a deployment");
    let network = BadNetwork::before(scene.cdn().address()).await.expect("a proxy");
    let (url, (by, interrupts)) = (network.url(), mpsc::unbounded_channel());
    // It goes on until a phone has downloaded something, however long that takes here.
    let is_download =
        |message: &Vec<u8>| message.starts_with(b"GET ") && message.windows(5).any(|part| part == b".zip ");
    let downloads = || network.carried().iter().any(is_download);
    let interrupting = async {
        until(|| scene.has_published()).await;
        until(downloads).await;
        by.send(()).expect("somebody listens");
    };
    let burst = ["burst", "--factor", "0.3", "--duration", "1d", "--arrivals", "even", "--batch", "10", "--seed", "1"];
    let flags = [&burst[..], &PATIENTLY, &["--cdn", &url]].concat();
    let (results, ()) = tokio::join!(scene.load_heeding(&flags, interrupts), interrupting);
    let results = passed(results.expect("it may be loaded"));
    assert!(count(&results, "upload") > 0 && count(&results, "report") > 0);
    // Codes come ten at a time, and phones that want one while a batch is on its way have one of their own.
    assert!(count(&results, "batch_issue") > 0 && count(&results, "issue") == 0);
    let bundles = results.operation("bundle").expect("phones download what is new");
    assert!(bundles.done > 0 && bundles.failed.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_is_refused_and_the_honest_are_served() {
    let results = passes(&["attack", "--factor", "0.5", "--duration", "4s", "--seed", "3"]).await;
    for operation in ["guess", "malformed"] {
        let figures = results.operation(operation).expect("they came");
        assert!(figures.all_refused() > 0 && figures.all_refused() == figures.ended, "{figures:?}");
    }
    assert!(count(&results, "bust") > 0 && count(&results, "upload") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_ones_own_has_the_actors_that_were_asked_for_and_no_others() {
    let scene = Scene::start(Doctor::Idle).await.expect("a deployment");
    let network = BadNetwork::before(scene.system.server.address()).await.expect("a proxy");
    let server = network.url();
    let flags = ["custom", "--uploads", "5", "--relayed", "1", "--codes", "4", "--duration", "2s", "--no-proof"];
    let flags = [&flags[..], &["--arrivals", "even", "--p99", "publish=0.001", "--server", &server]].concat();
    let results = scene.load(&flags).await.expect("it may be loaded");
    let names: Vec<&str> = results.operations.iter().map(|operation| operation.name.as_str()).collect();
    assert_eq!(names, ["upload", "issue", "verify", "certificate", "publish", "code"]);
    assert!((9..=11).contains(&count(&results, "upload")) && (7..=9).contains(&count(&results, "code")));
    // All of them called through relays: nothing went to the server but what was sealed to its gateway.
    let posts = |start: &[u8]| network.carried().iter().filter(|message| message.starts_with(start)).count() as u64;
    let uploads = results.operation("upload").map_or(0, |upload| upload.done);
    assert_eq!((posts(b"POST /ohttp "), posts(b"POST ")), (uploads, uploads));
    // An authority is answered with codes, which are bytes.
    let issue = results.operation("issue").expect("codes were issued");
    assert!(issue.received_bytes > issue.done, "{issue:?}");
    // Nobody answers within a microsecond, and what was asked for was not kept.
    assert_eq!((results.verdict.ending, results.proof.is_none()), (Ending::Failed, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn results_hold_no_keys() {
    let scene = Scene::start(Doctor::Idle).await.expect("a deployment");
    let results = scene.load(&["burst", "--factor", "0.02", "--duration", "1s", "--no-proof"]).await;
    let json = load::report::to_json(&results.expect("it may be loaded"));
    let secrets = ["health.admin.", "health.device."];
    assert!(secrets.iter().all(|secret| !json.contains(secret)), "{json}");
}
