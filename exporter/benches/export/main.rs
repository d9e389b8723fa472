//! What an export costs: processor time, memory, bytes a key; and what sealing costs PostgreSQL. `cargo bench -p exporter --bench export`
//!
//! The program itself runs as a process of its own, under the role that an exporter has, over a durable cluster: it reads what is sealed, encodes,
//! deflates, signs, checks as a phone would, puts into a directory, reads back and lists. Keys are those of the bundle benchmark ([`generator`]). Beside
//! it stands what its parts cost alone, in this process. Processor time is compared, never time on the clock; where others work on the same processors,
//! it is more.
//!
//! With `-- many` it measures something else: a pass that has nothing to do over as many bundles as an index can list.

mod database;
#[path = "../../../proto/benches/generator.rs"]
mod generator;
mod metal;
mod program;

use std::time::Duration;

use cluster::{Cluster, Options};

use crate::database::Filled;
use crate::program::{Cost, Program};

/// Keys in a bundle: the most that it takes.
const BUNDLE: usize = 500_000;
/// Bundles of 14 days of a country at its peak.
const BUNDLES: usize = 8;
/// Keys that a country with 20,000 cases a day gets in a day.
const DAY: usize = 280_000;
/// How often a day is sealed: indexes grow.
const DAYS: usize = 3;

/// What the export of a bundle may cost the exporter, in processor time.
const LIMIT: Duration = Duration::from_millis(900);
/// And at its peak, in KiB of resident memory, however many bundles there are.
const LIMIT_OF_MEMORY: u64 = 64 * 1_024;
/// What sealing a day may cost PostgreSQL.
const LIMIT_OF_SEAL: Duration = Duration::from_millis(1_500);
/// Bytes a key.
const LIMIT_OF_BYTES: f64 = 17.8;
/// The most lines of an index that phones read, one less for each bundle that may come.
const LISTED: usize = 9_999;

/// How much more each of many bundles may cost than one alone: what is listed is listed with each.
const LINEAR: f64 = 1.2;

#[tokio::main]
async fn main() {
    // Cargo says `--bench` when it measures; otherwise it only wants to see that this runs.
    let (bundle, day) = if std::env::args().any(|it| it == "--bench") { (BUNDLE, DAY) } else { (1_000, 1_000) };
    let measured = bundle == BUNDLE;
    // As somebody would set up a server that does nothing else: a modest one. What it cleans up in between is counted apart from what is measured.
    let settings = [("shared_buffers", "512MB"), ("autovacuum", "on"), ("max_wal_size", "4GB")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let cluster = Cluster::start(&Options { durable: true, settings, ..Options::default() }).expect("a cluster");
    let mut filled = Filled::new(&cluster, bundle).await;
    let program = Program::new(&cluster).await;
    if std::env::args().any(|it| it == "many") {
        return list_many(&cluster, &mut filled, &program).await;
    }

    let mut seals = Vec::new();
    for _ in 0..DAYS {
        filled.accept(day).await;
        let seal = filled.seal().await;
        println!("seal {day} keys: {seal:.2?} of PostgreSQL's CPU (allowed {LIMIT_OF_SEAL:?})");
        seals.push(seal);
    }
    filled.forget_days().await;

    filled.accept(bundle).await;
    filled.seal().await;
    metal::show(&filled, bundle).await;
    let one = program.export("one");
    println!("1 bundle of {bundle} keys: {one} (allowed {LIMIT:?}, {} MB)", LIMIT_OF_MEMORY / 1_024);
    let bytes = program.bytes("one") as f64 / bundle as f64;
    println!("1 bundle of {bundle} keys: {bytes:.2} bytes a key (allowed {LIMIT_OF_BYTES})");

    for _ in 1..BUNDLES {
        filled.accept(bundle).await;
        filled.seal().await;
    }
    let many = program.export("many");
    let (keys, each) = (BUNDLES * bundle, many.processor / BUNDLES as u32);
    println!("{BUNDLES} bundles, {keys} keys: {many}, {each:.2?} a bundle");
    let nothing = program.export("many");
    println!("{BUNDLES} bundles, nothing to do: {nothing}");
    if measured {
        assert!(seals.iter().all(|seal| *seal <= LIMIT_OF_SEAL), "a seal costs PostgreSQL too much");
        assert!(bytes <= LIMIT_OF_BYTES, "a key takes too many bytes");
        assert!(one.processor <= LIMIT, "an export costs the exporter too much");
        assert!(each <= one.processor.mul_f64(LINEAR), "many bundles cost more each than one");
        for cost in [one, many] {
            assert!(cost.memory <= LIMIT_OF_MEMORY, "an export takes too much memory");
        }
    }
}

/// What is left to do for a pass when all is done, over many bundles.
async fn list_many(cluster: &Cluster, filled: &mut Filled<'_>, program: &Program) {
    filled.accept(LISTED).await;
    filled.seal_each_alone().await;
    println!("{LISTED} bundles of 1 key: {}", program.export("many"));
    for _ in 0..3 {
        let before = cluster.processor_time().await.expect("counted");
        let nothing = program.export("many");
        let postgres = cluster.processor_time().await.expect("counted") - before;
        println!("{LISTED} bundles, nothing to do: {nothing}, {postgres:.2?} of PostgreSQL's CPU");
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2?} of the exporter's CPU, {:.1} MB at its peak", self.processor, self.memory as f64 / 1_024.0)
    }
}
