//! Replies that are lost on the way, and runs that are ended early.

use load::results::{Ending, Results};
use tests::network::BadNetwork;
use tokio::sync::mpsc;

use crate::doctor::Doctor;
use crate::scene::{Scene, until};

/// Five uploads a second, until some are published, so many replies of the key server are lost after that, and an interrupt comes when `enough` are.
async fn losing((replies, enough): (u32, u32), flags: &[&str]) -> Results {
    let scene = Scene::start(Doctor::Idle).await.expect("a deployment");
    let network = BadNetwork::before(scene.system.server.address()).await.expect("a proxy");
    let (url, (interrupt, interrupts)) = (network.url(), mpsc::unbounded_channel());
    let five_a_second = ["custom", "--uploads", "5", "--arrivals", "even", "--duration", "1d", "--server", &url];
    let waiting = ["--publish-wait", "60s", "--settle", "0s"];
    let losing = async {
        until(|| scene.has_published()).await;
        network.lose_replies(replies);
        until(|| network.lost() >= enough).await;
        interrupt.send(()).expect("somebody listens");
    };
    let flags = [&five_a_second[..], &waiting, flags].concat();
    let (results, ()) = tokio::join!(scene.load_heeding(&flags, interrupts), losing);
    results.expect("it may be loaded")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_is_an_error_and_the_phone_asks_again() {
    let results = losing((2, 2), &[]).await;
    assert_eq!((results.verdict.ending, results.verdict.exit_code), (Ending::Failed, 1), "{:?}", results.verdict);
    let publish = results.operation("publish").expect("people uploaded");
    assert_eq!((publish.all_failed(), publish.failed.keys().next().map(String::as_str)), (2, Some("broken_off")));
    let proof = results.proof.as_ref().expect("it was proved");
    assert!(proof.holds() && proof.unacknowledged == 0 && proof.acknowledged == publish.done * 14, "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn through_faults_phones_go_on_and_only_the_proof_counts() {
    // More in a row than a phone would bear otherwise.
    let results = losing((12, 12), &["--through-faults"]).await;
    assert_eq!((results.verdict.ending, results.verdict.exit_code), (Ending::Passed, 0), "{:?}", results.verdict);
    assert!(!results.verdict.remarks.is_empty(), "what failed is told");
    let (upload, proof) = (results.operation("upload").cloned(), results.proof.expect("it was proved"));
    let uploads = upload.map(|upload| (upload.done, upload.ended)).expect("people uploaded");
    assert_eq!((uploads.0, proof.acknowledged), (uploads.1, uploads.1 * 14), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_and_never_acknowledged_may_be_published_or_not() {
    let results = losing((1_000, 9), &[]).await;
    assert_eq!(results.verdict.ending, Ending::Failed, "{:?}", results.verdict);
    let proof = results.proof.expect("it was proved");
    assert!(proof.holds() && proof.acknowledged > 0 && proof.unacknowledged > 0, "{proof:?}");
    assert!(proof.unacknowledged_published <= proof.unacknowledged && proof.others == 0, "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_the_load_and_what_was_acknowledged_is_proved() {
    let scene = Scene::start(Doctor::Idle).await.expect("a deployment");
    let (interrupt, interrupts) = mpsc::unbounded_channel();
    let interrupting = async {
        until(|| scene.has_published()).await;
        interrupt.send(()).expect("somebody listens");
    };
    let four_a_second = ["custom", "--uploads", "4", "--arrivals", "even", "--duration", "1d"];
    let flags = [&four_a_second[..], &["--publish-wait", "60s", "--settle", "0s"]].concat();
    let (results, ()) = tokio::join!(scene.load_heeding(&flags, interrupts), interrupting);
    let results = results.expect("it may be loaded");
    assert_eq!(results.verdict.ending, Ending::Passed, "{:?}", results.verdict);
    assert!(results.marks.iter().any(|mark| mark.what == "interrupted"));
    let proof = results.proof.expect("it was proved");
    assert!(proof.acknowledged > 0 && proof.published == proof.acknowledged, "{proof:?}");
}
