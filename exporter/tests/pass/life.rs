//! What becomes of a bundle when its time is over.

use std::fs;
use std::sync::Arc;

use exporter::bucket::MemoryBucket;
use exporter::steps::When;
use exporter::{Exporter, Report};
use proto::Kind;
use store::{Clock, Selection, WithdrawalKind};

use crate::world::{World, feed, keys_of, snapshot};

/// A day, and a minute for the test to run in.
const DAY: i64 = 86_400 + 60;

impl World {
    /// Lets days pass.
    fn wait(&self, days: i64) {
        self.clock.set_offset(self.clock.offset() + days * DAY);
    }

    /// How many rows of a table there are.
    fn rows(&self, table: &str) -> i64 {
        let database = rusqlite::Connection::open(self.directory.path().join("keys.db")).expect("the database");
        database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("counted")
    }

    /// The bundles in a bucket, listed or not.
    fn bundles(&self, bucket: &str) -> Vec<String> {
        let files = snapshot(&self.tree(bucket)).into_keys();
        let zips = files.filter(|path| path.extension().is_some_and(|end| end == "zip"));
        zips.map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect()
    }
}

#[tokio::test]
async fn after_14_days_a_bundle_leaves_the_list_then_its_object_goes_and_then_its_rows() {
    let world = World::new().await;
    world.accept_keys(0..20).await;
    world.pass(&["main", "second"]).await;
    let objects = world.bundles("main");
    world.wait(13);
    world.accept_keys(20..30).await;
    world.pass(&["main", "second"]).await;
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..30));

    world.wait(1);
    let report = world.pass(&["main", "second"]).await.to_string();
    assert!(report.contains("NO/gaen: de-listed bundle 1\n"), "{report}");
    assert!(report.contains("NO/gaen: bucket main: now lists 1 bundle at number"), "{report}");
    for bucket in ["main", "second"] {
        assert_eq!(world.published(bucket, Kind::Gaen), keys_of(20..30));
        assert_eq!(world.manifest(bucket, Kind::Gaen).bundles[0].sequence, 2);
        assert!(world.bundles(bucket).contains(&objects[0]), "somebody may have read the list just before");
    }
    assert_eq!(world.rows("gaen_publication"), 30);

    world.wait(1);
    let report = world.pass(&["main", "second"]).await;
    let said = report.to_string();
    for line in [
        "NO/gaen: bucket main: deleted bundle 1\n",
        "NO/gaen: bucket second: deleted bundle 1\n",
        "NO/gaen: removed the rows of bundle 1\n",
        "NO/gaen: removed 20 publications and 20 keys that nothing else needs\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let json = serde_json::to_value(&report).expect("JSON");
    let gaen = &json["feeds"][0];
    assert_eq!(gaen["purged"], serde_json::json!({ "bundles": [1], "publications": 20, "entries": 20 }));
    assert_eq!(gaen["buckets"][0]["deleted"], serde_json::json!([1]));
    assert_eq!((gaen["delisted"].clone(), json.get("dry_run")), (serde_json::json!([]), None));
    for bucket in ["main", "second"] {
        assert_eq!(world.bundles(bucket).len(), 1);
    }
    assert_eq!((world.rows("bundle"), world.rows("gaen_publication"), world.rows("gaen_key")), (1, 10, 10));

    // Everything is over, and what comes goes on where it was.
    world.wait(14);
    world.pass(&["main", "second"]).await;
    world.wait(1);
    world.pass(&["main", "second"]).await;
    assert!(world.bundles("main").is_empty() && world.index("main", Kind::Gaen).is_empty());
    assert_eq!((world.rows("bundle"), world.rows("gaen_key"), world.rows("bundle_bucket")), (0, 0, 0));
    world.accept_keys(30..35).await;
    let report = world.pass(&["main", "second"]).await.to_string();
    assert!(report.contains("NO/gaen: sealed 5 keys into bundle 3"), "{report}");
    assert_eq!(world.published("second", Kind::Gaen), keys_of(30..35));
}

#[tokio::test]
async fn a_bucket_that_is_down_keeps_the_rows_and_no_other_buckets_object() {
    let world = World::new().await;
    let flaky = MemoryBucket::default();
    let exporter = world.exporter(&["main"]).await.with_bucket("flaky", Arc::new(flaky.clone()));
    let pass = async || exporter.once().await.expect("a pass");
    world.accept_keys(0..10).await;
    assert_eq!(pass().await.exit_code(), 0);
    world.wait(14);
    flaky.set_down(true);
    for _ in 0..3 {
        assert_eq!(pass().await.exit_code(), 1);
        world.wait(1);
    }
    assert!(world.bundles("main").is_empty());
    assert_eq!((world.rows("bundle"), world.rows("gaen_key")), (1, 10), "nobody knows what flaky holds");
    let bundles = || flaky.objects().into_keys().filter(|path| path.ends_with(".zip")).count();

    flaky.set_down(false);
    assert_eq!(pass().await.exit_code(), 0);
    assert_eq!(bundles(), 1, "it listed the bundle until now");
    world.wait(1);
    assert_eq!(pass().await.exit_code(), 0);
    assert_eq!((bundles(), world.rows("bundle"), world.rows("gaen_key")), (0, 0, 0));
}

#[tokio::test]
async fn what_was_delisted_is_not_put_anywhere_again() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    world.pass(&["main", "lost"]).await;
    world.wait(14);
    world.accept_keys(10..20).await;
    world.pass(&["main", "lost"]).await;
    assert_eq!(world.bundles("main").len(), 2);
    fs::remove_dir_all(world.tree("lost")).expect("removed");
    for _ in 0..2 {
        world.pass(&["main", "lost", "late"]).await;
        for bucket in ["lost", "late"] {
            assert_eq!(world.published(bucket, Kind::Gaen), keys_of(10..20));
            assert_eq!(world.bundles(bucket).len(), 1);
        }
        world.wait(1);
    }
    world.pass(&["main", "lost", "late"]).await;
    assert_eq!((world.rows("bundle"), world.bundles("main").len()), (1, 1));
}

#[tokio::test]
async fn a_bucket_that_is_named_no_more_holds_up_nothing_and_returns_only_forwards() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    world.pass(&["main", "old"]).await;
    let before = snapshot(&world.tree("old"));
    world.wait(7);
    world.accept_keys(10..20).await;
    world.pass(&["main"]).await;
    for days in [7, 1] {
        world.wait(days);
        world.pass(&["main"]).await;
    }
    assert_eq!((world.rows("bundle"), world.rows("gaen_key")), (1, 10));
    assert_eq!(snapshot(&world.tree("old")), before, "what it holds is its owner's to delete");

    // It returns, and cannot get the bundle that is listed now. What its own list says nobody can tell any more, so it is left alone.
    let path = world.tree("old").join(&world.index("main", Kind::Gaen)[0]);
    fs::write(&path, b"not ours").expect("a foreign object");
    let report = world.exporter(&["main", "old"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert_eq!(world.published("old", Kind::Gaen), keys_of(0..10));
    fs::remove_file(&path).expect("removed");
    world.pass(&["main", "old"]).await;
    assert_eq!(world.published("old", Kind::Gaen), keys_of(10..20));
}

#[tokio::test]
async fn an_object_that_no_row_knows_is_left_alone() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    world.pass(&["main"]).await;
    let foreign = world.tree("main").join("NO/gaen/0000000001-0000000002-00001.zip");
    fs::write(&foreign, b"not ours").expect("a foreign object");
    for days in [14, 1] {
        world.wait(days);
        world.pass(&["main"]).await;
    }
    assert_eq!(world.bundles("main"), ["0000000001-0000000002-00001.zip"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_exporter_that_slept_through_a_bundles_life_leaves_nothing_of_it_behind() {
    let mut world = World::new().await;
    world.settings.feeds = vec![feed(Kind::Gaen)];
    world.accept_keys(0..10).await;
    let clock = Clock::system();
    let others = Exporter::open(&world.settings, clock.clone()).await.expect("an exporter");
    let bucket = exporter::bucket::DirectoryBucket::open(&world.tree("main")).expect("a bucket");
    let others = others.with_bucket("main", Arc::new(bucket));
    let handle = tokio::runtime::Handle::current();
    let observer = Arc::new(move |step: &exporter::steps::Step<'_>| {
        if step.name == "bundle.put" && step.when == When::Before {
            for day in [0, 14, 15] {
                clock.set_offset(day * DAY);
                let others = others.clone();
                let pass = tokio::task::block_in_place(|| handle.block_on(async move { others.once().await }));
                assert_eq!(pass.expect("a pass").exit_code(), 0);
            }
        }
    });
    let report = world.exporter(&["main"]).await.with_steps(observer).once().await.expect("a pass");
    assert_eq!(report.exit_code(), 0, "{report}");
    assert!(world.bundles("main").is_empty() && world.index("main", Kind::Gaen).is_empty());
    assert_eq!(world.rows("bundle"), 0);
}

#[tokio::test]
async fn pruning_is_the_end_of_a_pass_and_a_dry_run_changes_nothing() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    world.pass(&["main"]).await;
    world.accept_keys(10..20).await;
    world.wait(14);
    let exporter = world.exporter(&["main"]).await;
    let tables = ["bundle", "bundle_bucket", "feed_number", "gaen_key", "gaen_publication", "gaen_waiting"];
    let state = || (tables.map(|table| world.rows(table)), snapshot(&world.tree("main")));
    let dry = async || {
        let before = state();
        let report = exporter.prune(true).await.expect("a dry run");
        assert_eq!(state(), before);
        assert!(report.dry_run && report.to_string().starts_with("dry run: nothing was changed"), "{report}");
        report
    };
    let wet = async || {
        let report = exporter.prune(false).await.expect("pruned");
        assert_eq!(report.exit_code(), 0, "{report}");
        report
    };
    let gaen = |report: &Report| {
        let of_feed = &report.feeds[0];
        (of_feed.delisted.clone(), of_feed.buckets[0].deleted.clone(), of_feed.purged.bundles.clone())
    };
    assert_eq!(gaen(&dry().await), (vec![1], vec![], vec![]));
    assert_eq!(gaen(&wet().await), (vec![1], vec![], vec![]));
    assert!(world.index("main", Kind::Gaen).is_empty());
    world.wait(1);
    assert_eq!(gaen(&dry().await), (vec![], vec![1], vec![]));
    assert_eq!(gaen(&wet().await), (vec![], vec![1], vec![1]));
    assert_eq!((world.bundles("main").len(), world.rows("bundle")), (0, 0));
    assert_eq!(world.rows("gaen_waiting"), 10, "it seals nothing, and keeps what waits");
    assert_eq!(gaen(&dry().await), (vec![], vec![], vec![]));
    world.pass(&["main"]).await;
    assert_eq!(world.published("main", Kind::Gaen), keys_of(10..20));
}

#[tokio::test]
async fn what_was_withdrawn_is_forgotten_once_nobody_could_upload_it_any_more() {
    let world = World::new().await;
    world.accept_keys(0..20).await;
    world.accept_reports(0..5).await;
    for kind in WithdrawalKind::ALL {
        let selection = Selection { kind, authority: "health".into(), kid: None, times: None };
        let picked = world.store.pick(&selection).await.expect("picked");
        world.store.withdraw(kind.kind(), &picked).await.expect("withdrawn");
    }
    let report = world.pass(&["main"]).await;
    assert_eq!((report.forgotten, world.rows("gaen_fresh"), world.rows("tcn_fresh")), (0, 20, 5));
    assert!(serde_json::to_value(&report).expect("JSON").get("forgotten").is_none());
    world.wait(31);
    let exporter = world.exporter(&["main"]).await;
    let foreseen = exporter.prune(true).await.expect("a dry run");
    assert_eq!((foreseen.forgotten, world.rows("gaen_fresh")), (25, 20));
    let report = exporter.prune(false).await.expect("pruned");
    assert!(report.to_string().contains("forgot 25 withdrawn keys and reports"), "{report}");
    assert_eq!((world.rows("gaen_fresh"), world.rows("tcn_fresh")), (0, 0));
}

#[tokio::test]
async fn revocations_leave_when_as_many_wait_as_the_operator_says() {
    let mut world = World::new().await;
    world.accept_keys(0..20).await;
    world.pass(&["main"]).await;
    let all = Selection { kind: WithdrawalKind::Gaen, authority: "health".into(), kid: None, times: None };
    let picked = world.store.pick(&all).await.expect("picked");
    world.store.withdraw(Kind::Gaen, &picked[..5]).await.expect("withdrawn");
    world.clock.set_offset(world.clock.offset() + 900);
    for (minimum, next, revised) in [(Some(6), 20..30, 0), (Some(5), 30..40, 5)] {
        world.settings.minimum_revised = minimum;
        world.accept_keys(next).await;
        world.clock.set_offset(world.clock.offset() + 900);
        let report = world.pass(&["main"]).await;
        let sealed = &report.feeds.iter().find(|known| known.feed == "NO/gaen").expect("the feed").sealed;
        assert_eq!(sealed.iter().map(|bundle| bundle.revised).collect::<Vec<_>>(), [revised]);
    }
}
