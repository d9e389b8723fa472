//! The database is lost and a copy put back. The exporter that takes over what the buckets know is killed at every step and run again: the same end,
//! no object changed, every key in exactly one bundle, and no phone that followed all along sees anything amiss.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use client::{BaseUrl, Http, Subscription};
use proto::{Feed, Kind};
use store::{Clock, SqliteKeyStore};
use tests::fixtures::region;
use tests::phone::Follower;
use tests::service::Service;

use crate::scene::{ALL, Accepted, BUCKETS, MORE, Published, Scene, accept, copy, template};

/// What was uploaded in the end: all of it once more, and a little that is new.
const LATER: Accepted = Accepted { keys: 50, reports: 24 };

/// A region that has published everything, and the state of its database before that.
struct Lost {
    original: Scene,
    backup: Scene,
}

impl Lost {
    async fn new() -> anyhow::Result<Self> {
        let backup = template().await?;
        let original = copy(&backup, "original")?;
        original.run_again(&BUCKETS).await?;
        let store = SqliteKeyStore::open(&original.database(), Clock::system())?;
        accept(&store, ALL.keys..MORE.keys, ALL.reports..MORE.reports).await?;
        drop(store);
        original.run_again(&BUCKETS).await?;
        Ok(Self { original, backup })
    }

    /// The buckets as they are, and the copy in the place of the database.
    fn restored(&self, name: &str) -> anyhow::Result<Scene> {
        let scene = copy(&self.original, name)?;
        scene.put_back(&self.backup)?;
        Ok(scene)
    }
}

#[tokio::test]
async fn killed_at_any_step_of_taking_over_and_run_again_the_end_is_the_same() -> anyhow::Result<()> {
    let lost = Lost::new().await?;
    let (names, expected) = undisturbed(&lost).await?;
    for (position, name) in names.iter().enumerate() {
        let scene = lost.restored("killed")?;
        let before = scene.tree();
        let mut run = scene.start_adopting()?;
        anyhow::ensure!(run.advance(position)?.as_ref() == Some(name), "the same steps in the same order");
        if position % 2 == 1 {
            // It runs on while the signal is on its way: nobody knows how far it comes.
            run.go_on()?;
        }
        run.kill()?;
        adopt(&scene)?;
        anyhow::ensure!(scene.tree() == before, "killed {name}: an object was touched");
        ensure_goes_on(&scene, &expected).await.with_context(|| format!("killed {name}"))?;
        fs::remove_dir_all(&scene.root)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_followed_all_along_sees_nothing_of_a_restore() -> anyhow::Result<()> {
    let lost = Lost::new().await?;
    let scene = lost.restored("followed")?;
    let cdn = Service::start(|listener| tests::bucket::serve(listener, &scene.root.join(BUCKETS[0])))?;
    let (http, mut followers) = (Http::new()?, Vec::new());
    for kind in Kind::ALL {
        let feed = Feed::verified(region(), kind);
        let subscription =
            Subscription::new(http.clone(), BaseUrl::new(&cdn.url())?, feed.clone(), scene.trust(&feed)?);
        followers.push((subscription, Follower::new(feed.clone(), scene.trust(&feed)?)));
    }
    let mut taken = follow(&mut followers).await?;
    anyhow::ensure!(!taken.is_empty(), "there is something to follow");
    adopt(&scene)?;
    anyhow::ensure!(follow(&mut followers).await?.is_empty(), "nothing is new, nothing is an alarm");
    upload_again(&scene).await?;
    scene.run_again(&BUCKETS).await?;
    taken.extend(follow(&mut followers).await?);
    let listed = scene.listed(BUCKETS[0])?.into_keys().filter(|path| path.extension().is_some_and(|end| end == "zip"));
    taken.sort();
    anyhow::ensure!(taken == listed.collect::<Vec<PathBuf>>(), "each bundle once: {taken:?}");
    cdn.stop().await;
    Ok(())
}

/// Polls every feed; the paths of what was new.
async fn follow(followers: &mut [(Subscription, Follower)]) -> anyhow::Result<Vec<PathBuf>> {
    let mut taken = Vec::new();
    for (subscription, follower) in followers {
        let synced = subscription.sync(&mut follower.state, |fetched| taken.push(PathBuf::from(&fetched.path))).await?;
        anyhow::ensure!(synced.failed.is_empty() && synced.postponed.is_empty() && !synced.went_backwards);
    }
    Ok(taken)
}

/// The steps of taking over that nobody disturbs, and what is published in the end.
async fn undisturbed(lost: &Lost) -> anyhow::Result<(Vec<String>, Vec<Published>)> {
    let scene = lost.restored("reference")?;
    let before = scene.tree();
    anyhow::ensure!(scene.run_again(&BUCKETS).await.is_err(), "a pass refuses to go on with the copy");
    anyhow::ensure!(scene.tree() == before, "and leaves everything as it is");
    let mut run = scene.start_adopting()?;
    let mut names = Vec::new();
    while let Some(step) = run.next_step()? {
        names.push(step);
        run.go_on()?;
    }
    for step in ["bundle.derive", "bundle.adopt", "feed.adopt"] {
        anyhow::ensure!(names.iter().any(|name| name.contains(step)), "no {step} in {names:?}");
    }
    anyhow::ensure!(scene.tree() == before, "no object is touched");
    upload_again(&scene).await?;
    scene.run_again(&BUCKETS).await?;
    Ok((names, scene.published(LATER)?))
}

/// What is published after everybody has uploaded again, and whether the rows alone give it.
async fn ensure_goes_on(scene: &Scene, expected: &[Published]) -> anyhow::Result<()> {
    let zips = |tree: BTreeMap<PathBuf, Vec<u8>>| {
        tree.into_iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "zip"))
    };
    let before = scene.tree();
    upload_again(scene).await?;
    scene.run_again(&BUCKETS).await?;
    anyhow::ensure!(scene.published(LATER)? == expected, "another end than undisturbed");
    let after = scene.tree();
    for (path, bytes) in zips(before) {
        anyhow::ensure!(after.get(&path).is_none_or(|there| *there == bytes), "{} changed", path.display());
    }
    scene.run_again(&["again"]).await?;
    anyhow::ensure!(scene.listed("again")? == scene.listed(BUCKETS[0])?, "the rows give other bytes");
    Ok(())
}

/// Takes over, to its end.
fn adopt(scene: &Scene) -> anyhow::Result<()> {
    let mut run = scene.start_adopting()?;
    while run.next_step()?.is_some() {
        run.go_on()?;
    }
    Ok(())
}

async fn upload_again(scene: &Scene) -> anyhow::Result<()> {
    let store = SqliteKeyStore::open(&scene.database(), Clock::system())?;
    accept(&store, 0..LATER.keys, 0..LATER.reports).await
}
