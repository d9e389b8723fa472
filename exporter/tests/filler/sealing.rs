//! When filler comes, and how much of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use exporter::filler::FILLER_FILE;
use exporter::steps::{Step, When};

use crate::world::{DAY, HOUR, World, bytes, norway, ripe};

pub(crate) async fn a_held_feed_is_sealed_once_its_oldest_has_waited_and_never_before(mut world: World) {
    let real = world.uploads(2).await;
    for _ in 0..4 {
        world.pass().await;
        assert!(world.bundles(&norway()).is_empty(), "held");
        // It may be released from the next quarter on, and is held from then.
        world.wait(HOUR);
    }
    world.wait(15 * 60);
    let report = world.pass().await;
    let [bundle] = &world.published(&norway())[..] else { panic!("one bundle: {report}") };
    assert!((300..=330).contains(&bundle.keys.len()), "{}", bundle.keys.len());
    assert!(bundle.revised.is_empty());
    let found = bytes(&bundle.keys);
    assert!(ripe(&real, world.clock.now()).is_subset(&found), "whoever waited has left");
    // What is unripe of real people and of filler waits until the small hours.
    let waiting = world.store.waiting(&norway()).await.expect("counted");
    assert_eq!(waiting.releasable, 0);
    // Of two people there are two at most.
    assert!(waiting.unripe > 4, "filler has keys of the day, too: {waiting:?}");

    // Once there are enough, nobody is added.
    world.wait(DAY);
    let real = world.uploads(60).await;
    world.wait(15 * 60);
    let before = world.store.waiting(&norway()).await.expect("counted").releasable;
    assert!(before > 400);
    world.pass().await;
    let bundles = world.published(&norway());
    assert_eq!(bundles.len(), 2);
    assert_eq!(bundles[1].keys.len() as u64, before);
    assert!(ripe(&real, world.clock.now()).is_subset(&bytes(&bundles[1].keys)));
}

pub(crate) async fn of_three_exporters_at_once_one_seals_and_one_draw_is_published(mut world: World) {
    let real = world.uploads(1).await;
    world.wait(4 * HOUR + 15 * 60);
    let mut passes = Vec::new();
    for _ in 0..3 {
        let exporter = world.exporter().await;
        passes.push(tokio::spawn(async move { exporter.once().await.expect("a pass") }));
    }
    for pass in passes {
        let report = pass.await.expect("no panic");
        assert_eq!(report.exit_code(), 0, "{report}");
    }
    world.pass().await;
    let bundles = world.published(&norway());
    let [bundle] = &bundles[..] else { panic!("{} bundles", bundles.len()) };
    assert!((300..=330).contains(&bundle.keys.len()), "{}", bundle.keys.len());
    assert!(ripe(&real, world.clock.now()).is_subset(&bytes(&bundle.keys)));
}

pub(crate) async fn a_crash_between_draw_and_seal_publishes_no_filler_and_loses_nothing(mut world: World) {
    let real = world.uploads(1).await;
    world.wait(4 * HOUR + 15 * 60);
    let before = world.store.waiting(&norway()).await.expect("counted");
    for when in [When::Before, When::After] {
        let dying = Arc::new(move |step: &Step<'_>| {
            assert!(!(step.name == "feed.seal" && step.when == when && step.feed == Some(&norway())), "killed");
        });
        let exporter = world.exporter().await.with_steps(dying);
        assert!(tokio::spawn(async move { exporter.once().await }).await.is_err(), "killed");
        if when == When::Before {
            assert_eq!(world.store.waiting(&norway()).await.expect("counted"), before);
        }
    }
    world.pass().await;
    world.pass().await;
    let bundles = world.published(&norway());
    let [bundle] = &bundles[..] else { panic!("{} bundles", bundles.len()) };
    assert!(ripe(&real, world.clock.now()).is_subset(&bytes(&bundle.keys)));
    assert_eq!(bytes(&bundle.keys).len(), bundle.keys.len(), "none twice");
}

pub(crate) async fn without_a_secret_the_few_are_held(mut world: World) {
    std::fs::remove_file(world.settings.signing_key_dir.join(FILLER_FILE)).expect("removed");
    world.uploads(1).await;
    world.wait(2 * DAY);
    let report = world.pass().await;
    assert!(report.to_string().contains("held"), "{report}");
    assert!(world.bundles(&norway()).is_empty());
}

/// One person every other day, for a week: each leaves within the hold, and the second time filler looks like those who came before.
pub(crate) async fn a_person_of_a_quiet_week_is_hidden_every_time(mut world: World) {
    let (mut all, mut real) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..4 {
        let keys = world.uploads(1).await;
        world.wait(4 * HOUR + 15 * 60);
        world.pass().await;
        real.extend(ripe(&keys, world.clock.now()));
        // The keys of the day leave a day later, filler's as well as real ones.
        world.wait(DAY - 4 * HOUR);
        world.pass().await;
        real.extend(ripe(&keys, world.clock.now()));
        world.wait(DAY);
    }
    let bundles = world.published(&norway());
    assert!(bundles.len() >= 7, "{}", bundles.len());
    for bundle in &bundles {
        assert!((300..=330).contains(&bundle.keys.len()), "{}", bundle.keys.len());
        for key in bytes(&bundle.keys) {
            assert!(all.insert(key), "none is published twice");
        }
    }
    assert!(real.is_subset(&all) && real.len() > 20);
}
