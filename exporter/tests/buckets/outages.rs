//! Every request of a pass to an object store goes wrong, in every way that there is: the next pass repairs all of it.

use std::sync::Arc;
use std::time::Duration;

use exporter::Exporter;
use exporter::bucket::{Patience, S3Bucket};
use stack::Fate;

use crate::s3;
use crate::scene::{Published, Template, assert_every_key_once, assert_unchanged, assert_whole, published, stored};
use crate::world::World;

/// How many are tried side by side: most of the time somebody waits in vain.
const LANES: usize = 6;
/// Nobody repeats anything, so that every fault is felt; what happens to be too slow for this is one fault more.
const HASTY: Patience = Patience {
    connect: Duration::from_millis(500),
    attempt: Duration::from_millis(500),
    attempts: 1,
    first_wait: Duration::from_millis(1),
};

/// One way in which a pass is disturbed.
#[derive(Debug, Clone, Copy)]
struct Disturbance {
    /// At which request to the store, from 0.
    at: usize,
    fate: Fate,
    /// Whether all that follow go wrong in the same way.
    for_good: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_goes_wrong_in_any_way_is_made_good_by_the_next_pass() {
    let template = Arc::new(Template::new().await);
    let (methods, expected) = undisturbed(&template).await;
    let (all, expected) = (Arc::new(disturbances(&methods)), Arc::new(expected));
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let (template, all, expected) = (Arc::clone(&template), Arc::clone(&all), Arc::clone(&expected));
            tokio::spawn(async move {
                for disturbance in all.iter().skip(lane).step_by(LANES) {
                    disturb(&template, *disturbance, &expected).await;
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.expect("no panic");
    }
}

/// What can go wrong with each request, by its method.
fn disturbances(methods: &[String]) -> Vec<Disturbance> {
    let down = Fate::Answer(500, "InternalError");
    let mut all = Vec::new();
    for (at, method) in methods.iter().enumerate() {
        let fates: &[Fate] = match method.as_str() {
            "PUT" => &[
                Fate::Answer(409, "ConditionalRequestConflict"),
                Fate::Answer(412, "PreconditionFailed"),
                down,
                Fate::Silence,
                Fate::LostReply,
            ],
            "DELETE" => &[down, Fate::Silence, Fate::LostReply],
            "GET" => &[down, Fate::Silence, Fate::CutShort(1)],
            _ => &[down, Fate::Silence],
        };
        all.extend(fates.iter().map(|fate| Disturbance { at, fate: *fate, for_good: false }));
        all.extend([down, Fate::Silence].map(|fate| Disturbance { at, fate, for_good: true }));
    }
    all
}

/// The near directory, and the far object store behind somebody who disturbs.
async fn exporter(world: &World, far: S3Bucket) -> Exporter {
    world.exporter(&["near"]).await.with_bucket("far", Arc::new(far))
}

/// The methods of the requests of a pass, opening the bucket included, and what the pass publishes.
async fn undisturbed(template: &Template) -> (Vec<String>, Published) {
    let (world, name, between) = (template.copy().await, s3::new_bucket().await, s3::between());
    let straight = s3::open(&s3::url(&name, s3::server(), "")).await.expect("a bucket");
    template.upload(&straight).await;
    let far = s3::open(&s3::url(&name, between.address(), "")).await.expect("a bucket");
    let report = exporter(&world, far).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 0, "{report}");
    assert_every_key_once(&world);
    let near = published(&world, "near");
    assert_whole(&near, &stored(&straight).await, &near, "nothing");
    let methods = between.methods();
    for (method, fewest) in [("PUT", 9), ("GET", 9), ("DELETE", 1)] {
        let many = methods.iter().filter(|known| *known == method).count();
        assert!(many >= fewest, "{many} {method}: {methods:?}");
    }
    (methods, near)
}

async fn disturb(template: &Template, disturbance: Disturbance, expected: &Published) {
    let (world, name, between) = (template.copy().await, s3::new_bucket().await, s3::between());
    let after = format!("{disturbance:?}");
    let straight = s3::open(&s3::url(&name, s3::server(), "")).await.expect("a bucket");
    template.upload(&straight).await;
    between.set_at(disturbance.at, disturbance.fate, disturbance.for_good);

    let far = s3::open_with(&s3::url(&name, between.address(), ""), HASTY).await.expect("others go on without it");
    let report = exporter(&world, far).await.once().await.expect("a pass");
    assert!(report.exit_code() <= 1, "{after}: {report}");
    let near = published(&world, "near");
    assert_whole(&near, &near, expected, &after);
    // What was given up may still be on its way.
    s3::settled(&between).await;
    let before = stored(&straight).await;

    let report = exporter(&world, straight.clone()).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 0, "after {after}: {report}");
    let far = stored(&straight).await;
    assert_unchanged(&before, &far, &after);
    assert_whole(&published(&world, "near"), &far, expected, &after);
    assert_every_key_once(&world);
}
