//! Several buckets, and several exporters.

use std::fs;
use std::sync::{Arc, Once};

use exporter::bucket::MemoryBucket;
use exporter::steps::{Step, When};
use proto::Kind;

use crate::world::{World, feed, keys_of, reports_of, snapshot};

#[tokio::test]
async fn a_bucket_added_later_is_filled() {
    let world = World::new().await;
    for round in 0..3_u16 {
        world.accept_keys(round * 10..round * 10 + 10).await;
        world.pass(&["main"]).await;
    }
    let main = snapshot(&world.tree("main"));
    world.pass(&["main", "late"]).await;
    assert_eq!(snapshot(&world.tree("main")), main);
    assert_eq!(relative(&world, "late"), relative(&world, "main"));
}

#[tokio::test]
async fn a_bucket_that_was_emptied_is_filled_again() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    world.pass(&["main", "lost"]).await;
    fs::remove_dir_all(world.tree("lost")).expect("removed");
    world.pass(&["main", "lost"]).await;
    assert_eq!(relative(&world, "lost"), relative(&world, "main"));
}

#[tokio::test]
async fn one_bucket_that_fails_does_not_stop_the_other() {
    let world = World::new().await;
    let flaky = MemoryBucket::default();
    let exporter = world.exporter(&["main"]).await.with_bucket("flaky", Arc::new(flaky.clone()));
    world.accept_keys(0..10).await;
    assert_eq!(exporter.once().await.expect("a pass").exit_code(), 0);

    flaky.set_down(true);
    world.accept_keys(10..20).await;
    let report = exporter.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 1, "a bucket that is down is worth another try: {report}");
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..20));

    flaky.set_down(false);
    assert_eq!(exporter.once().await.expect("a pass").exit_code(), 0);
    let lasting = flaky.objects().into_iter().filter(|(path, _)| path != "ready");
    let healed: Vec<Vec<u8>> = lasting.map(|(_, bytes)| bytes).collect();
    assert_eq!(healed, relative(&world, "main").into_values().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_exporters_at_once_give_one_truth() {
    let mut world = World::new().await;
    world.settings.maximum_keys = 7;
    for round in 0..4_u16 {
        world.accept_keys(round * 25..round * 25 + 25).await;
        world.accept_reports(round * 3..round * 3 + 3).await;
        let mut tasks = Vec::new();
        for _ in 0..4 {
            let exporter = world.exporter(&["main", "other"]).await;
            tasks.push(tokio::spawn(async move { exporter.once().await.expect("a pass") }));
        }
        for task in tasks {
            let report = task.await.expect("no panic");
            assert_eq!(report.exit_code(), 0, "{report}");
        }
    }
    world.pass(&["main", "other"]).await;
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..100));
    assert_eq!(world.published("main", Kind::Tcn), reports_of(0..12));
    assert_eq!(relative(&world, "main"), relative(&world, "other"));
}

fn relative(world: &World, bucket: &str) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let root = world.tree(bucket);
    let below = |path: std::path::PathBuf| path.strip_prefix(&root).expect("below the root").to_owned();
    snapshot(&root).into_iter().map(|(path, bytes)| (below(path), bytes)).collect()
}

#[tokio::test]
async fn a_bucket_is_filled_from_another_that_has_the_bundles_and_not_from_the_rows() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    world.pass(&["main"]).await;
    // The rows give other bytes now, so only a copy can be right.
    let database = rusqlite::Connection::open(world.directory.path().join("keys.db")).expect("the database");
    let changed = database.execute("UPDATE gaen_publication SET transmission_risk = 8", []).expect("tampered");
    assert_eq!(changed, 10);
    world.pass(&["main", "late"]).await;
    assert_eq!(relative(&world, "late"), relative(&world, "main"));
}

#[tokio::test]
async fn what_is_copied_is_what_was_put_or_it_is_derived_again() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    world.pass(&["main"]).await;
    let whole = relative(&world, "main");
    let bundle = world.tree("main").join(&world.index("main", Kind::Gaen)[0]);
    let mut bytes = fs::read(&bundle).expect("a bundle");
    bytes[100] ^= 1;
    fs::write(&bundle, bytes).expect("tampered");
    world.pass(&["main", "late"]).await;
    assert_eq!(relative(&world, "late"), whole);
}

#[tokio::test]
async fn a_bundle_that_vanished_is_put_again() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    world.pass(&["main", "other"]).await;
    let whole = relative(&world, "main");
    for bucket in ["main", "other"] {
        fs::remove_file(world.tree(bucket).join(&world.index("main", Kind::Gaen)[0])).expect("removed");
    }
    world.pass(&["main", "other"]).await;
    assert_eq!((relative(&world, "main"), relative(&world, "other")), (whole.clone(), whole));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exporter_that_stood_still_leaves_no_index_that_names_what_is_listed_no_more() {
    let mut world = World::new().await;
    world.settings.feeds = vec![feed(Kind::Gaen)];
    world.pass(&["main"]).await;
    world.accept_keys(0..10).await;
    let (others, clock, once) = (world.exporter(&["main"]).await, world.clock.clone(), Once::new());
    let handle = tokio::runtime::Handle::current();
    let observer = move |step: &Step<'_>| {
        if (step.name, step.when) == ("index.replace", When::Before) {
            once.call_once(|| {
                // The bundle grows too old meanwhile, so that the index is to say what it still says.
                clock.set_offset(14 * 86_400 + 60);
                let report = tokio::task::block_in_place(|| handle.block_on(others.once())).expect("a pass");
                assert!(report.exit_code() == 0 && report.feeds[0].delisted == [1], "{report}");
            });
        }
    };
    let report = world.exporter(&["main"]).await.with_steps(Arc::new(observer)).once().await.expect("a pass");
    assert!(report.exit_code() == 0 && report.feeds[0].sealed.len() == 1, "{report}");
    assert!(world.published("main", Kind::Gaen).is_empty(), "index and manifest say the same");
}
