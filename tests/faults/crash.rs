//! The exporter is killed between any two of its steps, and run again: same bundles, same bytes, nothing lost, nothing twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use exporter::bucket::DirectoryBucket;
use exporter::{Exporter, keys};
use proto::bundle::{FORMAT, SigningKeyId};
use proto::{Feed, Interval, Kind, ReportType, Timestamp};
use store::{
    AcceptedKey, AcceptedReport, Authorities, Authority, AuthorityKey, Bundles, Clock, Keys, OnsetSource, Origin,
    Provenance, RawKey, SealOutcome, SealPolicy, SqliteKeyStore,
};
use tests::fixtures::{NOW, certificate_keys, gaen_entry, region, tcn_entry};
use tests::outside_reader::OutsideReader;
use tests::stepping::{self, CLOCK_OFFSET, SteppingProgram, settings};

const PROGRAM: &str = env!("CARGO_BIN_EXE_stepping_exporter");
const BUCKETS: [&str; 2] = ["near", "far"];
/// Keys and reports in a bundle that was sealed before, and never derived.
const SEALED: u8 = 10;
/// What was accepted before the pass: what is not sealed of each makes two bundles.
const ALL: Accepted = Accepted { keys: 40, reports: 18 };
/// What was accepted in the end, if more comes while an exporter sleeps.
const MORE: Accepted = Accepted { keys: 46, reports: 21 };

/// How many keys and reports, numbered from 0.
#[derive(Clone, Copy)]
struct Accepted {
    keys: u8,
    reports: u8,
}

#[tokio::test]
async fn killed_between_any_two_steps_and_run_again_the_bundles_are_the_same() -> anyhow::Result<()> {
    let template = template().await?;
    let (names, expected) = undisturbed(&template)?;
    for (position, name) in names.iter().enumerate() {
        let scene = copy(&template, "killed")?;
        let mut run = scene.start()?;
        assert_eq!(run.advance(position)?.as_ref(), Some(name), "the same pass takes the same steps");
        run.kill()?;
        ensure_heals(scene, &expected).await.with_context(|| format!("killed {name}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn killed_in_the_middle_of_any_step_and_run_again_the_bundles_are_the_same() -> anyhow::Result<()> {
    let template = template().await?;
    let (names, expected) = undisturbed(&template)?;
    for (position, name) in names.iter().enumerate().filter(|(_, name)| name.starts_with("before")) {
        let scene = copy(&template, "killed")?;
        let mut run = scene.start()?;
        run.advance(position)?;
        // It runs on while the signal is on its way: nobody knows how far it comes.
        run.go_on()?;
        run.kill()?;
        ensure_heals(scene, &expected).await.with_context(|| format!("killed after {name}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn killed_again_and_again_the_exporter_still_arrives() -> anyhow::Result<()> {
    let template = template().await?;
    let (names, expected) = undisturbed(&template)?;
    let scene = copy(&template, "crawling")?;
    let mut position = 0;
    loop {
        let mut run = scene.start()?;
        if run.advance(position)?.is_none() {
            break;
        }
        run.kill()?;
        position += 1;
    }
    assert!(
        position > 10 && position < names.len(),
        "every pass took up where the last one died, in {position} passes"
    );
    assert!(scene.published(ALL)? == expected);
    Ok(())
}

/// A machine that sleeps in the middle of a pass and wakes up when others have long gone on.
#[tokio::test]
async fn an_exporter_that_slept_at_any_step_moves_nothing_backwards() -> anyhow::Result<()> {
    let template = template().await?;
    let (names, _) = undisturbed(&template)?;
    for (position, name) in names.iter().enumerate() {
        let scene = copy(&template, "sleeping")?;
        let mut sleeper = scene.start()?;
        sleeper.advance(position)?;

        let store = SqliteKeyStore::open(&scene.database(), Clock::system())?;
        accept(&store, ALL.keys..MORE.keys, ALL.reports..MORE.reports).await?;
        scene.run_again(&BUCKETS).await?;
        let meanwhile = scene.published(MORE)?;

        sleeper.finish().with_context(|| format!("slept {name}"))?;
        assert!(scene.published(MORE)? == meanwhile, "slept {name}: it changed what others had published");
        fs::remove_dir_all(&scene.root)?;
    }
    Ok(())
}

/// The steps of a pass that nobody disturbs, and what is published after it.
fn undisturbed(template: &Scene) -> anyhow::Result<(Vec<String>, Vec<Published>)> {
    let scene = copy(template, "reference")?;
    let mut run = scene.start()?;
    let mut names = Vec::new();
    while let Some(step) = run.next_step()? {
        names.push(step);
        run.go_on()?;
    }
    anyhow::ensure!(names.len() > 60, "a pass over two feeds and two buckets: {names:?}");
    Ok((names, scene.published(ALL)?))
}

/// Runs the exporter again after a crash and compares what is published with what there was and with what there should be.
async fn ensure_heals(scene: Scene, expected: &[Published]) -> anyhow::Result<()> {
    scene.ensure_whole_objects()?;
    let left = scene.tree();
    scene.run_again(&BUCKETS).await?;
    let healed = scene.tree();
    for (path, bytes) in left.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "zip")) {
        anyhow::ensure!(healed.get(path) == Some(bytes), "{} changed", path.display());
    }
    anyhow::ensure!(scene.published(ALL)? == expected, "other content than without a crash");

    // Derived once more from the rows alone, byte for byte, manifests and all.
    scene.run_again(&["again"]).await?;
    anyhow::ensure!(scene.relative("again") == scene.relative(BUCKETS[0]), "the rows give other bytes");
    Ok(fs::remove_dir_all(&scene.root)?)
}

/// A database, signing keys and buckets below one directory.
struct Scene {
    root: PathBuf,
    /// Lives as long as the last scene that was copied from it.
    _directory: Arc<tempfile::TempDir>,
}

/// What a bucket says about a feed, byte for byte.
#[derive(PartialEq)]
struct Published {
    bundles: Vec<Vec<u8>>,
    index: Vec<u8>,
    manifest: Vec<u8>,
}

impl Scene {
    fn database(&self) -> PathBuf {
        self.root.join("keys.db")
    }

    fn start(&self) -> anyhow::Result<SteppingProgram> {
        SteppingProgram::start(stepping::exporter(PROGRAM, &self.database(), &self.keys(), &self.buckets()))
    }

    fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    fn buckets(&self) -> Vec<PathBuf> {
        BUCKETS.iter().map(|name| self.root.join(name)).collect()
    }

    /// An undisturbed pass, in this process.
    async fn run_again(&self, buckets: &[&str]) -> anyhow::Result<()> {
        let clock = Clock::system();
        clock.set_offset(CLOCK_OFFSET);
        let mut exporter = Exporter::open(&settings(&self.database(), self.keys())?, clock).await?;
        for name in buckets {
            exporter = exporter.with_bucket(name, Arc::new(DirectoryBucket::open(&self.root.join(name))?));
        }
        let report = exporter.once().await?;
        anyhow::ensure!(report.exit_code() == 0, "{report}");
        Ok(())
    }

    /// Reads both buckets as an outsider does, checks that they agree and hold exactly what was accepted.
    fn published(&self, accepted: Accepted) -> anyhow::Result<Vec<Published>> {
        let mut first = None;
        for bucket in BUCKETS {
            let reader = OutsideReader { tree: self.root.join(bucket), keys: self.keys() };
            let mut feeds = Vec::new();
            for kind in Kind::ALL {
                let feed = Feed::verified(region(), kind);
                let checked = reader.check(&feed)?;
                checked.ensure_exactly(accepted.contents(kind))?;
                let index = fs::read(self.root.join(bucket).join(proto::index::index_path(&feed)))?;
                let manifest = fs::read(self.root.join(bucket).join(proto::manifest::manifest_path(&feed)))?;
                feeds.push(Published { bundles: checked.zips, index, manifest });
            }
            match &first {
                None => first = Some(feeds),
                Some(first) => anyhow::ensure!(*first == feeds, "two buckets tell two truths"),
            }
        }
        Ok(first.unwrap_or_default())
    }

    /// Whatever the dead exporter left behind: every listed bundle is there, and every bundle is whole.
    fn ensure_whole_objects(&self) -> anyhow::Result<()> {
        for bucket in self.buckets().iter().filter(|bucket| bucket.exists()) {
            for (path, bytes) in files(bucket) {
                if path.extension().is_some_and(|end| end == "zip") {
                    let whole = proto::bundle::Bundle::read(&bytes, &proto::bundle::Limits::default())?;
                    whole.canonical(&bytes)?;
                } else if path.ends_with("index.txt") {
                    for line in proto::index::parse(&bytes)? {
                        anyhow::ensure!(bucket.join(&line).is_file(), "{line} is listed and not there");
                    }
                }
            }
        }
        Ok(())
    }

    /// Every public file of every bucket.
    fn tree(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.buckets().iter().filter(|bucket| bucket.exists()).flat_map(|bucket| files(bucket)).collect()
    }

    /// The public files of one bucket, by their paths in it.
    fn relative(&self, bucket: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let root = self.root.join(bucket);
        let below = |path: PathBuf| path.strip_prefix(&root).expect("below its root").to_owned();
        files(&root).into_iter().map(|(path, bytes)| (below(path), bytes)).collect()
    }
}

/// A region with keys and reports: some sealed into a bundle that nobody derived, the rest waiting.
async fn template() -> anyhow::Result<Scene> {
    // A killed process takes nothing with it that was written, on whatever disk; in memory the same writes cost a tenth of the time.
    let memory = Path::new("/dev/shm");
    let directory = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir())?;
    let directory = Arc::new(directory);
    let scene = Scene { root: directory.path().join("template"), _directory: directory };
    fs::create_dir(&scene.root)?;
    keys::generate(&scene.keys(), &region())?;
    let store = SqliteKeyStore::open(&scene.database(), Clock::system())?;
    store.register(&authority(), NOW).await?;
    accept(&store, 0..SEALED, 0..SEALED).await?;
    for kind in Kind::ALL {
        let policy = SealPolicy {
            minimum: 1,
            revised_minimum: 1,
            max_entries: 1_000,
            max_bytes: 1_000_000,
            format: FORMAT,
            signing: vec![SigningKeyId::new(region().as_str(), "v1")?],
        };
        let outcome = store.seal(&Feed::verified(region(), kind), &policy).await?;
        assert_eq!(outcome, SealOutcome::Sealed(vec![1]));
    }
    accept(&store, SEALED..ALL.keys, SEALED..ALL.reports).await?;
    Ok(scene)
}

/// A copy of a scene that nothing has open, beside it.
fn copy(of: &Scene, name: &str) -> anyhow::Result<Scene> {
    let root = of.root.with_file_name(name);
    fs::create_dir_all(root.join("keys"))?;
    for entry in fs::read_dir(of.keys())? {
        let entry = entry?;
        fs::copy(entry.path(), root.join("keys").join(entry.file_name()))?;
    }
    let database = rusqlite::Connection::open(of.database())?;
    let copied = root.join("keys.db");
    database.execute("VACUUM INTO ?1", [copied.to_string_lossy()])?;
    Ok(Scene { root, _directory: Arc::clone(&of._directory) })
}

fn authority() -> Authority {
    let [key, _] = certificate_keys();
    Authority {
        id: "health".into(),
        issuer: "health".into(),
        audience: "pratique".into(),
        regions: vec![region()],
        policy_version: 1,
        keys: vec![AuthorityKey { kid: key.kid(), key }],
    }
}

async fn accept(store: &SqliteKeyStore, gaen: std::ops::Range<u8>, tcn: std::ops::Range<u8>) -> anyhow::Result<()> {
    let provenance = Provenance {
        authority: "health".into(),
        kid: "kid".into(),
        origin: Origin::Ours,
        received: NOW,
        policy_version: 1,
    };
    let raw = RawKey {
        transmission_risk: 0,
        report_type: ReportType::Confirmed,
        onset: Interval::containing(NOW).midnight(),
        onset_source: OnsetSource::Request,
    };
    let accepted_key = |n| {
        let published = gaen_entry(n);
        let release_at = store::release_at(published.key.validity_end(), NOW);
        AcceptedKey { raw, published, release_at }
    };
    let released = Timestamp::from_unix(0);
    let accepted_report = |n| AcceptedReport { published: tcn_entry(n), release_at: released };
    let feed = |kind| [Feed::verified(region(), kind)];
    store.accept_keys(&gaen.map(accepted_key).collect::<Vec<_>>(), &feed(Kind::Gaen), &provenance).await?;
    store.accept_reports(&tcn.map(accepted_report).collect::<Vec<_>>(), &feed(Kind::Tcn), &provenance).await?;
    Ok(())
}

impl Accepted {
    /// What every phone must find.
    fn contents(self, kind: Kind) -> Vec<Vec<u8>> {
        match kind {
            Kind::Gaen => (0..self.keys).map(|n| gaen_entry(n).key.data().to_vec()).collect(),
            Kind::Tcn => (0..self.reports).map(|n| tcn_entry(n).report.as_bytes().to_vec()).collect(),
        }
    }
}

/// Every public file below `root`.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if path.is_dir() {
            found.extend(files(&path));
        } else if !hidden {
            found.insert(path.clone(), fs::read(&path).unwrap_or_default());
        }
    }
    found
}
