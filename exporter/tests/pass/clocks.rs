//! Clocks that are too far apart hold the exporter.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use exporter::bucket::{DirectoryBucket, MemoryBucket};
use exporter::error::FailureKind;
use exporter::{Exporter, Report};
use proto::Kind;
use store::Clock;
use tokio::sync::Notify;

use crate::postgres;
use crate::world::{World, feed, keys_of};

fn messages(report: &Report) -> Vec<String> {
    report.failures().map(|failure| failure.message.clone()).collect()
}

#[tokio::test]
async fn a_bucket_whose_clock_is_off_holds_the_feed_and_is_left_alone() {
    let world = World::new().await;
    let off = MemoryBucket::default();
    let exporter = world.exporter(&["main"]).await.with_bucket("off", Arc::new(off.clone()));
    world.accept_keys(0..10).await;
    assert_eq!(exporter.once().await.expect("a pass").exit_code(), 0);
    // Only that it is ready is no longer said of it.
    let lasting = || off.objects().into_iter().filter(|(path, _)| path != "ready").collect::<BTreeMap<_, _>>();
    let before = lasting();

    for offset in [3_600, -3_600] {
        off.set_clock(offset);
        world.accept_keys(10..20).await;
        fs::remove_dir_all(world.tree("main").join("NO")).expect("removed");
        let report = exporter.once().await.expect("a pass");
        assert_eq!(report.exit_code(), 2, "{report}");
        assert!(report.failures().all(|failure| failure.kind == FailureKind::GiveUp), "{report}");
        let said = messages(&report);
        assert!(
            said.iter().all(|why| why.contains("bucket off says 20") && why.contains("this machine 20")),
            "{said:?}"
        );
        assert!(report.feeds.iter().all(|feed| feed.sealed.is_empty()));
        assert_eq!(lasting(), before);
        // What was sealed before reaches the others all the same.
        assert_eq!(world.published("main", Kind::Gaen), keys_of(0..10));
    }

    // Ten minutes are a tolerance.
    off.set_clock(500);
    assert_eq!(exporter.once().await.expect("a pass").exit_code(), 0);
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..20));
    assert!(lasting().len() > before.len());
}

#[tokio::test]
async fn a_database_whose_clock_is_off_holds_everything() {
    let (_database, world) = postgres::world().await;
    let moved = Clock::system();
    let bucket = Arc::new(DirectoryBucket::open(&world.tree("main")).expect("a bucket"));
    let exporter = Exporter::open(&world.settings, moved.clone()).await.expect("an exporter");
    let exporter = exporter.with_clock(Clock::system()).with_bucket("main", bucket);
    world.accept_keys(0..10).await;
    for offset in [-3_600, 3_600] {
        moved.set_offset(offset);
        let report = exporter.once().await.expect("a pass");
        assert_eq!(report.exit_code(), 2, "{report}");
        let said = messages(&report);
        assert!(
            said.len() == 1 && said[0].contains("the database says 20") && said[0].contains("machine 20"),
            "{said:?}"
        );
        assert!(exporter.prune(false).await.expect_err("held").to_string().contains("clocks"));
        let status = exporter.status().await.expect("a status");
        assert_eq!(status.exit_code(), 2, "{status}");
        assert_eq!(world.store.number(&feed(Kind::Gaen)).await.expect("read"), 0, "nothing was even announced");
        assert!(crate::world::snapshot(&world.tree("main")).is_empty());
    }
    moved.set_offset(0);
    assert_eq!(exporter.once().await.expect("a pass").exit_code(), 0);
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..10));
}

#[tokio::test]
async fn a_schedule_that_is_held_by_a_clock_goes_on_once_it_is_set() {
    let mut world = World::new().await;
    (world.settings.sealing.period_gaen, world.settings.sealing.period_tcn) =
        (Duration::from_secs(1), Duration::from_secs(1));
    let off = MemoryBucket::default();
    off.set_clock(3_600);
    world.accept_keys(0..10).await;
    let exporter = world.exporter(&["main"]).await.with_bucket("off", Arc::new(off.clone()));
    let (done, mut held) = (Arc::new(Notify::new()), 0);
    let asked = Arc::clone(&done);
    let run = exporter.run(asked.notified(), |seen| {
        let report = seen.outcome.as_ref().expect("a pass");
        if report.exit_code() == 2 {
            (held, _) = (held + 1, off.set_clock(0));
        } else if report.feeds.iter().any(|feed| !feed.sealed.is_empty()) {
            done.notify_one();
        }
    });
    tokio::time::timeout(Duration::from_secs(60), run).await.expect("it goes on");
    assert_eq!(held, 1);
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..10));
}
