//! A server's database with keys and reports in it, signing keys, and directories to publish into.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use exporter::bucket::DirectoryBucket;
use exporter::{Exporter, Pace, Report, Settings, keys};
use proto::bundle::{Bundle, BundleKey, Entries, GaenEntry, Limits, TcnClass, TcnEntry};
use proto::certificate::CertificateSigner;
use proto::gaen::TemporaryExposureKey;
use proto::manifest::Manifest;
use proto::note::NoteVerifier;
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};
use proto::{Feed, Interval, Kind, Region, ReportType};
use store::{
    AcceptedKey, AcceptedReport, Authority, AuthorityKey, Clock, DEFAULT_MEMO_BYTES, DatabaseUrl, KeyStore,
    OnsetSource, Origin, Provenance, RawKey, RevisionProof, SelfReporting,
};

/// Machines that run tests stand still at times: nobody is given up who answers in the end.
const PATIENT: Pace = Pace { at_once: true, grace: Duration::from_secs(120), overtime: Duration::from_secs(120) };

/// A world of its own for each test.
pub(crate) struct World {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) clock: Clock,
    pub(crate) store: Arc<dyn KeyStore>,
    pub(crate) settings: Settings,
    /// The database of the exporter, as the program is told.
    pub(crate) url: String,
}

pub(crate) fn region() -> Region {
    "NO".parse().expect("a region")
}

pub(crate) fn feed(kind: Kind) -> Feed {
    Feed::verified(region(), kind)
}

impl World {
    /// A region `NO` with its keys, minimum 1, and no bucket.
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite:{}", directory.path().join("keys.db").display());
        Self::of(directory, &url).await
    }

    /// The same, with a database that stands elsewhere.
    pub(crate) async fn of(directory: tempfile::TempDir, url: &str) -> Self {
        let (url, told): (DatabaseUrl, _) = (url.parse().expect("a URL"), url.to_owned());
        let clock = Clock::system();
        let store = store::open_key_store(&url, clock.clone()).await.expect("a database");
        let signer = CertificateSigner::new(ed25519_dalek::SigningKey::from_bytes(&[1; 32]));
        let key = signer.public_key();
        let authority = Authority {
            id: "health".into(),
            issuer: "health".into(),
            audience: "pratique".into(),
            regions: vec![region()],
            self_reports: SelfReporting::Off,
            memo_bytes: DEFAULT_MEMO_BYTES,
            policy_version: 1,
            keys: vec![AuthorityKey { kid: key.kid(), key }],
        };
        store.register(&authority, clock.now()).await.expect("registered");
        let key_dir = directory.path().join("keys");
        keys::generate(&key_dir, &region()).expect("keys");
        let settings = Settings { minimum_keys: 1, minimum_reports: 1, ..Settings::new(url, key_dir) };
        Self { directory, clock, store, settings, url: told }
    }

    /// An exporter with a handle of its own, and these directories as buckets.
    pub(crate) async fn exporter(&self, buckets: &[&str]) -> Exporter {
        let opened = Exporter::open(&self.settings, self.clock.clone()).await.expect("an exporter").with_pace(PATIENT);
        buckets.iter().fold(opened, |exporter, name| {
            let bucket = DirectoryBucket::open(&self.tree(name)).expect("a bucket");
            exporter.with_bucket(name, Arc::new(bucket))
        })
    }

    /// Where a directory bucket is.
    pub(crate) fn tree(&self, bucket: &str) -> PathBuf {
        self.directory.path().join(bucket)
    }

    /// One pass that must succeed.
    pub(crate) async fn pass(&self, buckets: &[&str]) -> Report {
        let report = self.exporter(buckets).await.once().await.expect("a pass");
        assert_eq!(report.exit_code(), 0, "{report}");
        report
    }

    fn provenance(&self) -> Provenance {
        Provenance {
            authority: "health".into(),
            kid: "kid".into(),
            origin: Origin::Ours,
            received: self.clock.now(),
            policy_version: 1,
        }
    }

    /// Accepts one key for each of `numbers`; they may be released at once.
    pub(crate) async fn accept_keys(&self, numbers: std::ops::Range<u16>) {
        let keys: Vec<AcceptedKey> = numbers.map(|n| self.accepted_key(n)).collect();
        self.store.accept_keys(&keys, &[feed(Kind::Gaen)], &self.provenance()).await.expect("accepted");
    }

    fn accepted_key(&self, n: u16) -> AcceptedKey {
        let today = Interval::containing(self.clock.now()).midnight();
        let start = today.plus(-144 * (i64::from(n % 10) + 2));
        let key = TemporaryExposureKey::new(&key_bytes(n), i64::from(start.number()), 144).expect("a key");
        let raw = RawKey {
            transmission_risk: 0,
            report_type: ReportType::Confirmed,
            onset: today,
            onset_source: OnsetSource::Request,
            proof: RevisionProof::default(),
        };
        let published = GaenEntry {
            key,
            transmission_risk: 2,
            report_type: Some(ReportType::Confirmed),
            days_since_onset: Some(-1),
        };
        // It came a quarter of an hour ago, so that its time has come.
        let release_at = store::release_at(key.validity_end(), self.clock.now().plus(-store::RELEASE_GRAIN));
        AcceptedKey { raw, published, release_at }
    }

    /// Accepts a key that may be released in an hour.
    pub(crate) async fn accept_unripe_key(&self, n: u16) {
        let key = AcceptedKey { release_at: self.clock.now().plus(3_600).ceil(900), ..self.accepted_key(n) };
        self.store.accept_keys(&[key], &[feed(Kind::Gaen)], &self.provenance()).await.expect("accepted");
    }

    /// Accepts one report for each of `numbers`.
    pub(crate) async fn accept_reports(&self, numbers: std::ops::Range<u16>) {
        let reports: Vec<AcceptedReport> = numbers.map(|n| self.accepted_report(n)).collect();
        self.store.accept_reports(&reports, &[feed(Kind::Tcn)], &self.provenance()).await.expect("accepted");
    }

    fn accepted_report(&self, n: u16) -> AcceptedReport {
        let published =
            TcnEntry { report: signed_report(n), report_type: ReportType::Confirmed, class: TcnClass::Verified };
        // It came a quarter of an hour ago, too.
        AcceptedReport { published, release_at: store::report_release_at(self.clock.now().plus(-store::RELEASE_GRAIN)) }
    }

    /// A public key of the region.
    pub(crate) fn public_key(&self, kind: Kind) -> BundleKey {
        let path = keys::public_file(&self.settings.signing_key_dir, &region(), keys::KeyPurpose::Bundle(kind));
        BundleKey::from_pem(&fs::read_to_string(path).expect("a public key")).expect("a public key")
    }

    /// The manifest of a feed in a bucket, checked.
    pub(crate) fn manifest(&self, bucket: &str, kind: Kind) -> Manifest {
        let path = keys::public_file(&self.settings.signing_key_dir, &region(), keys::KeyPurpose::Manifest);
        let pem = fs::read_to_string(path).expect("a public key");
        let name = proto::manifest::note_name(&region());
        let verifier = NoteVerifier::from_pem(&name, &pem).expect("a verifier");
        let note = fs::read(self.tree(bucket).join(proto::manifest::manifest_path(&feed(kind)))).expect("a manifest");
        Manifest::open(&note, &verifier, &feed(kind)).expect("a manifest that verifies")
    }

    /// The lines of a feed's index in a bucket.
    pub(crate) fn index(&self, bucket: &str, kind: Kind) -> Vec<String> {
        let bytes = fs::read(self.tree(bucket).join(proto::index::index_path(&feed(kind)))).expect("an index");
        proto::index::parse(&bytes).expect("an index")
    }

    /// The identities of everything that a phone finds in a bucket, in ascending order, each as often as it stands there. Checks index and
    /// manifest against each other and every signature on the way.
    pub(crate) fn published(&self, bucket: &str, kind: Kind) -> Vec<Vec<u8>> {
        let index = self.index(bucket, kind);
        let manifest = self.manifest(bucket, kind);
        assert_eq!(index, manifest.bundles.iter().map(|bundle| bundle.path.clone()).collect::<Vec<_>>());
        let mut found = Vec::new();
        for path in index {
            let zip = fs::read(self.tree(bucket).join(&path)).expect("a listed bundle is there");
            let bundle = Bundle::read(&zip, &Limits::default()).expect("a bundle");
            bundle.verify(&self.public_key(kind)).expect("signed");
            bundle.canonical(&zip).expect("canonical");
            match bundle.entries {
                Entries::Gaen { keys, .. } => found.extend(keys.iter().map(|entry| entry.key.data().to_vec())),
                Entries::Tcn { reports, .. } => found.extend(reports.iter().map(|e| e.report.as_bytes().to_vec())),
            }
        }
        found.sort();
        found
    }
}

/// The identity of key `n`.
pub(crate) fn key_bytes(n: u16) -> [u8; 16] {
    let mut bytes = [0x5a; 16];
    // Spread, so that the order of acceptance is not the order of the bundle.
    bytes[..2].copy_from_slice(&n.wrapping_mul(40_503).to_be_bytes());
    bytes[2..4].copy_from_slice(&n.to_be_bytes());
    bytes
}

/// The bytes of keys, sorted.
pub(crate) fn keys_of(numbers: std::ops::Range<u16>) -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = numbers.map(|n| key_bytes(n).to_vec()).collect();
    keys.sort();
    keys
}

/// The bytes of reports, sorted.
pub(crate) fn reports_of(numbers: std::ops::Range<u16>) -> Vec<Vec<u8>> {
    let mut reports: Vec<Vec<u8>> = numbers.map(|n| signed_report(n).as_bytes().to_vec()).collect();
    reports.sort();
    reports
}

fn signed_report(n: u16) -> SignedReport {
    let mut seed = [7; 32];
    seed[..2].copy_from_slice(&n.to_be_bytes());
    let memo = Memo::new(MemoType::CovidWatchV1, b"").expect("a memo");
    SignedReport::create(&ReportAuthorizationKey::from_seed(seed), &memo, 1, 24).expect("a report")
}

/// Every file below `root` that has a public name, with its bytes; but not `ready`, which is of the moment.
pub(crate) fn snapshot(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(root).expect("a directory") {
        let path = entry.expect("an entry").path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".") || name == "ready");
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else if !hidden {
            files.insert(path.clone(), fs::read(&path).expect("a file"));
        }
    }
    files
}
