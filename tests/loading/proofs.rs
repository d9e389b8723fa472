//! CDNs that lose, change, hide or double: the proof finds each.

use load::results::{Ending, Proof};

use crate::doctor::Doctor;
use crate::scene::Scene;

/// What the proof says of a deployment with this doctor, which must not pass.
async fn fails(doctor: Doctor, publish_wait: &str) -> Proof {
    let scene = Scene::start(doctor).await.expect("a deployment");
    let flags = ["custom", "--uploads", "4", "--duration", "2s", "--arrivals", "even", "--publish-wait", publish_wait];
    let results = scene.load(&flags).await.expect("it may be loaded");
    assert_eq!((results.verdict.ending, results.verdict.exit_code), (Ending::ProofFailed, 2), "{:?}", results.proof);
    results.proof.expect("it was proved")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_is_lost_is_missed() {
    let proof = fails(Doctor::LosesABundle, "5s").await;
    assert!(proof.missing > 0 && proof.missing.is_multiple_of(14) && !proof.faults.is_empty(), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_was_changed_is_not_believed() {
    let proof = fails(Doctor::FlipsABit, "5s").await;
    assert!(proof.missing > 0 && proof.faults.iter().any(|fault| fault.contains("not as listed")), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_nobody_lists_is_missed_by_those_whose_keys_were_in_it() {
    let proof = fails(Doctor::HidesABundle, "5s").await;
    assert!(proof.missing > 0 && proof.faults.is_empty(), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_published_twice_is_found() {
    // Everything is there in the end, so that nothing is waited for in vain.
    let proof = fails(Doctor::DoublesAKey, "60s").await;
    assert_eq!((proof.missing, proof.twice, proof.faults.len()), (0, 1, 0), "{proof:?}");
}
