//! What the embedded key database does in a second. Each accepted upload waits for the disk, so that its rate is mostly the disk's.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use proto::bundle::GaenEntry;
use proto::gaen::TemporaryExposureKey;
use proto::{Feed, Interval, Kind, ReportType, Timestamp};
use store::{
    AcceptedKey, Authorities, Authority, Bundles, Clock, DEFAULT_MEMO_BYTES, Keys, Life, OnsetSource, Origin,
    Provenance, RawKey, RevisionProof, SealPolicy, SelfReporting, SqliteKeyStore,
};
use tokio::runtime::Runtime;

/// Keys of an upload.
const UPLOAD: u64 = 14;
/// Keys of a bundle: eight hours of a country with 20,000 cases a day.
const BUNDLE: u64 = 100_000;

/// How many publications and bundles a purge removes at a time, as the exporter has it.
const BATCH: u32 = 10_000;

/// Numbers the keys: no two are alike.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn feed() -> Feed {
    Feed::verified("NO".parse().expect("a region"), Kind::Gaen)
}

fn open(runtime: &Runtime, directory: &Path) -> SqliteKeyStore {
    let store = SqliteKeyStore::open(&directory.join("keys.db"), Clock::system()).expect("opened");
    let authority = Authority {
        id: "fhi".into(),
        issuer: "fhi".into(),
        audience: "pratique".into(),
        regions: vec![feed().region],
        self_reports: SelfReporting::Off,
        memo_bytes: DEFAULT_MEMO_BYTES,
        policy_version: 1,
        keys: Vec::new(),
    };
    runtime.block_on(store.register(&authority, Clock::system().now())).expect("registered");
    store
}

/// New keys of one case: one a day, the risk constant.
fn keys(count: u64, now: Timestamp) -> Vec<AcceptedKey> {
    let today = Interval::containing(now).midnight();
    let make = |_| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Multiplying by an odd constant spreads the keys over the whole space.
        let data = (u128::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
        let day = (number % UPLOAD) as i64;
        let start = today.plus(-144 * (day + 2));
        let tek = TemporaryExposureKey::new(&data, start.number().into(), 144).expect("a key");
        let report_type = ReportType::Confirmed;
        let published = GaenEntry {
            key: tek,
            transmission_risk: (number / UPLOAD % 8) as u8,
            report_type: Some(report_type),
            days_since_onset: Some(3 - day as i8),
        };
        let raw = RawKey {
            transmission_risk: 1,
            report_type,
            onset: today,
            onset_source: OnsetSource::Certificate,
            proof: RevisionProof(number.to_be_bytes()),
        };
        AcceptedKey { raw, published, release_at: store::release_at(tek.validity_end(), now.plus(-86_400)) }
    };
    (0..count).map(make).collect()
}

fn provenance(received: Timestamp) -> Provenance {
    let kid = "an-RFC-7638-thumbprint-has-43-characters-in".into();
    Provenance { authority: "fhi".into(), kid, origin: Origin::Ours, received, policy_version: 1 }
}

fn policy() -> SealPolicy {
    SealPolicy::default()
}

fn accept(criterion: &mut Criterion) {
    let (runtime, directory) = (Runtime::new().expect("a runtime"), tempfile::tempdir().expect("a directory"));
    let store = open(&runtime, directory.path());
    let (now, feeds) = (Clock::system().now(), [feed()]);
    let mut group = criterion.benchmark_group("accept");
    group.sample_size(10).throughput(Throughput::Elements(1));
    group.bench_function("upload of 14 keys", |bencher| {
        bencher.iter_batched(
            || keys(UPLOAD, now),
            |keys| runtime.block_on(store.accept_keys(&keys, &feeds, &provenance(now))).expect("accepted"),
            criterion::BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn seal_and_read(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("bundle of 100,000 keys");
    group.sample_size(10).throughput(Throughput::Elements(BUNDLE));
    group.bench_function("seal", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| sealed(&runtime).0).sum());
    });
    let (_, store, _directory) = sealed(&runtime);
    group.bench_function("members", |bencher| bencher.iter(|| runtime.block_on(read(&store))));
    group.bench_function("remove, in batches of 10,000", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| removed(&runtime)).sum());
    });
    group.finish();
}

/// A database with one bundle, and how long its seal took.
fn sealed(runtime: &Runtime) -> (Duration, SqliteKeyStore, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(runtime, directory.path());
    let now = Clock::system().now();
    let (keys, feeds, provenance) = (keys(BUNDLE, now), [feed()], provenance(now));
    runtime.block_on(store.accept_keys(&keys, &feeds, &provenance)).expect("accepted");
    let began = Instant::now();
    runtime.block_on(store.seal(&feed(), &policy())).expect("sealed");
    (began.elapsed(), store, directory)
}

/// How long it takes to remove a bundle whose time is over.
fn removed(runtime: &Runtime) -> Duration {
    let clock = Clock::system();
    let (_, sealed, directory) = sealed(runtime);
    drop(sealed);
    let store = SqliteKeyStore::open(&directory.path().join("keys.db"), clock.clone()).expect("opened");
    let (feed, main) = (feed(), ["main".to_owned()]);
    runtime.block_on(async {
        clock.set_offset(15 * 86_400);
        store.delist(&feed).await.expect("de-listed");
        store.record_listed(&feed, store.number(&feed).await.expect("read"), &main[0]).await.expect("recorded");
        clock.set_offset(17 * 86_400);
        store.record_deleted(&feed, 1, &main[0]).await.expect("recorded");
        let began = Instant::now();
        while !store.purge(&feed, &main, BATCH).await.expect("purged").bundles.contains(&1) {}
        began.elapsed()
    })
}

async fn read(store: &SqliteKeyStore) {
    let (mut from, mut read) = (None, 0);
    loop {
        let page = store.members(&feed(), 1, from.as_ref(), 10_000).await.expect("a page");
        read += page.members.len() as u64;
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(read, BUNDLE);
}

criterion_group!(benches, accept, seal_and_read);
criterion_main!(benches);
