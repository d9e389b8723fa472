//! A region whose exporter has much to do: bundles of every age in two buckets, and keys and reports that wait.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use client::Trust;
use exporter::bucket::DirectoryBucket;
use exporter::keys::KeyPurpose;
use exporter::{Exporter, keys};
use proto::bundle::{BundleKey, Limits, SigningKeyId};
use proto::note::NoteVerifier;
use proto::{Feed, Interval, Kind, ReportType, Timestamp};
use store::{
    AcceptedKey, AcceptedReport, Authorities, Authority, AuthorityKey, Bundles, Clock, DEFAULT_MEMO_BYTES, Keys,
    OnsetSource, Origin, Provenance, RawKey, RevisionProof, SealOutcome, SealPolicy, SelfReporting, SqliteKeyStore,
};
use tests::fixtures::{NOW, certificate_keys, gaen_entry, region, tcn_entry};
use tests::outside_reader::OutsideReader;
use tests::stepping::{self, CLOCK_OFFSET, SteppingProgram, settings};

const PROGRAM: &str = env!("CARGO_BIN_EXE_stepping_exporter");
/// The buckets.
pub(crate) const BUCKETS: [&str; 2] = ["near", "far"];
/// A day, in seconds.
const DAY: i64 = 86_400;
/// Keys and reports in a bundle that was sealed before, and never derived.
const SEALED: u8 = 10;
/// What was accepted before the pass and is not older than its time: what is not sealed of each makes two bundles.
pub(crate) const ALL: Accepted = Accepted { keys: 40, reports: 18 };
/// What was accepted in the end, if more comes while an exporter sleeps.
pub(crate) const MORE: Accepted = Accepted { keys: 46, reports: 21 };
/// When the older bundles were made, in days before today, and of which numbers: the objects of the first are to be deleted now, then its rows
/// go; the second is to be de-listed.
const OLDER: [(i64, std::ops::Range<u8>); 2] = [(17, 100..105), (15, 105..110)];
/// When the first of them was de-listed, in days before today.
const DELISTED: i64 = 2;

/// How many keys and reports, numbered from 0.
#[derive(Clone, Copy)]
pub(crate) struct Accepted {
    pub(crate) keys: u8,
    pub(crate) reports: u8,
}

/// A database, signing keys and buckets below one directory.
pub(crate) struct Scene {
    pub(crate) root: PathBuf,
    /// Lives as long as the last scene that was copied from it.
    _directory: Arc<tempfile::TempDir>,
}

/// What a bucket says about a feed, byte for byte.
#[derive(PartialEq)]
pub(crate) struct Published {
    bundles: Vec<Vec<u8>>,
    index: Vec<u8>,
    manifest: Vec<u8>,
}

impl Scene {
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("keys.db")
    }

    pub(crate) fn start(&self) -> anyhow::Result<SteppingProgram> {
        SteppingProgram::start(self.exporter())
    }

    /// Starts it, and does not listen to what it complains of.
    pub(crate) fn start_silently(&self) -> anyhow::Result<SteppingProgram> {
        let mut exporter = self.exporter();
        exporter.stderr(Stdio::null());
        SteppingProgram::start(exporter)
    }

    /// Starts an exporter that takes over what the buckets know.
    pub(crate) fn start_adopting(&self) -> anyhow::Result<SteppingProgram> {
        let mut exporter = self.exporter();
        exporter.env(stepping::ADOPT, "1");
        SteppingProgram::start(exporter)
    }

    /// Puts a copy of another scene's database in the place of this one's.
    pub(crate) fn put_back(&self, backup: &Scene) -> anyhow::Result<()> {
        for lost in ["keys.db", "keys.db-wal", "keys.db-shm"] {
            match fs::remove_file(self.root.join(lost)) {
                Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(why.into()),
                _ => {}
            }
        }
        let backup = rusqlite::Connection::open(backup.database())?;
        backup.execute("VACUUM INTO ?1", [self.database().to_string_lossy()])?;
        Ok(())
    }

    /// What a phone pins of a feed.
    pub(crate) fn trust(&self, feed: &Feed) -> anyhow::Result<Trust> {
        let pem = |purpose| fs::read_to_string(keys::public_file(&self.keys(), &feed.region, purpose));
        let name = proto::manifest::note_name(&feed.region);
        Ok(Trust {
            keys: vec![BundleKey::from_pem(&pem(KeyPurpose::Bundle(feed.kind))?)?],
            manifest: Some(NoteVerifier::from_pem(&name, &pem(KeyPurpose::Manifest)?)?),
            limits: Limits::default(),
        })
    }

    /// Starts one that recalls a bundle.
    pub(crate) fn start_recall(&self, bundle: &str) -> anyhow::Result<SteppingProgram> {
        let mut exporter = self.exporter();
        exporter.env(stepping::RECALL, bundle);
        SteppingProgram::start(exporter)
    }

    /// Recalls a bundle, undisturbed, in this process.
    pub(crate) async fn recall(&self, bundle: &str) -> anyhow::Result<()> {
        let report = self.opened(CLOCK_OFFSET, &BUCKETS).await?.recall(&stepping::recall_of(bundle)?).await?;
        anyhow::ensure!(report.exit_code() == 0, "{report}");
        Ok(())
    }

    fn exporter(&self) -> Command {
        stepping::exporter(PROGRAM, &self.database(), &self.keys(), &self.buckets())
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// Makes other keys, whose turn begins before the clock of the stepping exporter.
    pub(crate) fn switch_keys(&self) -> anyhow::Result<()> {
        let clock = Clock::system();
        clock.set_offset(CLOCK_OFFSET - 7_200);
        let (dir, region, first) = (self.keys(), region(), SigningKeyId::new(region().as_str(), "v1")?);
        let rotating = keys::Rotating { dir: &dir, region: &region, first: &first, now: clock.now() };
        keys::rotate(&rotating, &Kind::ALL.map(KeyPurpose::Bundle), 0, None)?;
        Ok(())
    }

    /// The versions of the keys that signed the listed bundles of a feed, oldest first.
    pub(crate) fn signed_by(&self, kind: Kind) -> anyhow::Result<Vec<String>> {
        let reader = OutsideReader { tree: self.root.join(BUCKETS[0]), keys: self.keys() };
        let bundles = reader.check(&Feed::verified(region(), kind))?.bundles;
        Ok(bundles.iter().map(|bundle| bundle.header.signing[0].version.clone()).collect())
    }

    fn buckets(&self) -> Vec<PathBuf> {
        BUCKETS.iter().map(|name| self.root.join(name)).collect()
    }

    /// An undisturbed pass, in this process.
    pub(crate) async fn run_again(&self, buckets: &[&str]) -> anyhow::Result<()> {
        self.run_at(CLOCK_OFFSET, buckets).await
    }

    /// The same with a clock that is off by some seconds.
    pub(crate) async fn run_at(&self, offset: i64, buckets: &[&str]) -> anyhow::Result<()> {
        let report = self.opened(offset, buckets).await?.once().await?;
        anyhow::ensure!(report.exit_code() == 0, "{report}");
        Ok(())
    }

    async fn opened(&self, offset: i64, buckets: &[&str]) -> anyhow::Result<Exporter> {
        let clock = Clock::system();
        clock.set_offset(offset);
        let mut exporter = Exporter::open(&settings(&self.database(), self.keys())?, clock).await?;
        for name in buckets {
            exporter = exporter.with_bucket(name, Arc::new(DirectoryBucket::open(&self.root.join(name))?));
        }
        Ok(exporter)
    }

    /// Reads both buckets as an outsider does, checks that they agree and hold exactly what was accepted.
    pub(crate) fn published(&self, accepted: Accepted) -> anyhow::Result<Vec<Published>> {
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
    pub(crate) fn ensure_whole_objects(&self) -> anyhow::Result<()> {
        for bucket in self.buckets().iter().filter(|bucket| bucket.exists()) {
            for (path, bytes) in files(bucket) {
                if path.extension().is_some_and(|end| end == "zip") {
                    let whole = proto::bundle::Bundle::read(&bytes, &Limits::default())?;
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

    /// What has died is gone: the objects of the oldest bundle from every bucket, and its rows. Of those that were de-listed just now the objects are
    /// still there, since somebody may have read the list before.
    pub(crate) async fn ensure_the_oldest_is_gone(&self) -> anyhow::Result<()> {
        let store = SqliteKeyStore::open(&self.database(), Clock::system())?;
        for kind in Kind::ALL {
            let feed = Feed::verified(region(), kind);
            anyhow::ensure!(store.bundle(&feed, 1).await?.is_none(), "the oldest bundle of {feed} is there");
            let next = store.bundle(&feed, 2).await?;
            anyhow::ensure!(next.is_some(), "the rows of {feed} went before their objects");
            for bucket in BUCKETS {
                let objects = files(&self.root.join(bucket).join(feed.to_string()));
                let zips = objects.keys().filter(|path| path.extension().is_some_and(|end| end == "zip")).count();
                let listed = store.listing(&feed, store.number(&feed).await?).await?.bundles.len();
                anyhow::ensure!(
                    zips == listed + 1,
                    "{zips} objects of {feed} in {bucket}, of which {listed} are listed"
                );
            }
        }
        let database = rusqlite::Connection::open(self.database())?;
        for (table, accepted) in [("gaen_key", ALL.keys), ("tcn_report", ALL.reports)] {
            let rows: i64 = database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
            let older = OLDER[1].1.len() as i64;
            anyhow::ensure!(rows == i64::from(accepted) + older, "{rows} rows of {table}");
        }
        Ok(())
    }

    /// Every public file of every bucket.
    pub(crate) fn tree(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.buckets().iter().filter(|bucket| bucket.exists()).flat_map(|bucket| files(bucket)).collect()
    }

    /// What a bucket lists, with the lists themselves, by their paths in it.
    pub(crate) fn listed(&self, bucket: &str) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
        let root = self.root.join(bucket);
        let mut listed = Vec::new();
        for kind in Kind::ALL {
            let feed = Feed::verified(region(), kind);
            let index = proto::index::index_path(&feed);
            listed.extend(proto::index::parse(&fs::read(root.join(&index))?)?);
            listed.extend([index, proto::manifest::manifest_path(&feed)]);
        }
        listed.into_iter().map(|path| Ok((PathBuf::from(&path), fs::read(root.join(&path))?))).collect()
    }
}

/// A region with keys and reports: some in bundles that are older than their time, some sealed into a bundle that nobody derived, the rest
/// waiting.
pub(crate) async fn template() -> anyhow::Result<Scene> {
    // A killed process takes nothing with it that was written, on whatever disk; in memory the same writes cost a tenth of the time.
    let memory = Path::new("/dev/shm");
    let directory = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir())?;
    let directory = Arc::new(directory);
    let scene = Scene { root: directory.path().join("template"), _directory: directory };
    fs::create_dir(&scene.root)?;
    keys::generate(&scene.keys(), &region())?;
    let store = SqliteKeyStore::open(&scene.database(), Clock::system())?;
    store.register(&authority(), NOW).await?;
    for (days, numbers) in OLDER {
        accept(&store, numbers.clone(), numbers).await?;
        scene.run_at(-days * DAY, &BUCKETS).await?;
    }
    scene.run_at(-DELISTED * DAY, &BUCKETS).await?;
    accept(&store, 0..SEALED, 0..SEALED).await?;
    for kind in Kind::ALL {
        let policy = SealPolicy {
            max_entries: 1_000,
            max_bytes: 1_000_000,
            signing: vec![SigningKeyId::new(region().as_str(), "v1")?],
            ..SealPolicy::default()
        };
        let outcome = store.seal(&Feed::verified(region(), kind), &policy).await?;
        assert_eq!(outcome, SealOutcome::Sealed(vec![1 + OLDER.len() as u64]));
    }
    accept(&store, SEALED..ALL.keys, SEALED..ALL.reports).await?;
    Ok(scene)
}

/// A copy of a scene that nothing has open, beside it.
pub(crate) fn copy(of: &Scene, name: &str) -> anyhow::Result<Scene> {
    let root = of.root.with_file_name(name);
    for (from, bytes) in [of.keys()].iter().chain(&of.buckets()).flat_map(|directory| files(directory)) {
        let to = root.join(from.strip_prefix(&of.root)?);
        fs::create_dir_all(to.parent().expect("it is in a directory"))?;
        fs::write(&to, bytes)?;
        fs::set_permissions(&to, fs::metadata(&from)?.permissions())?;
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
        self_reports: SelfReporting::Off,
        memo_bytes: DEFAULT_MEMO_BYTES,
        policy_version: 1,
        keys: vec![AuthorityKey { kid: key.kid(), key }],
    }
}

pub(crate) async fn accept(
    store: &SqliteKeyStore,
    gaen: std::ops::Range<u8>,
    tcn: std::ops::Range<u8>,
) -> anyhow::Result<()> {
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
        proof: RevisionProof::default(),
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
    pub(crate) fn contents(self, kind: Kind) -> Vec<Vec<u8>> {
        match kind {
            Kind::Gaen => (0..self.keys).map(|n| gaen_entry(n).key.data().to_vec()).collect(),
            Kind::Tcn => (0..self.reports).map(|n| tcn_entry(n).report.as_bytes().to_vec()).collect(),
        }
    }
}

/// Every public file below `root`, but for `ready`, which is of the moment.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".") || entry.file_name() == "ready";
        if path.is_dir() {
            found.extend(files(&path));
        } else if !hidden {
            found.insert(path.clone(), fs::read(&path).unwrap_or_default());
        }
    }
    found
}
