//! What only SQLite can show: files, rows that somebody spoiled, and rows that no upload makes yet.

use std::path::PathBuf;

use proto::bundle::GaenEntry;
use proto::gaen::TemporaryExposureKey;
use proto::{Feed, Interval, Kind, ReportType, Timestamp};
use rusqlite::Connection;
use store::{
    AcceptedKey, Authorities, Authority, Bundles, Clock, DEFAULT_MEMO_BYTES, Keys, OnsetSource, Origin, Provenance,
    RawKey, RevisionProof, SealOutcome, SealPolicy, SelfReporting, SqliteKeyStore, StoreError,
};

/// A database with one feed, seen through the store and through SQL.
struct Spoilt {
    directory: tempfile::TempDir,
    store: SqliteKeyStore,
    feed: Feed,
}

impl Spoilt {
    async fn new(keys: u8) -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory");
        let store = SqliteKeyStore::open(&directory.path().join("keys.db"), Clock::system()).expect("opened");
        let feed = Feed::verified("NO".parse().expect("a region"), Kind::Gaen);
        let authority = Authority {
            id: "fhi".into(),
            issuer: "fhi".into(),
            audience: "pratique".into(),
            regions: vec![feed.region.clone()],
            self_reports: SelfReporting::Off,
            memo_bytes: DEFAULT_MEMO_BYTES,
            policy_version: 1,
            keys: Vec::new(),
        };
        let now = Clock::system().now();
        store.register(&authority, now).await.expect("registered");
        let spoilt = Self { directory, store, feed };
        spoilt.accept(0..keys, now).await;
        spoilt
    }

    async fn accept(&self, numbers: std::ops::Range<u8>, now: Timestamp) {
        let keys: Vec<_> = numbers.map(|number| key(number, now)).collect();
        let (authority, kid) = ("fhi".into(), "a-kid".into());
        let provenance = Provenance { authority, kid, origin: Origin::Ours, received: now, policy_version: 1 };
        self.store.accept_keys(&keys, std::slice::from_ref(&self.feed), &provenance).await.expect("accepted");
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("keys.db")
    }

    /// Changes rows behind the store's back, past all constraints.
    fn spoil(&self, sql: &str) {
        let database = Connection::open(self.path()).expect("opened");
        let changed = database.execute_batch(&format!("PRAGMA ignore_check_constraints = ON; {sql}"));
        changed.expect("spoilt");
    }

    async fn seal(&self, policy: &SealPolicy) -> Result<SealOutcome, StoreError> {
        self.store.seal(&self.feed, policy).await
    }
}

fn key(number: u8, now: Timestamp) -> AcceptedKey {
    let start = Interval::containing(now).midnight().plus(-5 * 144);
    let tek = TemporaryExposureKey::new(&[number; 16], start.number().into(), 144).expect("a key");
    let report_type = ReportType::Confirmed;
    AcceptedKey {
        raw: RawKey {
            transmission_risk: 2,
            report_type,
            onset: start,
            onset_source: OnsetSource::Request,
            proof: RevisionProof::default(),
        },
        published: GaenEntry {
            key: tek,
            transmission_risk: 2,
            report_type: Some(report_type),
            days_since_onset: Some(-2),
        },
        release_at: store::release_at(tek.validity_end(), now.plus(-86_400)),
    }
}

fn policy() -> SealPolicy {
    SealPolicy::default()
}

#[tokio::test]
async fn revised_publications_wait_for_their_own_minimum() {
    let spoilt = Spoilt::new(10).await;
    spoilt.spoil("UPDATE gaen_waiting SET revision = 1 WHERE key < x'03'");
    let waiting = spoilt.store.waiting(&spoilt.feed).await.expect("counted");
    assert_eq!((waiting.releasable, waiting.revised), (7, 3));

    let outcome = spoilt.seal(&SealPolicy { revised_minimum: 4, ..policy() }).await.expect("sealed");
    assert_eq!(outcome, SealOutcome::Sealed(vec![1]));
    let bundle = spoilt.store.bundle(&spoilt.feed, 1).await.expect("read").expect("there");
    assert_eq!((bundle.count, bundle.revised), (7, 0));

    let outcome = spoilt.seal(&policy()).await.expect("held");
    assert!(matches!(outcome, SealOutcome::Held(waiting) if waiting.revised == 3), "they take the next bundle");
    spoilt.accept(10..11, Clock::system().now()).await;
    spoilt.seal(&policy()).await.expect("sealed");
    let bundle = spoilt.store.bundle(&spoilt.feed, 2).await.expect("read").expect("there");
    assert_eq!((bundle.count, bundle.revised), (1, 3));
    let members = spoilt.store.members(&spoilt.feed, 2, None, 10).await.expect("a page").members;
    assert_eq!(members.iter().map(|(revised, _)| *revised).collect::<Vec<_>>(), [false, true, true, true]);
}

#[tokio::test]
async fn few_ordinary_publications_hold_the_revised_ones_too() {
    let spoilt = Spoilt::new(10).await;
    spoilt.spoil("UPDATE gaen_waiting SET revision = 1 WHERE key < x'08'");
    let outcome = spoilt.seal(&SealPolicy { minimum: 3, ..policy() }).await.expect("held");
    assert!(matches!(outcome, SealOutcome::Held(waiting) if (waiting.releasable, waiting.revised) == (2, 8)));
}

#[tokio::test]
async fn a_spoilt_waiting_row_stops_the_seal_and_is_named() {
    for (sql, name) in [
        ("UPDATE gaen_waiting SET class = class + 1 WHERE key = zeroblob(16)", "class"),
        ("UPDATE gaen_waiting SET rolling_period = 145 WHERE key = zeroblob(16)", "rollingPeriod"),
        ("UPDATE gaen_waiting SET report_type = 4 WHERE key = zeroblob(16)", "report_type"),
        ("UPDATE gaen_waiting SET transmission_risk = 256 WHERE key = zeroblob(16)", "transmission_risk"),
        ("UPDATE gaen_waiting SET days_since_onset = 128 WHERE key = zeroblob(16)", "days_since_onset"),
        ("UPDATE gaen_waiting SET key = x'00' WHERE key = zeroblob(16)", "key"),
    ] {
        let spoilt = Spoilt::new(10).await;
        spoilt.spoil(sql);
        let error = spoilt.seal(&policy()).await.expect_err("refused");
        let StoreError::BadEntry(bad) = &error else { panic!("{error}") };
        assert!(error.to_string().contains("NO/gaen") && bad.breaks.contains(name), "{error}");
        assert_eq!(spoilt.store.number(&spoilt.feed).await.expect("read"), 0, "nothing happened");
        assert_eq!(spoilt.store.waiting(&spoilt.feed).await.expect("counted").releasable, 10);
    }
}

#[tokio::test]
async fn a_spoilt_member_is_named_and_never_skipped() {
    let spoilt = Spoilt::new(10).await;
    spoilt.seal(&policy()).await.expect("sealed");
    spoilt.spoil("UPDATE gaen_publication SET rolling_period = 0 WHERE key = zeroblob(16)");
    let error = spoilt.store.members(&spoilt.feed, 1, None, 10).await.expect_err("refused");
    assert!(matches!(&error, StoreError::BadEntry(bad) if bad.place == store::EntryPlace::Bundle(1)), "{error}");
}

#[tokio::test]
async fn a_bundle_that_is_derived_in_part_is_corrupt() {
    let spoilt = Spoilt::new(10).await;
    spoilt.seal(&policy()).await.expect("sealed");
    spoilt.spoil("UPDATE bundle SET zip_bytes = 1");
    let error = spoilt.store.bundle(&spoilt.feed, 1).await.expect_err("refused");
    assert!(matches!(&error, StoreError::Corrupt(what) if what.starts_with("bundle 1 of NO/gaen")), "{error}");
}

#[tokio::test]
async fn a_reader_delays_the_emptying_of_the_log_and_not_the_seal() {
    let spoilt = Spoilt::new(10).await;
    let reader = Connection::open(spoilt.path()).expect("opened");
    reader.execute_batch("BEGIN; SELECT count(*) FROM gaen_waiting").expect("reading");
    assert_eq!(spoilt.seal(&policy()).await.expect("sealed"), SealOutcome::Sealed(vec![1]));
    let log = spoilt.path().with_extension("db-wal");
    assert_ne!(std::fs::metadata(&log).expect("a log").len(), 0);

    reader.execute_batch("COMMIT").expect("read");
    assert_eq!(spoilt.seal(&policy()).await.expect("sealed"), SealOutcome::Nothing);
    assert_eq!(std::fs::metadata(&log).expect("a log").len(), 0, "the next seal empties the log");
}

#[tokio::test]
async fn a_key_that_no_feed_wants_is_not_kept() {
    let spoilt = Spoilt::new(0).await;
    let (authority, kid, now) = ("fhi".into(), "a-kid".into(), Clock::system().now());
    let provenance = Provenance { authority, kid, origin: Origin::Ours, received: now, policy_version: 1 };
    spoilt.store.accept_keys(&[key(1, now)], &[], &provenance).await.expect("answered like any other");
    let database = Connection::open(spoilt.path()).expect("opened");
    let rows: i64 = database.query_row("SELECT count(*) FROM gaen_fresh", [], |row| row.get(0)).expect("counted");
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys.db");
    std::fs::write(&path, [b'x'; 8_192]).expect("written");
    assert!(matches!(SqliteKeyStore::open(&path, Clock::system()), Err(StoreError::Corrupt(_))));
    let nowhere = directory.path().join("no/such/directory/keys.db");
    assert!(matches!(SqliteKeyStore::open(&nowhere, Clock::system()), Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_file_that_a_newer_program_wrote_is_not_opened() {
    let spoilt = Spoilt::new(0).await;
    spoilt.spoil("INSERT INTO refinery_schema_history VALUES (99, 'later', '2030-01-01T00:00:00Z', '1')");
    assert!(matches!(SqliteKeyStore::open(&spoilt.path(), Clock::system()), Err(StoreError::NotReady(_))));
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_but_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let spoilt = Spoilt::new(1).await;
    for file in std::fs::read_dir(spoilt.directory.path()).expect("a directory") {
        let file = file.expect("a file");
        let mode = file.metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
    }
}
