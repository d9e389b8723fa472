//! The exporter is killed between any two of its steps, and run again: same bundles, same bytes, nothing lost, nothing twice, and what is too old
//! goes all the same.

use std::fs;

use anyhow::Context as _;
use store::{Clock, SqliteKeyStore};

use crate::scene::{ALL, BUCKETS, MORE, Published, Scene, accept, copy, template};

/// Days after which all that a pass published has died, and what it was about to delete long ago.
const LIFE: [i64; 3] = [0, 14, 15];

#[tokio::test]
async fn killed_between_any_two_steps_and_run_again_the_bundles_are_the_same() -> anyhow::Result<()> {
    let template = template().await?;
    let (names, expected) = undisturbed(&template)?;
    for (position, name) in names.iter().enumerate() {
        let scene = copy(&template, "killed")?;
        let mut run = scene.start()?;
        assert_eq!(run.advance(position)?.as_ref(), Some(name), "the same pass takes the same steps");
        run.kill()?;
        ensure_heals(scene, &expected).await.with_context(|| format!("killed {name}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn killed_in_the_middle_of_any_step_and_run_again_the_bundles_are_the_same() -> anyhow::Result<()> {
    let template = template().await?;
    let (names, expected) = undisturbed(&template)?;
    for (position, name) in names.iter().enumerate().filter(|(_, name)| name.starts_with("before")) {
        let scene = copy(&template, "killed")?;
        let mut run = scene.start()?;
        run.advance(position)?;
        // It runs on while the signal is on its way: nobody knows how far it comes.
        run.go_on()?;
        run.kill()?;
        ensure_heals(scene, &expected).await.with_context(|| format!("killed after {name}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn killed_again_and_again_the_exporter_still_arrives() -> anyhow::Result<()> {
    let template = template().await?;
    let (names, expected) = undisturbed(&template)?;
    let scene = copy(&template, "crawling")?;
    let mut position = 0;
    loop {
        let mut run = scene.start()?;
        if run.advance(position)?.is_none() {
            break;
        }
        run.kill()?;
        position += 1;
    }
    assert!(
        position > 10 && position < names.len(),
        "every pass took up where the last one died, in {position} passes"
    );
    assert!(scene.published(ALL)? == expected);
    scene.ensure_the_oldest_is_gone().await
}

/// A machine that sleeps in the middle of a pass and wakes up when others have long gone on.
#[tokio::test]
async fn an_exporter_that_slept_at_any_step_moves_nothing_backwards() -> anyhow::Result<()> {
    let template = template().await?;
    let (names, _) = undisturbed(&template)?;
    for (position, name) in names.iter().enumerate() {
        let scene = copy(&template, "sleeping")?;
        let mut sleeper = scene.start()?;
        sleeper.advance(position)?;

        let store = SqliteKeyStore::open(&scene.database(), Clock::system())?;
        accept(&store, ALL.keys..MORE.keys, ALL.reports..MORE.reports).await?;
        scene.run_again(&BUCKETS).await?;
        let meanwhile = scene.published(MORE)?;

        sleeper.finish().with_context(|| format!("slept {name}"))?;
        assert!(scene.published(MORE)? == meanwhile, "slept {name}: it changed what others had published");
        fs::remove_dir_all(&scene.root)?;
    }
    Ok(())
}

/// A machine that sleeps until all that it was about to publish has been published by others, and has died.
#[tokio::test]
async fn an_exporter_that_slept_for_weeks_brings_nothing_back() -> anyhow::Result<()> {
    let template = template().await?;
    let (names, _) = undisturbed(&template)?;
    for (position, name) in names.iter().enumerate().filter(|(_, name)| name.starts_with("before")) {
        let scene = copy(&template, "sleeping")?;
        let mut sleeper = scene.start_silently()?;
        sleeper.advance(position)?;
        for days in LIFE {
            scene.run_at(days * (86_400 + 60), &BUCKETS).await?;
        }
        let meanwhile = scene.tree();
        let zips = meanwhile.keys().filter(|path| path.extension().is_some_and(|end| end == "zip"));
        assert_eq!(zips.count(), 0, "everything has died");

        // It may fail on what is gone; the next pass has no part in that.
        let _ = sleeper.finish();
        assert!(scene.tree() == meanwhile, "slept {name}: it brought something back");
        fs::remove_dir_all(&scene.root)?;
    }
    Ok(())
}

/// The steps of a pass that nobody disturbs, and what is published after it.
pub(crate) fn undisturbed(template: &Scene) -> anyhow::Result<(Vec<String>, Vec<Published>)> {
    let scene = copy(template, "reference")?;
    let mut run = scene.start()?;
    let mut names = Vec::new();
    while let Some(step) = run.next_step()? {
        names.push(step);
        run.go_on()?;
    }
    anyhow::ensure!(names.len() > 80, "a pass over two feeds and two buckets: {names:?}");
    for step in ["feed.delist", "bundle.delete", "bundle.record_deleted", "feed.purge"] {
        anyhow::ensure!(names.iter().any(|name| name.contains(step)), "no {step} in {names:?}");
    }
    Ok((names, scene.published(ALL)?))
}

/// Runs the exporter again after a crash and compares what is published with what there was and with what there should be.
pub(crate) async fn ensure_heals(scene: Scene, expected: &[Published]) -> anyhow::Result<()> {
    scene.ensure_whole_objects()?;
    let left = scene.tree();
    scene.run_again(&BUCKETS).await?;
    let healed = scene.tree();
    for (path, bytes) in left.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "zip")) {
        anyhow::ensure!(healed.get(path).is_none_or(|after| after == bytes), "{} changed", path.display());
    }
    anyhow::ensure!(scene.published(ALL)? == expected, "other content than without a crash");
    scene.ensure_the_oldest_is_gone().await?;

    // Derived once more from the rows alone, byte for byte, manifests and all.
    scene.run_again(&["again"]).await?;
    anyhow::ensure!(scene.listed("again")? == scene.listed(BUCKETS[0])?, "the rows give other bytes");
    Ok(fs::remove_dir_all(&scene.root)?)
}
