//! No key is lost and none is published twice, whatever happens at the same time.
//!
//! Two hundred uploaders write through several servers, some of them the same upload twice, some revise it at once, and some transactions stall before they commit, for
//! seconds in which bundle after bundle is sealed. Meanwhile three exporters with clocks of their own run pass after pass on two buckets, and are
//! killed in the middle of their steps and started again. Somebody watches both buckets: no object ever changes, no list names what is not there,
//! none goes backwards. In the end every key stands in one bundle of each feed that it belongs to, and in no other, and a second store that is loaded from a dump gives the same bytes for each.
//!
//! Beside them, an exporter of another kind looks at the same uploads: it takes whatever has a receipt time since its last visit, as most such
//! systems do. It must lose keys. If it did not, the rest would prove nothing.
//!
//! `PRATIQUE_TEST_EXPORTED_KEYS=1000000` makes it a million keys an engine; without it there are as many as an ordinary run has time for.

mod crowd;
mod dump;
mod exporters;
mod scene;
mod stalls;
mod watcher;
mod window;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use tests::engine::Engine;

use crate::crowd::Crowd;
use crate::exporters::Exporters;
use crate::scene::{Scene, feeds};
use crate::watcher::Watcher;
use crate::window::Window;

/// How many keys there are in an ordinary run.
const ORDINARY: u64 = 100_000;
/// Where another number stands.
const VARIABLE: &str = "PRATIQUE_TEST_EXPORTED_KEYS";
/// By how many seconds the clocks of the exporters, and of the servers, are off: as far apart as machines get that nobody looks after.
const CLOCKS: [i64; 3] = [-150, 0, 150];

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_lost_or_published_twice_and_a_dump_gives_the_same_bytes_on_sqlite() -> anyhow::Result<()> {
    no_key_is_lost_or_published_twice(Engine::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_lost_or_published_twice_and_a_dump_gives_the_same_bytes_on_postgres() -> anyhow::Result<()> {
    no_key_is_lost_or_published_twice(Engine::Postgres).await
}

async fn no_key_is_lost_or_published_twice(engine: Engine) -> anyhow::Result<()> {
    let keys: u64 = std::env::var(VARIABLE).map_or(Ok(ORDINARY), |number| number.parse()).context(VARIABLE)?;
    let scene = Scene::open(engine, keys).await?;
    let stalls = stalls::install(&scene.databases.keys).await?;

    let begun = Instant::now();
    let watcher = Watcher::start(&scene)?;
    let window = Window::open(&scene.databases.keys).await?;
    let exporters = Exporters::start(&scene.restless);
    let crowd = Arc::new(Crowd::new(keys, stalls, scene.servers().await?));
    let (window, uploaded) = window.look_until(Crowd::upload(Arc::clone(&crowd))).await?;
    let repeats = uploaded?;
    println!("{engine:?}: uploaded after {:.1?}", begun.elapsed());
    let killed = tokio::task::spawn_blocking(move || exporters.stop()).await??;

    crowd.upload_the_last().await?;
    scene.finish().await?;
    let (mut bundles, mut revisions) = (Vec::new(), 0);
    for (place, feed) in feeds().iter().enumerate() {
        let checked = scene.check(feed)?;
        revisions += crowd.ensure_all_is_said(&checked, place)?;
        bundles.push(checked.bundles.len());
    }
    ensure!(revisions > 0, "everything was revised before it was sealed");
    let seen = watcher.stop()?;
    println!(
        "{engine:?}: {} uploads, {} of them twice, {} stalled; {bundles:?} bundles with {revisions} revised keys; {killed}; {seen}",
        crowd.people(),
        repeats,
        crowd.stalled(),
    );
    println!("{engine:?}: checked after {:.1?}", begun.elapsed());
    dump::ensure_same_bytes(&scene).await?;
    println!("{engine:?}: derived again after {:.1?}", begun.elapsed());

    let lost = window.lost(crowd.keys());
    println!("{engine:?}: a window over times of receipt loses {lost} of {} keys", crowd.keys().count());
    ensure!(lost > 0, "a window over times of receipt loses nothing here: nor would anything else");
    Ok(())
}
