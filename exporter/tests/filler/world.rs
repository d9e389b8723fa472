//! A database with a feed or two, an exporter, and a bucket; the clock begins at noon.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use cluster::Database;
use exporter::bucket::DirectoryBucket;
use exporter::{Exporter, Report, Settings, keys};
use proto::bundle::{Bundle, BundleKey, Entries, GaenEntry, Limits, TcnEntry};
use proto::certificate::CertificateSigner;
use proto::{Feed, Kind, Region, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use store::{
    AcceptedKey, Authority, AuthorityKey, Clock, DEFAULT_MEMO_BYTES, DatabaseUrl, KeyStore, Origin, Provenance,
    SelfReporting,
};

use crate::town;

/// An hour, in seconds.
pub(crate) const HOUR: i64 = 3_600;
/// A day, in seconds.
pub(crate) const DAY: i64 = 24 * HOUR;

/// A world of its own for each test.
pub(crate) struct World {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<dyn KeyStore>,
    pub(crate) settings: Settings,
    pub(crate) rng: StdRng,
    /// The server's database, if there is one.
    pub(crate) database: Option<Database>,
}

pub(crate) fn region(name: &str) -> Region {
    name.parse().expect("a region")
}

/// The GAEN feed of Norway.
pub(crate) fn norway() -> Feed {
    Feed::verified(region("NO"), Kind::Gaen)
}

/// A bundle of keys as everybody finds it.
pub(crate) struct Published {
    pub(crate) keys: Vec<GaenEntry>,
    pub(crate) revised: Vec<GaenEntry>,
}

/// A bundle of reports as everybody finds it.
pub(crate) struct PublishedReports {
    pub(crate) reports: Vec<TcnEntry>,
    pub(crate) withdrawn: Vec<[u8; 32]>,
}

impl World {
    pub(crate) async fn on_sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let url = DatabaseUrl::Sqlite(directory.path().join("keys.db"));
        Self::of(directory, url.clone(), url, None).await
    }

    /// The server is the database's owner; exporters have their own role.
    pub(crate) async fn on_postgres() -> Self {
        let migrate = async |url: &str| migrate(url).await;
        let database = Database::from_template("keys", migrate).await.expect("a database");
        let owner = database.url();
        let separator = if owner.contains('?') { '&' } else { '?' };
        let exporter = format!("{owner}{separator}options=-c%20role%3Dpratique_exporter");
        let (owner, exporter) = (owner.parse().expect("a URL"), exporter.parse().expect("a URL"));
        Self::of(tempfile::tempdir().expect("a directory"), owner, exporter, Some(database)).await
    }

    async fn of(
        directory: tempfile::TempDir,
        url: DatabaseUrl,
        of_exporter: DatabaseUrl,
        database: Option<Database>,
    ) -> Self {
        let clock = Clock::system();
        let now = clock.now();
        clock.set_offset(now.floor(DAY).plus(DAY + 12 * HOUR).unix() - now.unix());
        let store = store::open_key_store(&url, clock.clone()).await.expect("a database");
        let key_dir = directory.path().join("keys");
        for region in [region("NO"), region("SE"), region("DK")] {
            // Of the second region on, the secret is there already.
            keys::generate(&key_dir, &region).expect("keys");
        }
        let settings = Settings { minimum_keys: 300, minimum_reports: 30, ..Settings::new(of_exporter, key_dir) };
        let world = Self { directory, clock, store, settings, rng: StdRng::seed_from_u64(11), database };
        world.register("health", &["NO"]).await;
        world
    }

    /// Registers an authority, or gives it other regions.
    pub(crate) async fn register(&self, id: &str, regions: &[&str]) {
        let key = CertificateSigner::new(ed25519_dalek::SigningKey::from_bytes(&[1; 32])).public_key();
        let authority = Authority {
            id: id.into(),
            issuer: id.into(),
            audience: "pratique".into(),
            regions: regions.iter().map(|name| region(name)).collect(),
            self_reports: SelfReporting::Off,
            memo_bytes: DEFAULT_MEMO_BYTES,
            policy_version: 1,
            keys: vec![AuthorityKey { kid: key.kid(), key }],
        };
        self.store.register(&authority, self.clock.now()).await.expect("registered");
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, seconds: i64) {
        self.clock.set_offset(self.clock.offset() + seconds);
    }

    pub(crate) fn provenance(&self, authority: &str, received: Timestamp) -> Provenance {
        Provenance {
            authority: authority.into(),
            kid: format!("{authority}-kid"),
            origin: Origin::Ours,
            received,
            policy_version: 1,
        }
    }

    /// Somebody uploads now, to some feeds; the keys that were accepted.
    pub(crate) async fn upload(&mut self, authority: &str, feeds: &[Feed]) -> Vec<AcceptedKey> {
        let now = self.clock.now();
        let keys = loop {
            if let Some(keys) = town::upload(now, &mut self.rng) {
                break keys;
            }
        };
        self.accept(&keys, authority, feeds).await;
        keys
    }

    pub(crate) async fn accept(&self, keys: &[AcceptedKey], authority: &str, feeds: &[Feed]) {
        let provenance = self.provenance(authority, self.clock.now());
        self.store.accept_keys(keys, feeds, &provenance).await.expect("accepted");
    }

    /// People who upload now, to Norway.
    pub(crate) async fn uploads(&mut self, people: usize) -> Vec<AcceptedKey> {
        let mut keys = Vec::new();
        for _ in 0..people {
            keys.extend(self.upload("health", &[norway()]).await);
        }
        keys
    }

    /// An exporter with a handle of its own.
    pub(crate) async fn exporter(&self) -> Exporter {
        let opened = Exporter::open(&self.settings, self.clock.clone()).await.expect("an exporter");
        let bucket = DirectoryBucket::open(&self.tree()).expect("a bucket");
        opened.with_bucket("main", Arc::new(bucket))
    }

    fn tree(&self) -> PathBuf {
        self.directory.path().join("main")
    }

    /// One pass that must succeed.
    pub(crate) async fn pass(&self) -> Report {
        let report = self.exporter().await.once().await.expect("a pass");
        assert_eq!(report.exit_code(), 0, "{report}");
        report
    }

    /// The bundles of a feed that a phone finds, oldest first: each read in the strictest way, verified and canonical.
    pub(crate) fn bundles(&self, feed: &Feed) -> Vec<Bundle> {
        let purpose = keys::KeyPurpose::Bundle(feed.kind);
        let path = keys::public_file(&self.settings.signing_key_dir, &feed.region, purpose);
        let key = BundleKey::from_pem(&fs::read_to_string(path).expect("a public key")).expect("a public key");
        let index = fs::read(self.tree().join(proto::index::index_path(feed))).unwrap_or_default();
        let paths = proto::index::parse(&index).expect("an index");
        let bundles = paths.iter().map(|path| {
            let zip = fs::read(self.tree().join(path)).expect("a listed bundle is there");
            let bundle = Bundle::read(&zip, &Limits::default()).expect("a bundle");
            bundle.verify(&key).expect("signed");
            bundle.canonical(&zip).expect("canonical");
            bundle
        });
        bundles.collect()
    }

    pub(crate) fn published(&self, feed: &Feed) -> Vec<Published> {
        let bundles = self.bundles(feed).into_iter().map(|bundle| match bundle.entries {
            Entries::Gaen { keys, revised } => Published { keys, revised },
            Entries::Tcn { .. } => panic!("a bundle of reports"),
        });
        bundles.collect()
    }

    pub(crate) fn published_reports(&self, feed: &Feed) -> Vec<PublishedReports> {
        let bundles = self.bundles(feed).into_iter().map(|bundle| match bundle.entries {
            Entries::Tcn { reports, withdrawn } => PublishedReports { reports, withdrawn },
            Entries::Gaen { .. } => panic!("a bundle of keys"),
        });
        bundles.collect()
    }
}

async fn migrate(url: &str) {
    store::migrate_key_store(&url.parse().expect("a URL")).await.expect("migrated");
}

/// The bytes of keys.
pub(crate) fn bytes<'a>(keys: impl IntoIterator<Item = &'a GaenEntry>) -> BTreeSet<[u8; 16]> {
    keys.into_iter().map(|entry| *entry.key.data()).collect()
}

/// The bytes of keys that may be released at a moment.
pub(crate) fn ripe(keys: &[AcceptedKey], now: Timestamp) -> BTreeSet<[u8; 16]> {
    bytes(keys.iter().filter(|key| key.release_at <= now).map(|key| &key.published))
}
