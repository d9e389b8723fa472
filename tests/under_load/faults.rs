//! On PostgreSQL with a standby, an object store and a directory, behind nginx.

use anyhow::Context as _;
use stack::{AHEAD, Bucket, Options};

use crate::fault::{ALL, Mishaps};
use crate::scene::Scene;

/// How many faults there are, if not one of each kind.
const COUNT: &str = "PRATIQUE_TEST_FAULTS";
/// From which their order and their lengths follow, if not from this one.
const SEED: &str = "PRATIQUE_TEST_FAULT_SEED";
const DEFAULT_SEED: u64 = 6;

#[test]
fn whatever_happens_every_acknowledged_key_is_published_once_and_all_is_well_again_by_itself() -> anyhow::Result<()> {
    let number = |name: &str, default| {
        std::env::var(name).map_or(Ok(default), |text| text.parse::<u64>()).context(name.to_owned())
    };
    let (count, seed) = (number(COUNT, ALL.len() as u64)?, number(SEED, DEFAULT_SEED)?);
    println!("{count} faults, {SEED}={seed}");
    // Three exporters whose clocks are up to five minutes apart, and a key server whose clock is behind everybody's: by less than the minute that
    // certificates bear.
    let exporters = vec![AHEAD, AHEAD + 150, AHEAD + 300];
    let flags = ["--read-wait", "1s"].map(str::to_owned).to_vec();
    let options = Options {
        servers: 2,
        last_server_ahead: -25,
        exporters,
        bucket: Bucket::Both,
        exporter_flags: flags,
        ..Options::default()
    };
    let mut scene = Scene::open(&options)?;
    scene.settle("nothing has happened")?;
    let mut mishaps = Mishaps::new(seed);
    for _ in 0..count {
        let fault = mishaps.draw();
        mishaps.happen(fault, &mut scene).with_context(|| fault.to_string())?;
        scene.settle(&fault.to_string())?;
    }
    assert!(scene.tally()?.failures > 0, "nobody felt anything of all this");
    scene.finish()
}
