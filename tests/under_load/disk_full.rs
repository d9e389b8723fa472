//! On embedded storage and a directory, whose disks are full now and then.

use anyhow::Context as _;
use stack::{AHEAD, Options, Process, SmallDisk, Stack};

use crate::scene::Scene;

/// How large the disks are: enough for what comes in a minute.
const DISK_BYTES: u64 = 48 << 20;
/// So many tries fail before there is room again.
const FELT: usize = 3;

/// On a small file system, where one may be mounted; it says so if not.
#[test]
fn a_full_disk_loses_nothing_and_is_recovered_from_by_itself() -> anyhow::Result<()> {
    fill_again_and_again(&Options::small())
}

#[test]
fn nor_does_a_limit_on_files() -> anyhow::Result<()> {
    fill_again_and_again(&Options { may_mount: false, ..Options::small() })
}

fn fill_again_and_again(options: &Options) -> anyhow::Result<()> {
    let exporters = vec![AHEAD, AHEAD + 300];
    let mut scene = Scene::open(&Options { disk_bytes: Some(DISK_BYTES), exporters, ..options.clone() })?;
    let means = database_disk(&scene.stack)?.means();
    println!("a full disk here: {means:?}");
    scene.settle("nothing has happened")?;
    for round in 1..=2 {
        let before = scene.tally()?.failures;
        database_disk(&scene.stack)?.fill(writers(&scene.stack))?;
        scene.wait_for("a full disk is felt", |tally| tally.failures >= before + FELT)?;
        database_disk(&scene.stack)?.free(writers(&scene.stack))?;
        scene.settle(&format!("the disk of the databases was full, {round}"))?;

        bucket_disk(&scene.stack)?.fill(scene.stack.exporters())?;
        let people = scene.tally()?.people;
        scene.wait_for("people report meanwhile", |tally| tally.people >= people + FELT)?;
        bucket_disk(&scene.stack)?.free(scene.stack.exporters())?;
        scene.settle(&format!("the disk of the bucket was full, {round}"))?;
    }
    scene.finish()
}

fn database_disk(stack: &Stack) -> anyhow::Result<&SmallDisk> {
    stack.database_disk().context("the databases are on a small disk")
}

fn bucket_disk(stack: &Stack) -> anyhow::Result<&SmallDisk> {
    stack.bucket_disk().context("the bucket is on a small disk")
}

/// Who writes to the databases.
fn writers(stack: &Stack) -> impl Iterator<Item = &Process> {
    stack.verifications().iter().chain(stack.servers()).chain(stack.exporters())
}
