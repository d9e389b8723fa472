//! What an undisturbed pass does.

use std::fs;
use std::sync::{Arc, Mutex};

use exporter::Pace;
use exporter::steps::When;
use proto::Kind;

use crate::world::{World, feed, keys_of, reports_of, snapshot};

#[tokio::test]
async fn everything_accepted_is_published_exactly_once() {
    let world = World::new().await;
    world.accept_keys(0..40).await;
    world.accept_reports(0..7).await;
    let report = world.pass(&["main"]).await;
    assert!(report.to_string().contains("NO/gaen: sealed 40 keys into bundle 1"), "{report}");

    world.accept_keys(30..60).await;
    world.pass(&["main"]).await;
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..60));
    assert_eq!(world.published("main", Kind::Tcn), reports_of(0..7));
    assert_eq!(world.index("main", Kind::Gaen).len(), 2);
}

#[tokio::test]
async fn a_feed_below_its_minimum_is_held_and_still_has_an_index() {
    let mut world = World::new().await;
    world.settings.minimum_keys = 1_000;
    world.accept_keys(0..3).await;
    let report = world.pass(&["main"]).await;
    assert!(report.to_string().contains("NO/gaen: held, 3 of 1,000 keys waiting"), "{report}");
    assert!(report.to_string().contains("NO/tcn: nothing to seal"), "{report}");

    for kind in Kind::ALL {
        assert_eq!(fs::read(world.tree("main").join(proto::index::index_path(&feed(kind)))).expect("an index"), b"");
        let manifest = world.manifest("main", kind);
        assert!(manifest.bundles.is_empty());
        assert_eq!(manifest.keys[0].spki, world.public_key(kind).to_spki());
    }
}

#[tokio::test]
async fn keys_that_may_not_be_released_yet_wait() {
    let world = World::new().await;
    world.accept_unripe_key(1).await;
    let report = world.pass(&["main"]).await;
    assert!(report.to_string().contains("NO/gaen: 1 key may not be released yet"), "{report}");
    assert!(world.index("main", Kind::Gaen).is_empty());
}

#[tokio::test]
async fn a_large_seal_makes_several_bundles_and_one_move_of_the_index() {
    let mut world = World::new().await;
    world.settings.maximum_keys = 10;
    world.accept_keys(0..25).await;
    let before = world.pass(&["main"]).await.feeds[0].number;
    assert_eq!(world.index("main", Kind::Gaen).len(), 3);
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..25));
    // One number for the announcement, one for all three bundles.
    assert_eq!(before, 2);
}

#[tokio::test]
async fn the_same_run_twice_changes_nothing() {
    let world = World::new().await;
    world.accept_keys(0..20).await;
    world.accept_reports(0..5).await;
    world.pass(&["main"]).await;
    let before = snapshot(&world.tree("main"));

    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let observer = Arc::new(move |step: &exporter::steps::Step<'_>| {
        noted.lock().expect("not poisoned").push(step.name);
    });
    let report = world.exporter(&["main"]).await.with_steps(observer).once().await.expect("a pass");
    assert_eq!(report.exit_code(), 0, "{report}");
    assert_eq!(snapshot(&world.tree("main")), before);
    let steps = seen.lock().expect("not poisoned");
    let writes = ["feed.announce", "bundle.derive", "bundle.put", "manifest.replace", "index.replace"];
    assert!(steps.iter().all(|name| !writes.contains(name)), "{steps:?}");
}

#[tokio::test]
async fn an_index_never_lists_what_is_not_there() {
    let mut world = World::new().await;
    world.settings.maximum_keys = 10;
    world.settings.maximum_reports = 2;
    for round in 0..3_u16 {
        world.accept_keys(round * 30..round * 30 + 30).await;
        world.accept_reports(round * 5..round * 5 + 5).await;
        let (tree, looks) = (world.tree("main"), Arc::new(Mutex::new(0)));
        let (looked, root) = (Arc::clone(&looks), tree.clone());
        // At every step, from outside: whatever index or manifest name is there already.
        let observer = Arc::new(move |step: &exporter::steps::Step<'_>| {
            for listing in ["index.txt", "manifest"] {
                let Some(feed) = step.feed else { continue };
                let text = fs::read_to_string(root.join(feed.to_string()).join(listing)).unwrap_or_default();
                let paths = text.split_ascii_whitespace().filter(|word| word.ends_with(".zip"));
                for path in paths {
                    assert!(root.join(path).is_file(), "{step}: {listing} lists {path}");
                    *looked.lock().expect("not poisoned") += 1;
                }
            }
        });
        let report = world.exporter(&["main"]).await.with_steps(observer).once().await.expect("a pass");
        assert_eq!(report.exit_code(), 0, "{report}");
        assert!(*looks.lock().expect("not poisoned") > 0);
    }
}

#[tokio::test]
async fn objects_come_first_then_the_manifest_and_the_index_last() {
    let mut world = World::new().await;
    world.settings.maximum_keys = 10;
    world.settings.feeds = vec![feed(Kind::Gaen)];
    world.accept_keys(0..20).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let observer = Arc::new(move |step: &exporter::steps::Step<'_>| {
        if step.when == When::After {
            noted.lock().expect("not poisoned").push((step.name, step.sequence, step.bucket.map(str::to_owned)));
        }
    });
    let exporter = world.exporter(&["a", "b"]).await.with_pace(Pace { at_once: false, ..Pace::default() });
    exporter.with_steps(observer).once().await.expect("a pass");
    let (a, b) = (Some("a".to_owned()), Some("b".to_owned()));
    let derived = |n: u64| ("bundle.derive", Some(n), None);
    let put = |n: u64, bucket: &Option<String>| {
        [("bundle.put", Some(n), bucket.clone()), ("bundle.record", Some(n), bucket.clone())]
    };
    let listing = |bucket: &Option<String>| {
        ["manifest.replace", "index.replace", "feed.record"].map(|name| (name, None, bucket.clone()))
    };
    let mut expected = vec![("feed.announce", None, None), ("feed.seal", None, None)];
    for n in [1, 2] {
        expected.push(derived(n));
        expected.extend(put(n, &a));
    }
    // The second bucket copies from the first.
    expected.extend([put(1, &b), put(2, &b)].concat());
    expected.extend(listing(&a));
    expected.extend(listing(&b));
    assert_eq!(*seen.lock().expect("not poisoned"), expected);
}
