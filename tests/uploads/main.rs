//! Two hundred phones at a time upload over a network that breaks off wherever it likes, and each sends the same again until somebody acknowledges
//! it, while bundles are sealed. What was acknowledged is then in the store, once, and in one bundle.
//!
//! `PRATIQUE_TEST_UPLOADED_KEYS=1000000` makes it a million keys an engine; without it there are as many as an ordinary run has time for.

mod program;
mod rows;
mod rude;
mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, ensure};
use exporter::config::{BucketSpec, BucketUrl};
use exporter::{Exporter, Settings};
use proto::{Feed, Kind};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use store::{Clock, RELEASE_GRAIN};
use tests::engine::{Databases, Engine};
use tests::fixtures::region;
use tests::outside_reader::OutsideReader;
use tokio::sync::mpsc;

use crate::program::Program;
use crate::rude::{Manner, Outcome};
use crate::upload::KEYS;

/// How many phones upload at the same time.
const PHONES: u64 = 200;
/// How many keys there are in an ordinary run.
const ORDINARY: u64 = 100_000;
/// Where another number stands.
const VARIABLE: &str = "PRATIQUE_TEST_UPLOADED_KEYS";
/// How many server processes share the database.
const PROCESSES: usize = 2;
/// Sealed is after every so many uploads.
const BETWEEN_SEALS: u64 = 500;
/// No phone is cut off more often than this: one in two attempts is answered.
const PATIENCE: u32 = 100;

#[tokio::test(flavor = "multi_thread")]
async fn what_rude_phones_upload_is_stored_and_published_once_on_sqlite() -> anyhow::Result<()> {
    what_rude_phones_upload_is_stored_and_published_once(Engine::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rude_phones_upload_is_stored_and_published_once_on_postgres() -> anyhow::Result<()> {
    what_rude_phones_upload_is_stored_and_published_once(Engine::Postgres).await
}

async fn what_rude_phones_upload_is_stored_and_published_once(engine: Engine) -> anyhow::Result<()> {
    let keys: u64 = std::env::var(VARIABLE).map_or(Ok(ORDINARY), |number| number.parse()).context(VARIABLE)?;
    let scene = Scene::open(engine).await?;
    let crowd = Arc::new(Crowd { people: keys.div_ceil(KEYS), next: AtomicU64::new(0), servers: scene.addresses() });

    // Whoever was answered says so, and now and then that is the moment to seal.
    let (acknowledged, mut heard) = mpsc::unbounded_channel();
    let phones: Vec<_> = (0..PHONES).map(|_| tokio::spawn(Arc::clone(&crowd).upload(acknowledged.clone()))).collect();
    drop(acknowledged);
    let (mut uploads, mut outcomes, mut sealed_meanwhile) = (0, BTreeMap::new(), 0);
    while let Some(attempts) = heard.recv().await {
        uploads += 1;
        attempts.into_iter().for_each(|attempt| *outcomes.entry(attempt).or_insert(0_u64) += 1);
        if uploads % BETWEEN_SEALS == 0 {
            sealed_meanwhile += scene.export().await?;
        }
    }
    for phone in phones {
        phone.await??;
    }
    println!("{engine:?}: {uploads} uploads, {sealed_meanwhile} bundles meanwhile, {outcomes:?}");
    ensure!(uploads == crowd.people, "{uploads} of {} were acknowledged", crowd.people);
    ensure!(sealed_meanwhile > 0, "nothing was sealed while phones uploaded");
    for manner in Manner::ALL {
        ensure!(outcomes.keys().any(|(known, _)| *known == manner), "nobody was {manner:?}");
    }

    // In the store: each key once, whether it was sealed or not; and one publication of each.
    let mut expected: Vec<Vec<u8>> = (0..crowd.people).flat_map(upload::keys_of).map(Vec::from).collect();
    expected.sort_unstable();
    for tables in [["gaen_fresh", "gaen_key"], ["gaen_waiting", "gaen_publication"]] {
        let mut stored = rows::keys(&scene.databases.keys, tables).await?;
        stored.sort_unstable();
        ensure!(stored == expected, "{tables:?} hold {} keys and not each once", stored.len());
    }
    // And published: each in one bundle.
    scene.export().await?;
    scene.reader().check(&feed())?.ensure_exactly(expected)
}

/// The feed to which everything goes.
fn feed() -> Feed {
    Feed::verified(region(), Kind::Gaen)
}

/// People who still have to upload.
struct Crowd {
    people: u64,
    next: AtomicU64,
    servers: Vec<std::net::SocketAddr>,
}

impl Crowd {
    /// Uploads for one person after the other until there is nobody left, and tells of each what became of every attempt.
    async fn upload(self: Arc<Self>, done: mpsc::UnboundedSender<Vec<(Manner, Outcome)>>) -> anyhow::Result<()> {
        loop {
            let person = self.next.fetch_add(1, Ordering::Relaxed);
            if person >= self.people {
                return Ok(());
            }
            let mut rng = StdRng::seed_from_u64(person);
            let request = upload::request(person);
            let mut attempts = Vec::new();
            loop {
                let manner = Manner::draw(&mut rng);
                let server = self.servers[(person as usize + attempts.len()) % self.servers.len()];
                let outcome = manner.send(server, &request).await?;
                attempts.push((manner, outcome));
                if outcome == Outcome::Acknowledged {
                    break;
                }
                ensure!(attempts.len() < PATIENCE as usize, "person {person} is never answered");
            }
            done.send(attempts)?;
        }
    }
}

/// A database with its servers, signing keys, and the bucket.
struct Scene {
    servers: Vec<Program>,
    databases: Databases,
    directory: tempfile::TempDir,
}

impl Scene {
    async fn open(engine: Engine) -> anyhow::Result<Self> {
        // What is counted is rows, not how fast a disk is.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
        let databases = Databases::new(engine, directory.path()).await?;
        let settings = server::Settings { database_url: databases.keys.of_owner() };
        let state = server::State::open(&settings, Clock::system()).await?;
        server::admin::register_authority(&state, upload::authority()).await?;
        exporter::keys::generate(&directory.path().join("keys"), &region())?;
        let database = databases.keys.text_of_role("pratique_server");
        let servers = (0..PROCESSES).map(|_| Program::start(&database)).collect::<Result<_, _>>()?;
        Ok(Self { servers, databases, directory })
    }

    fn addresses(&self) -> Vec<std::net::SocketAddr> {
        self.servers.iter().map(|server| server.address).collect()
    }

    /// One pass over all that has come so far; how many bundles it made. Its clock is a quarter of an hour ahead, so that all may be released.
    async fn export(&self) -> anyhow::Result<usize> {
        let database = self.databases.keys.of_role("pratique_exporter");
        let tree = BucketUrl::Directory(self.directory.path().join("cdn"));
        let settings = Settings {
            minimum_keys: 1,
            minimum_reports: 1,
            buckets: vec![BucketSpec { name: "main".to_owned(), url: tree }],
            ..Settings::new(database, self.directory.path().join("keys"))
        };
        let clock = Clock::system();
        clock.set_offset(RELEASE_GRAIN);
        let report = Exporter::open(&settings, clock).await?.once().await?;
        ensure!(report.exit_code() == 0, "{report}");
        Ok(report.feeds.iter().map(|feed| feed.sealed.len()).sum())
    }

    fn reader(&self) -> OutsideReader {
        OutsideReader { tree: self.directory.path().join("cdn"), keys: self.directory.path().join("keys") }
    }
}
