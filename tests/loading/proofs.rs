//! CDNs that lose, change, hide or double: the proof finds each.

use std::time::Duration;

use load::results::{Ending, Proof, Results};
use tests::network::BadNetwork;
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::doctor::Doctor;
use crate::scene::{Scene, until};

/// Four uploads a second until somebody interrupts.
const UPLOADS: [&str; 7] = ["custom", "--uploads", "4", "--arrivals", "even", "--duration", "1d"];

/// What the proof says of it, which must not hold.
fn failed(results: Results) -> Proof {
    assert_eq!((results.verdict.ending, results.verdict.exit_code), (Ending::ProofFailed, 2), "{:?}", results.proof);
    results.proof.expect("it was proved")
}

/// Waits until this says the same for some seconds, counted by looks at it: while the machine stands still, nobody looks.
async fn until_quiet<T: PartialEq>(says: impl Fn() -> T) {
    let (mut last, mut looks) = (says(), 0);
    while looks < 150 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = says();
        looks = if now == last { looks + 1 } else { 0 };
        last = now;
    }
}

fn interrupt(by: &UnboundedSender<()>) {
    by.send(()).expect("somebody listens");
}

/// What the proof says of a deployment with this doctor, once something is published. It waits in vain for what is not there, until it is interrupted.
async fn fails(doctor: Doctor, waits_in_vain: bool) -> Proof {
    let scene = Scene::start(doctor).await.expect("a deployment");
    let (by, interrupts) = mpsc::unbounded_channel();
    let interrupting = async {
        until(|| scene.has_published()).await;
        interrupt(&by);
        if waits_in_vain {
            until_quiet(|| scene.index()).await;
            interrupt(&by);
        }
    };
    let flags = [&UPLOADS[..], &["--publish-wait", "60s", "--settle", "0s"]].concat();
    let (results, ()) = tokio::join!(scene.load_heeding(&flags, interrupts), interrupting);
    failed(results.expect("it may be loaded"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_is_lost_is_missed() {
    let proof = fails(Doctor::LosesABundle, true).await;
    assert!(proof.missing > 0 && proof.missing.is_multiple_of(14) && !proof.faults.is_empty(), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_was_changed_is_not_believed() {
    let proof = fails(Doctor::FlipsABit, true).await;
    assert!(proof.missing > 0 && proof.faults.iter().any(|fault| fault.contains("not as listed")), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_nobody_lists_is_missed_by_those_whose_keys_were_in_it() {
    let proof = fails(Doctor::HidesABundle, true).await;
    assert!(proof.missing > 0 && proof.faults.is_empty(), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_published_twice_is_found() {
    // Everything is there in the end, so that nothing is waited for in vain.
    let proof = fails(Doctor::DoublesAKey, false).await;
    assert_eq!((proof.missing, proof.twice, proof.faults.len()), (0, 1, 0), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certified_key_among_those_that_nobody_certified_is_found() {
    let proof = fails(Doctor::CertifiesNothing, false).await;
    assert_eq!((proof.missing, proof.twice), (0, 0), "{proof:?}");
    let told = |fault: &String| fault.contains("stand in XA/gaen-self");
    assert!(proof.faults.iter().any(told) && proof.feeds.contains(&"XA/gaen-self".to_owned()), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_published_twice_when_all_had_been_seen_is_found() {
    let scene = Scene::start(Doctor::Idle).await.expect("a deployment");
    let network = BadNetwork::before(scene.cdn().address()).await.expect("a proxy");
    let (url, (by, interrupts)) = (network.url(), mpsc::unbounded_channel());
    let interrupting = async {
        until(|| scene.has_published()).await;
        interrupt(&by);
        // Nobody polls in this run, so the CDN is asked once the proof has begun, and no more once it has seen everything and lets it settle.
        until(|| !network.carried().is_empty()).await;
        until_quiet(|| network.carried().len()).await;
        let before = scene.index();
        scene.hand_over_to(Doctor::DoublesAKey);
        until(|| scene.index() != before).await;
        interrupt(&by);
    };
    let flags = [&UPLOADS[..], &["--publish-wait", "90s", "--settle", "90s", "--cdn", &url]].concat();
    let (results, ()) = tokio::join!(scene.load_heeding(&flags, interrupts), interrupting);
    let proof = failed(results.expect("it may be loaded"));
    assert_eq!((proof.missing, proof.twice), (0, 1), "{proof:?}");
}
