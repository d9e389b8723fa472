//! Sets the stage, has the story told, and clears up.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use proto::{Feed, Kind, Region};
use service::Edge;
use store::Clock;

use crate::cli::Demo;
use crate::demo::narrator::Narrator;
use crate::demo::stage::Stage;
use crate::demo::story::tell;
use crate::error::StandaloneError;
use crate::layout::Layout;
use crate::system::{Plan, Ports, System};

/// Plays the demo in the directory that the flags name, or in a new one that stays.
pub(crate) async fn run(flags: &Demo) -> Result<(), StandaloneError> {
    let began = Instant::now();
    let root = flags.dir.clone().map_or_else(fresh_directory, Ok)?;
    let layout = Layout::create(&root)?;
    let region: Region = "DEMO".parse().expect("four capitals are a region");
    // A minimum of one is for these feeds alone: the directory may hold others, whose keys are not ours to publish.
    let feeds = Kind::ALL.map(|kind| Feed::verified(region.clone(), kind)).to_vec();
    let (authority, edge) = ("demo".to_owned(), Edge::default());
    let plan = Plan {
        region,
        authority,
        minimum_keys: 1,
        minimum_reports: 1,
        feeds,
        edge,
        test_deployment: Vec::new(),
        tick: Duration::ZERO,
    };
    let clock = Clock::system();
    let system = System::open(&layout, &plan, clock.clone()).await?;
    let api_keys = system.api_keys(&plan).await?;
    let listening = system.listen(Ports::default(), None)?;
    let stage = Stage {
        layout: &layout,
        plan: &plan,
        system: &system,
        listening: &listening,
        api_keys: &api_keys,
        now: clock.now(),
        clock,
        narrator: Narrator,
    };
    let told = tell(&stage).await;
    listening.stop().await;
    told?;
    stage.narrator.farewell(&layout, &plan.region, began.elapsed());
    Ok(())
}

fn fresh_directory() -> Result<PathBuf, StandaloneError> {
    let parent = std::env::temp_dir();
    let directory = tempfile::Builder::new().prefix("pratique-demo-").tempdir_in(&parent);
    Ok(directory.map_err(StandaloneError::file("create a directory in", &parent))?.keep())
}
