//! Every write of a pass fails, before it took effect and after: the next pass repairs all of it.
//!
//! Which writes there are is what a pass that nobody disturbs takes as steps, so that a new one is tried by itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use exporter::steps::Step;

use crate::scene::{BUCKETS, Published, Template, assert_every_key_once, assert_unchanged, assert_whole, published};

/// How many are tried side by side.
const LANES: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_fails_before_or_after_it_took_effect_is_made_good_by_the_next_pass() {
    let template = Arc::new(Template::new().await);
    let (steps, expected) = undisturbed(&template).await;
    let (steps, expected) = (Arc::new(steps), Arc::new(expected));
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let (template, steps, expected) = (Arc::clone(&template), Arc::clone(&steps), Arc::clone(&expected));
            tokio::spawn(async move {
                for step in steps.iter().skip(lane).step_by(LANES) {
                    fail_at(&template, step, &expected).await;
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.expect("no panic");
    }
}

/// The steps of a pass, and what it publishes.
async fn undisturbed(template: &Template) -> (Vec<String>, Published) {
    let world = template.copy().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let observer = Arc::new(move |step: &Step<'_>| noted.lock().expect("not poisoned").push(step.to_string()));
    let report = world.exporter(&BUCKETS).await.with_steps(observer).once().await.expect("a pass");
    assert_eq!(report.exit_code(), 0, "{report}");
    assert_every_key_once(&world);
    let steps = seen.lock().expect("not poisoned").clone();
    for name in [
        "feed.announce",
        "feed.seal",
        "feed.delist",
        "bundle.derive",
        "bundle.put",
        "bundle.record",
        "manifest.replace",
        "index.replace",
        "feed.record",
        "bundle.delete",
        "bundle.record_deleted",
        "feed.purge",
        "ready.replace",
    ] {
        assert!(steps.iter().any(|step| step.contains(name)), "no {name} in {steps:?}");
    }
    (steps, published(&world, "near"))
}

async fn fail_at(template: &Template, position: &str, expected: &Published) {
    let world = template.copy().await;
    let (wanted, failed) = (position.to_owned(), Arc::new(AtomicBool::new(false)));
    let noted = Arc::clone(&failed);
    let observer = Arc::new(move |step: &Step<'_>| {
        if step.to_string() == wanted && !noted.swap(true, Ordering::Relaxed) {
            step.fail();
        }
    });
    let disturbed = world.exporter(&BUCKETS).await.with_steps(observer).once().await.expect("a pass");
    assert!(failed.load(Ordering::Relaxed), "the pass did not come to {position}");
    assert_eq!(disturbed.exit_code(), 1, "{position}: {disturbed}");
    let before = BUCKETS.map(|bucket| published(&world, bucket));

    let report = world.exporter(&BUCKETS).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 0, "after {position}: {report}");
    let now = BUCKETS.map(|bucket| published(&world, bucket));
    before.iter().zip(&now).for_each(|(before, now)| assert_unchanged(before, now, position));
    assert_whole(&now[0], &now[1], expected, position);
    assert_every_key_once(&world);
}
