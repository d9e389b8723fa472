//! The exporter is killed while one key takes over from another: what was sealed for the old one is signed by it, what is sealed afterwards by the new
//! one, and each bundle has one signature for ever.

use anyhow::Context as _;
use proto::Kind;

use crate::crash::{ensure_heals, undisturbed};
use crate::scene::{copy, template};

/// The steps that have to do with who signs.
const ABOUT_KEYS: [&str; 4] = ["feed.announce", "feed.seal", "bundle.derive", "manifest.replace"];

#[tokio::test]
async fn killed_around_the_switch_of_keys_and_run_again_the_bundles_are_the_same() -> anyhow::Result<()> {
    let template = template().await?;
    template.switch_keys()?;
    let (names, expected) = undisturbed(&template)?;
    let mut killed = 0;
    for (position, name) in names.iter().enumerate() {
        // Both kinds go the same way.
        if !name.contains("/gaen") || !ABOUT_KEYS.iter().any(|step| name.contains(step)) {
            continue;
        }
        let scene = copy(&template, "killed")?;
        let mut run = scene.start()?;
        assert_eq!(run.advance(position)?.as_ref(), Some(name), "the same pass takes the same steps");
        run.kill()?;
        ensure_heals(scene, &expected).await.with_context(|| format!("killed {name}"))?;
        killed += 1;
    }
    assert!(killed > 8, "{names:?}");

    let scene = copy(&template, "whole")?;
    scene.run_again(&crate::scene::BUCKETS).await?;
    assert_eq!(scene.signed_by(Kind::Gaen)?, ["v1", "v2", "v2"]);
    Ok(())
}
