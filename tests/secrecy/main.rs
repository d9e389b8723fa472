//! Whoever watches a phone's connection learns nothing: classifiers are trained on what crossed the network, and find neither chaff among what is
//! real nor refusals among what was accepted.
//!
//! Two systems run at once over a PostgreSQL that waits for the disk, real programs all of them; in one of them each commit takes 50 ms more. Requests come 40
//! a second on each route, whether or not earlier ones are answered, of all classes in random order. That the machine is busy with other things makes
//! all answers later and none of one class more than of another.

mod judge;
mod observe;
mod requests;
mod scene;

use std::time::{Duration, Instant};

use cluster::{Cluster, Options};
use tokio::sync::Barrier;

use crate::judge::{Finding, Task};
use crate::observe::{Observation, watch};
use crate::requests::Stock;
use crate::scene::{Flags, Scene};

/// How many requests of each class and route are watched, unless `PRATIQUE_TEST_SECRECY_SAMPLES` says otherwise.
const SAMPLES: usize = 2_000;
/// The time between two requests on a route.
const PAUSE: Duration = Duration::from_millis(25);

/// Starts a system and, once all are ready, watches so many requests of each class and route.
async fn watched(
    cluster: &Cluster,
    name: &'static str,
    flags: Flags,
    samples: usize,
    all_ready: &Barrier,
) -> anyhow::Result<Vec<Observation>> {
    let begun = Instant::now();
    let scene = Scene::start(cluster, name, flags).await?;
    let stock = Stock::gather(&scene, samples).await?;
    // Not before: whoever prepares need not wait.
    if flags.stalled {
        Scene::stall(cluster, name).await?;
    }
    println!("{name}: prepared after {:.0?}", begun.elapsed());
    // Whoever prepares takes all of the machine, and nobody is watched meanwhile.
    all_ready.wait().await;
    let seen = watch(name, &scene, &stock, samples).await;
    println!("{name}: watched after {:.0?}", begun.elapsed());
    seen
}

fn samples() -> anyhow::Result<usize> {
    Ok(std::env::var("PRATIQUE_TEST_SECRECY_SAMPLES").map_or(Ok(SAMPLES), |text| text.parse())?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_watches_tells_chaff_or_refusals_from_what_was_accepted() -> anyhow::Result<()> {
    let samples = samples()?;
    let cluster = Cluster::start(&Options { durable: true, ..Options::default() })?;
    // Beside the two that must not tell, a small one that must: without a raster, and with chaff that costs nothing.
    let ready = Barrier::new(3);
    let (plain, stalled, open) = tokio::try_join!(
        watched(&cluster, "plain", Flags::default(), samples, &ready),
        watched(&cluster, "stalled", Flags { stalled: true, ..Flags::default() }, samples, &ready),
        watched(&cluster, "open", Flags { stalled: true, tick: 0, chaff: 0 }, 200, &ready),
    )?;
    let findings = judge(&[plain, stalled, open])?;
    let told_by_open: Vec<_> = findings.iter().filter(|finding| finding.system == "open").filter(told).collect();
    for (route, task) in requests::ROUTES.iter().flat_map(|route| Task::ALL.map(|task| (route.name(), task))) {
        assert!(
            told_by_open.iter().any(|finding| finding.route == route && finding.task == task.name()),
            "the classifiers do not see what is there to be seen: {route}, {}",
            task.name()
        );
    }
    let leaks: Vec<_> = findings.iter().filter(|finding| finding.system != "open").filter(told).collect();
    if leaks.is_empty() {
        return Ok(());
    }
    // Of 24 verdicts at 99.9 % one is wrong now and then; what is there to be found is found again.
    let ready = Barrier::new(2);
    let (plain, stalled) = tokio::try_join!(
        watched(&cluster, "plain_again", Flags::default(), samples, &ready),
        watched(&cluster, "stalled_again", Flags { stalled: true, ..Flags::default() }, samples, &ready),
    )?;
    let again = judge(&[plain, stalled])?;
    let is_found_again = |leak: &&&Finding| again.iter().filter(told).any(|finding| finding.repeats(leak));
    let leaks: Vec<_> = leaks.iter().filter(is_found_again).collect();
    assert!(leaks.is_empty(), "answers tell what a request was: {leaks:#?}");
    Ok(())
}

/// Whether the lower end of the interval says that something was told.
fn told(finding: &&Finding) -> bool {
    finding.lower > 0.5
}

fn judge(seen: &[Vec<Observation>]) -> anyhow::Result<Vec<Finding>> {
    let findings = judge::judge(&seen.concat())?;
    for finding in &findings {
        println!("{finding}");
    }
    Ok(findings)
}
