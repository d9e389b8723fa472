//! Asked to end, a schedule finishes the step that runs and begins no other.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use exporter::steps::{Step, When};
use proto::Kind;
use tokio::sync::Notify;

use crate::world::{World, keys_of};

/// Between the moment at which it is asked and that at which it hears of it, so many steps begin at most: a pass has many more.
const FEW: usize = 4;

/// Runs a schedule on a new world that is asked to end when its step `at` begins; the steps that began and ended, and whether there was that step.
async fn stopped_at(world: &World, at: usize) -> (Vec<String>, bool) {
    let (log, asked, begun) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()), AtomicUsize::new(0));
    let (written, ask) = (Arc::clone(&log), Arc::clone(&asked));
    let observer = move |step: &Step<'_>| {
        written.lock().expect("a log").push(step.to_string());
        if step.when == When::Before && begun.fetch_add(1, Ordering::SeqCst) == at {
            ask.notify_one();
        }
    };
    let exporter = world.exporter(&["main"]).await.with_steps(Arc::new(observer));
    // A pass with fewer steps ends by itself, and the schedule with it.
    let ended = asked.clone();
    let run = exporter.run(asked.notified(), move |_| ended.notify_one());
    tokio::time::timeout(Duration::from_secs(60), run).await.expect("it ends");
    let steps = log.lock().expect("a log").clone();
    let reached = steps.iter().filter(|step| step.starts_with("before")).count() > at;
    (steps, reached)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_end_a_step_is_finished_none_is_begun_and_the_next_pass_does_the_rest() {
    let mut at = 0;
    loop {
        let mut world = World::new().await;
        world.settings.sealing.period_gaen = Duration::from_secs(1);
        world.accept_keys(0..20).await;
        let (steps, reached) = stopped_at(&world, at).await;
        let begun: Vec<&str> = steps.iter().filter_map(|step| step.strip_prefix("before ")).collect();
        let ended: Vec<&str> = steps.iter().filter_map(|step| step.strip_prefix("after ")).collect();
        assert_eq!(begun, ended, "what was begun is finished");
        if !reached {
            assert!(at > 6, "{steps:?}");
            return;
        }
        // Before it is asked, steps that are done at once may follow, but only a few.
        assert!(begun.len() <= at + FEW, "asked at step {at}: {steps:?}");
        assert_eq!(halves(&world.tree("main")), Vec::<PathBuf>::new());
        world.pass(&["main"]).await;
        assert_eq!(world.published("main", Kind::Gaen), keys_of(0..20), "asked at step {at}");
        assert_eq!(world.index("main", Kind::Gaen).len(), 1);
        at += 1;
    }
}

/// The files that are written and not in their places.
fn halves(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(halves(&path));
        } else if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".put-")) {
            found.push(path);
        }
    }
    found
}
