//! A recall is killed between any two of its steps, and run again: the bundle is listed nowhere, and what it carried is published once more.

use std::fs;

use anyhow::Context as _;
use proto::manifest::ListedBundle;
use proto::{Feed, Kind};
use tests::fixtures::region;
use tests::outside_reader::OutsideReader;
use tests::stepping::CLOCK_OFFSET;

use crate::scene::{ALL, BUCKETS, Scene, copy, template};

#[tokio::test]
async fn killed_between_any_two_steps_of_a_recall_and_run_again_the_bundle_is_listed_nowhere() -> anyhow::Result<()> {
    let (template, feed) = (template().await?, Feed::verified(region(), Kind::Gaen));
    template.run_again(&BUCKETS).await?;
    // Others stand before and after it.
    let listed = reader(&template, BUCKETS[0]).check(&feed)?.manifest.bundles;
    let [_, recalled, _] = listed.as_slice() else { anyhow::bail!("not three bundles: {listed:?}") };
    let bundle = format!("{feed} {}", recalled.sequence);
    let names = steps(&copy(&template, "reference")?, &bundle)?;
    anyhow::ensure!(names.iter().any(|name| name.contains("feed.recall")), "{names:?}");
    for (position, name) in names.iter().enumerate() {
        let scene = copy(&template, "killed")?;
        let mut run = scene.start_recall(&bundle)?;
        anyhow::ensure!(run.advance(position)?.as_ref() == Some(name), "the same recall takes the same steps");
        run.kill()?;
        ensure_heals(&scene, (&feed, &bundle), recalled).await.with_context(|| format!("killed {name}"))?;
        fs::remove_dir_all(&scene.root)?;
    }
    Ok(())
}

fn steps(scene: &Scene, bundle: &str) -> anyhow::Result<Vec<String>> {
    let mut run = scene.start_recall(bundle)?;
    let mut names = Vec::new();
    while let Some(step) = run.next_step()? {
        names.push(step);
        run.go_on()?;
    }
    Ok(names)
}

/// Whether running the recall again ends it, and the next pass publishes what the bundle carried: everything once, in both buckets alike.
async fn ensure_heals(scene: &Scene, (feed, bundle): (&Feed, &str), recalled: &ListedBundle) -> anyhow::Result<()> {
    scene.ensure_whole_objects()?;
    scene.recall(bundle).await?;
    for bucket in BUCKETS {
        reader(scene, bucket).check_after_recall(feed, Some(recalled))?;
    }
    // Sixteen minutes later what it carried may go.
    scene.run_at(CLOCK_OFFSET + 960, &BUCKETS).await?;
    for bucket in BUCKETS {
        let checked = reader(scene, bucket).check_after_recall(feed, Some(recalled))?;
        checked.ensure_exactly(ALL.contents(Kind::Gaen))?;
    }
    Ok(())
}

fn reader(scene: &Scene, bucket: &str) -> OutsideReader {
    OutsideReader { tree: scene.root.join(bucket), keys: scene.keys() }
}
