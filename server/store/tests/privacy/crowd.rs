//! People who upload, and a database that receives them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proto::bundle::{GaenEntry, TcnClass, TcnEntry};
use proto::gaen::TemporaryExposureKey;
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};
use proto::{Feed, Interval, Kind, ReportType, Timestamp};
use rand::RngExt;
use rand::rngs::StdRng;
use store::{
    AcceptedKey, AcceptedReport, Act, Authority, Clock, DEFAULT_MEMO_BYTES, KeyStore, OnsetSource, Origin, Provenance,
    RawKey, RecallOrder, RecallOutcome, RevisedKey, RevisionProof, SealOutcome, SealPolicy, SelfReporting,
    SqliteKeyStore,
};

/// How many keys or reports a person uploads that may be released at once.
const EACH: usize = 14;
/// How many more must wait for a day.
const UNRIPE: usize = 2;

/// Whose an identity is.
pub(crate) type Owners = HashMap<Vec<u8>, usize>;

/// A database and the people whose keys it received.
pub(crate) struct Crowd {
    _directory: tempfile::TempDir,
    path: PathBuf,
    store: Option<Arc<dyn KeyStore>>,
    feed: Feed,
    /// Other feeds that the keys go to, which are never sealed.
    others: Vec<Feed>,
    now: Timestamp,
    clock: Clock,
    people: usize,
    sealed: Owners,
    waiting: Owners,
    /// The keys of each person that a bundle may carry at once.
    uploads: Vec<Vec<AcceptedKey>>,
    /// Identities in the order in which they came.
    pub(crate) order: Vec<Vec<u8>>,
}

impl Crowd {
    /// An empty database with one feed of a kind.
    pub(crate) async fn new(kind: Kind) -> Self {
        let mut crowd = Self::nowhere(kind);
        let store = SqliteKeyStore::open(&crowd.path, crowd.clock.clone()).expect("opened");
        crowd.settle(Arc::new(store)).await;
        crowd
    }

    /// People of a database that stands elsewhere, with further regions that their keys go to.
    pub(crate) async fn on(kind: Kind, (store, clock): (Arc<dyn KeyStore>, Clock), regions: &[&str]) -> Self {
        let mut crowd = Self { clock, ..Self::nowhere(kind) };
        let others = regions.iter().map(|region| Feed::verified(region.parse().expect("a region"), kind));
        crowd.others = others.collect();
        crowd.settle(store).await;
        crowd
    }

    /// Makes the feeds.
    async fn settle(&mut self, store: Arc<dyn KeyStore>) {
        let authority = Authority {
            id: "fhi".into(),
            issuer: "fhi".into(),
            audience: "pratique".into(),
            regions: self.feeds().into_iter().map(|feed| feed.region).collect(),
            self_reports: SelfReporting::Off,
            memo_bytes: DEFAULT_MEMO_BYTES,
            policy_version: 1,
            keys: Vec::new(),
        };
        store.register(&authority, self.now).await.expect("registered");
        self.store = Some(store);
    }

    fn feeds(&self) -> Vec<Feed> {
        std::iter::once(&self.feed).chain(&self.others).cloned().collect()
    }

    /// People without a database, for databases that a test makes itself.
    pub(crate) fn imagined(people: usize, rng: &mut StdRng) -> Self {
        let mut crowd = Self::nowhere(Kind::Gaen);
        for person in 0..people {
            for number in 0..EACH + UNRIPE {
                let identity: [u8; 16] = rng.random();
                crowd.note(&identity, person, number);
            }
        }
        crowd.sealed.extend(crowd.waiting.drain());
        crowd
    }

    fn nowhere(kind: Kind) -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory");
        Self {
            path: directory.path().join("keys.db"),
            _directory: directory,
            store: None,
            others: Vec::new(),
            feed: Feed::verified("NO".parse().expect("a region"), kind),
            now: Clock::system().now(),
            clock: Clock::system(),
            people: 0,
            sealed: Owners::new(),
            waiting: Owners::new(),
            uploads: Vec::new(),
            order: Vec::new(),
        }
    }

    /// The database file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whose each sealed key is.
    pub(crate) fn sealed(&self) -> &Owners {
        &self.sealed
    }

    /// Whose each key is that no bundle carries yet.
    pub(crate) fn waiting(&self) -> &Owners {
        &self.waiting
    }

    /// Uploads of people, one after the other. Each person has a moment of receipt and an onset of their own, hours of receipt in which nobody
    /// else uploads included; the keys differ in nothing but their bytes.
    pub(crate) async fn upload(&mut self, people: usize, rng: &mut StdRng) {
        for _ in 0..people {
            let person = self.people;
            self.people += 1;
            let received = self.now.plus(-86_400 - 1_000 * person as i64);
            let onset = Interval::containing(self.now).midnight().plus(-3 * 144 + (person % 144) as i64);
            match self.feed.kind {
                Kind::Gaen => self.upload_keys(person, received, onset, rng).await,
                Kind::Tcn => self.upload_reports(person, received, rng).await,
            }
        }
    }

    async fn upload_keys(&mut self, person: usize, received: Timestamp, onset: Interval, rng: &mut StdRng) {
        let start = Interval::containing(self.now).midnight().plus(-5 * 144);
        let mut keys = Vec::new();
        for number in 0..EACH + UNRIPE {
            let tek = TemporaryExposureKey::new(&rng.random::<[u8; 16]>(), start.number().into(), 144).expect("a key");
            self.note(tek.data(), person, number);
            let report_type = ReportType::Confirmed;
            keys.push(AcceptedKey {
                raw: RawKey {
                    transmission_risk: 2,
                    report_type,
                    onset,
                    onset_source: OnsetSource::Request,
                    proof: RevisionProof(rng.random()),
                },
                published: GaenEntry {
                    key: tek,
                    transmission_risk: 2,
                    report_type: Some(report_type),
                    days_since_onset: Some(-2),
                },
                release_at: self.release_at(number),
            });
        }
        self.uploads.push(keys[..EACH].to_vec());
        let (feeds, provenance) = (self.feeds(), provenance(received));
        self.store().accept_keys(&keys, &feeds, &provenance).await.expect("accepted");
    }

    /// The first people revise their keys, one person after the other: a likely diagnosis takes the place of a confirmed one, which nobody may say
    /// and which makes all that is said alike.
    pub(crate) async fn revise(&mut self, people: usize) {
        for person in 0..people {
            let revised = self.uploads[person].iter().map(|uploaded| {
                let mut key = uploaded.clone();
                (key.raw.report_type, key.published.report_type) = (ReportType::Likely, Some(ReportType::Likely));
                RevisedKey { key, from: ReportType::Confirmed }
            });
            let (revised, feeds, provenance) = (revised.collect::<Vec<_>>(), self.feeds(), provenance(self.now));
            self.store().revise_keys(&revised, &feeds, &provenance).await.expect("revised");
        }
    }

    async fn upload_reports(&mut self, person: usize, received: Timestamp, rng: &mut StdRng) {
        let memo = Memo::new(MemoType::CoEpiV1, &[]).expect("a memo");
        let mut reports = Vec::new();
        for number in 0..EACH + UNRIPE {
            let key = ReportAuthorizationKey::from_seed(rng.random());
            let report = SignedReport::create(&key, &memo, 1, 24).expect("a report");
            self.note(report.verification_key(), person, number);
            let published = TcnEntry { report, report_type: ReportType::Confirmed, class: TcnClass::Verified };
            reports.push(AcceptedReport { published, release_at: self.release_at(number) });
        }
        let (feeds, provenance) = (self.feeds(), provenance(received));
        self.store().accept_reports(&reports, &feeds, &provenance).await.expect("accepted");
    }

    fn note(&mut self, identity: &[u8], person: usize, number: usize) {
        self.order.push(identity.to_vec());
        if number < EACH {
            self.waiting.insert(identity.to_vec(), person);
        }
    }

    fn release_at(&self, number: usize) -> Timestamp {
        let wait = if number < EACH { -86_400 } else { 86_400 };
        self.now.plus(wait).floor(store::RELEASE_GRAIN)
    }

    /// Seals what may be released.
    pub(crate) async fn seal(&mut self) {
        let policy = SealPolicy::default();
        let outcome = self.store().seal(&self.feed, &policy).await.expect("sealed");
        assert!(matches!(outcome, SealOutcome::Sealed(_)), "{outcome:?}");
        self.sealed.extend(self.waiting.drain());
    }

    /// Recalls the newest bundle, and lets the quarter of an hour begin at which what returned may go.
    pub(crate) async fn recall(&mut self) {
        let listing = self.store().listing(&self.feed, self.store().number(&self.feed).await.expect("read")).await;
        let sequence = listing.expect("listed").bundles.last().expect("a bundle").sequence;
        let act = Act {
            at: self.now,
            act: "recall".into(),
            subject: "{}".into(),
            outcome: "{}".into(),
            reason: String::new(),
            os_user: "somebody".into(),
        };
        let order = RecallOrder { feed: self.feed.clone(), sequence, without: Vec::new(), act: Some(act) };
        let outcome = self.store().recall(&order).await.expect("recalled");
        assert!(matches!(outcome, RecallOutcome::Recalled(_)), "{outcome:?}");
        self.clock.set_offset(self.clock.offset() + store::RELEASE_GRAIN);
    }

    /// Lets days pass.
    pub(crate) fn wait(&self, days: i64) {
        self.clock.set_offset(self.clock.offset() + days * 86_400);
    }

    /// Ends the life of the bundles that are older than their time; everything that was sealed until now has died with them.
    pub(crate) async fn forget(&mut self, dead: &Owners) {
        let main = ["main".to_owned()];
        assert_eq!(self.store().delist(&self.feed).await.expect("de-listed").len(), 1);
        for _ in 0..2 {
            let number = self.store().number(&self.feed).await.expect("read");
            self.store().record_listed(&self.feed, number, &main[0]).await.expect("recorded");
            self.wait(1);
        }
        self.store().record_deleted(&self.feed, 1, &main[0]).await.expect("recorded");
        while !self.store().purge(&self.feed, &main, 500).await.expect("purged").is_nothing() {}
        self.sealed.retain(|identity, _| !dead.contains_key(identity));
    }

    fn store(&self) -> &dyn KeyStore {
        self.store.as_deref().expect("this crowd has a database")
    }
}

fn provenance(received: Timestamp) -> Provenance {
    Provenance { authority: "fhi".into(), kid: "a-kid".into(), origin: Origin::Ours, received, policy_version: 1 }
}
