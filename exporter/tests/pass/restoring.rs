//! A database that was restored from a copy: nothing is sealed until what the buckets know has been taken over.

use std::sync::Arc;

use exporter::bucket::MemoryBucket;
use proto::Kind;

use crate::world::{World, feed, keys_of, snapshot};

/// Copies the database as it is now.
pub(crate) fn copy(world: &World, name: &str) {
    let to = world.directory.path().join(name);
    let database = rusqlite::Connection::open(world.directory.path().join("keys.db")).expect("the database");
    database.execute("VACUUM INTO ?1", [to.to_str().expect("UTF-8")]).expect("a copy");
}

/// Puts a copy in the place of the database.
pub(crate) async fn restore(world: &mut World, name: &str) {
    world.url = format!("sqlite:{}", world.directory.path().join(name).display());
    world.settings.database_url = world.url.parse().expect("a URL");
    world.store = store::open_key_store(&world.settings.database_url, world.clock.clone()).await.expect("the copy");
}

/// What waits in the feed of keys, and its number.
async fn standing(world: &World) -> (u64, u64) {
    let waiting = world.store.waiting(&feed(Kind::Gaen)).await.expect("read");
    (waiting.releasable, world.store.number(&feed(Kind::Gaen)).await.expect("read"))
}

#[tokio::test]
async fn a_restored_database_is_not_sealed_and_takes_no_number() {
    let mut world = World::new().await;
    world.accept_keys(0..10).await;
    world.pass(&["main", "other"]).await;
    copy(&world, "early.db");
    world.accept_keys(10..20).await;
    world.pass(&["main"]).await;
    let before = snapshot(world.directory.path().join("main").as_path());

    restore(&mut world, "early.db").await;
    world.accept_keys(20..30).await;
    let stood = standing(&world).await;
    // One bucket that is ahead is enough, whoever else is not.
    for prune in [false, true] {
        let exporter = world.exporter(&["other", "main"]).await;
        let report = if prune { exporter.prune(false).await } else { exporter.once().await }.expect("a pass");
        assert_eq!(report.exit_code(), 2, "{report}");
        let text = report.to_string();
        assert!(text.contains("bucket main stands at number 3, and the database at 2"), "{text}");
        assert!(text.contains("exporter adopt"), "{text}");
        // The feed of reports is where it was.
        assert!(report.feeds[1].failures.is_empty(), "{report}");
        assert_eq!(standing(&world).await, stood);
        assert_eq!(snapshot(&world.tree("main")), before);
    }
}

#[tokio::test]
async fn a_restored_database_that_went_on_is_found_out_by_its_bundles() {
    let mut world = World::new().await;
    world.accept_keys(0..10).await;
    world.pass(&["main"]).await;
    copy(&world, "early.db");
    world.accept_keys(10..20).await;
    world.pass(&["main"]).await;

    // Somebody restores the copy and seals on while the bucket is not looked at: twice, so that the number is ahead of the bucket's.
    restore(&mut world, "early.db").await;
    for round in 2..4 {
        world.accept_keys(round * 10..round * 10 + 10).await;
        world.pass(&["elsewhere"]).await;
    }
    let before = snapshot(&world.tree("main"));
    let stood = standing(&world).await;
    world.accept_keys(40..50).await;
    let report = world.exporter(&["main"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert!(report.to_string().contains("bucket main says something else than the database at number 3"), "{report}");
    assert_eq!(standing(&world).await.1, stood.1);
    assert_eq!(snapshot(&world.tree("main")), before);
}

#[tokio::test]
async fn nothing_is_sealed_before_a_bucket_has_said_where_it_stands() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    let (one, two) = (MemoryBucket::default(), MemoryBucket::default());
    let exporter = world.exporter(&[]).await.with_bucket("one", Arc::new(one.clone()));
    let exporter = exporter.with_bucket("two", Arc::new(two.clone()));
    one.set_down(true);
    two.set_down(true);
    let report = exporter.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 1, "{report}");
    assert!(report.to_string().contains("no bucket says where it stands"), "{report}");
    assert_eq!(standing(&world).await, (10, 0));

    one.set_down(false);
    let report = exporter.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 1, "the other one is still down: {report}");
    assert_eq!(standing(&world).await, (0, 2));
    two.set_down(false);
    assert_eq!(exporter.once().await.expect("a pass").exit_code(), 0);
    assert_eq!(one.objects(), two.objects());
}

#[tokio::test]
async fn a_bucket_that_lags_behind_keeps_nobody_from_sealing() {
    let world = World::new().await;
    world.accept_keys(0..5).await;
    world.pass(&["main", "late"]).await;
    for round in 1..4 {
        world.accept_keys(round * 5..round * 5 + 5).await;
        world.pass(&["main"]).await;
    }
    // What it lists has been de-listed everywhere else, and all but forgotten: it says nothing that the database denies.
    for days in [14, 15] {
        world.clock.set_offset(days * (86_400 + 60));
        world.pass(&["main"]).await;
    }
    world.accept_keys(20..25).await;
    world.pass(&["late", "main"]).await;
    assert_eq!(world.published("main", Kind::Gaen), keys_of(20..25));
    assert_eq!(world.published("late", Kind::Gaen), keys_of(20..25));
}
