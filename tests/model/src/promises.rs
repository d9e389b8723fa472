//! What is promised, whatever happens.

use crate::steps;
use crate::world::{Bucket, Place, Rules, UPLOADS, World};

/// Passes after which everything must be published, once nothing goes wrong any more.
const PASSES: usize = 2;
/// More steps than those passes have.
const STEPS: usize = 200;

/// A promise that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// A key that was uploaded will never be published.
    Lost,
    /// A key stands in two bundles.
    Twice,
    /// An object changed.
    Changed,
    /// Two buckets hold different bytes under one name.
    Differs,
    /// A list names an object that is not there.
    NotThere,
    /// A list went backwards.
    Backwards,
}

/// Which promise a step breaks.
pub(crate) fn check(from: &World, to: &World, rules: Rules) -> Option<Broken> {
    if (0..UPLOADS as u8).any(|upload| to.bundles.iter().filter(|bundle| bundle.members.has(upload)).count() > 1) {
        return Some(Broken::Twice);
    }
    for (before, after) in from.buckets.iter().zip(&to.buckets) {
        if let Some(broken) = check_bucket(before, after) {
            return Some(broken);
        }
    }
    let [near, far] = to.buckets;
    if near.objects.iter().zip(far.objects).any(|(near, far)| *near > 0 && far > 0 && *near != far) {
        return Some(Broken::Differs);
    }
    // Whoever is in the middle of a pass comes to its end, so that it is enough to ask between passes.
    let between = to.exporters.iter().all(|exporter| exporter.place == Place::Idle);
    (between && !is_published_in_the_end(to, rules)).then_some(Broken::Lost)
}

fn check_bucket(before: &Bucket, after: &Bucket) -> Option<Broken> {
    if before.objects.iter().zip(after.objects).any(|(before, after)| *before > 0 && *before != after) {
        return Some(Broken::Changed);
    }
    if after.manifest < before.manifest || after.index < before.index {
        return Some(Broken::Backwards);
    }
    let listed = usize::from(after.manifest.max(after.index));
    after.objects[..listed].contains(&0).then_some(Broken::NotThere)
}

/// Whether all keys are listed everywhere when what has begun commits and one exporter makes its passes undisturbed.
fn is_published_in_the_end(world: &World, rules: Rules) -> bool {
    let mut world = world.clone();
    for upload in 0..UPLOADS as u8 {
        while let Some((_, later)) = steps::upload_goes_on(&world, upload) {
            world = later;
        }
    }
    let mut passes = 0;
    for _ in 0..STEPS {
        world = steps::step(&world, rules, 0).1;
        passes += usize::from(world.exporters[0].place == Place::Idle);
        if passes == PASSES {
            break;
        }
    }
    let sealed = (0..UPLOADS as u8).all(|upload| world.is_sealed(upload));
    sealed && world.buckets.iter().all(|bucket| bucket.manifest == world.number && bucket.index == world.number)
}
