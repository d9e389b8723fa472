//! What the key database costs PostgreSQL, in CPU time of its processes on a private cluster that waits for the disk. CPU time is the database's
//! own; how long things take is mostly the disk's.

use std::time::Instant;

use cluster::{Cluster, Options};
use futures_util::future::join_all;
use proto::bundle::GaenEntry;
use proto::gaen::TemporaryExposureKey;
use proto::{Feed, Interval, Kind, ReportType, Timestamp};
use store::{
    AcceptedKey, Authorities, Authority, Bundles, Clock, DEFAULT_MEMO_BYTES, DatabaseUrl, Keys, Life, OnsetSource,
    Origin, PostgresKeyStore, Provenance, RawKey, RevisionProof, SealPolicy, SelfReporting,
};

/// Keys of an upload.
const UPLOAD: u64 = 14;
/// Uploads of a day in a country with 20,000 cases a day.
const UPLOADS: u64 = 20_000;
/// How many publications and bundles a purge removes at a time, as the exporter has it.
const BATCH: u32 = 10_000;
/// How many connections upload at once.
const CONNECTIONS: u64 = 8;

#[tokio::main]
async fn main() {
    // As somebody would set up a server that does nothing else: a modest one, which cleans up after itself.
    let settings = [("shared_buffers", "512MB"), ("autovacuum", "on"), ("max_wal_size", "4GB")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let cluster = Cluster::start(&Options { durable: true, settings, ..Options::default() }).expect("a cluster");
    let url = cluster.url("postgres");
    let Ok(DatabaseUrl::Postgres(url)) = url.parse() else { panic!("a cluster has a URL") };
    PostgresKeyStore::migrate(&url).await.expect("migrated");
    let clock = Clock::system();
    let store = PostgresKeyStore::open(&url, clock.clone()).await.expect("opened");
    store.register(&authority(), Clock::system().now()).await.expect("registered");
    let (feed, now) = (feed(), Clock::system().now());

    for day in 0..3 {
        let measure = Measure::begin(&cluster).await;
        let accept = |connection: u64| {
            let (store, feed) = (&store, &feed);
            async move {
                for upload in (0..UPLOADS).filter(|upload| upload % CONNECTIONS == connection) {
                    let keys = keys((day * UPLOADS + upload) * UPLOAD, now);
                    store.accept_keys(&keys, std::slice::from_ref(feed), &provenance(now)).await.expect("accepted");
                }
            }
        };
        join_all((0..CONNECTIONS).map(accept)).await;
        measure.end(&cluster, "accept 20,000 uploads of 14 keys").await;

        let measure = Measure::begin(&cluster).await;
        store.seal(&feed, &policy()).await.expect("sealed");
        measure.end(&cluster, "seal 280,000 keys").await;

        let measure = Measure::begin(&cluster).await;
        let (mut from, mut read) = (None, 0);
        loop {
            let page = store.members(&feed, day + 1, from.as_ref(), 20_000).await.expect("a page");
            read += page.members.len() as u64;
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(read, UPLOAD * UPLOADS);
        measure.end(&cluster, "read 280,000 members in pages of 20,000").await;
    }
    die(&cluster, &store, &clock).await;
}

/// Ends the life of all bundles, one after the other.
async fn die(cluster: &Cluster, store: &PostgresKeyStore, clock: &Clock) {
    let (feed, main) = (feed(), ["main".to_owned()]);
    clock.set_offset(15 * 86_400);
    let delisted = store.delist(&feed).await.expect("de-listed");
    store.record_listed(&feed, store.number(&feed).await.expect("read"), &main[0]).await.expect("recorded");
    clock.set_offset(17 * 86_400);
    for bundle in store.deletable(&feed, &main[0]).await.expect("read") {
        store.record_deleted(&feed, bundle.sequence, &main[0]).await.expect("recorded");
    }
    for sequence in delisted {
        let measure = Measure::begin(cluster).await;
        while !store.purge(&feed, &main, BATCH).await.expect("purged").bundles.contains(&sequence) {}
        measure.end(cluster, "remove a bundle of 280,000 keys in batches of 10,000").await;
    }
    let measure = Measure::begin(cluster).await;
    let client = cluster.connect("postgres").await.expect("connected");
    client.batch_execute("VACUUM gaen_publication").await.expect("vacuumed");
    measure.end(cluster, "vacuum what autovacuum has left of it").await;
}

/// A beginning: the wall's clock, and what PostgreSQL's processes had used.
struct Measure {
    began: Instant,
    used: f64,
}

impl Measure {
    async fn begin(cluster: &Cluster) -> Self {
        Self { used: used(cluster).await, began: Instant::now() }
    }

    async fn end(self, cluster: &Cluster, what: &str) {
        let took = self.began.elapsed().as_secs_f64();
        println!("{what}: {:.2} s of PostgreSQL's CPU, took {took:.2} s", used(cluster).await - self.used);
    }
}

/// Seconds of CPU that all processes of the server have used so far.
async fn used(cluster: &Cluster) -> f64 {
    cluster.processor_time().await.expect("counted").as_secs_f64()
}

fn feed() -> Feed {
    Feed::verified("NO".parse().expect("a region"), Kind::Gaen)
}

fn authority() -> Authority {
    Authority {
        id: "fhi".into(),
        issuer: "fhi".into(),
        audience: "pratique".into(),
        regions: vec![feed().region],
        self_reports: SelfReporting::Off,
        memo_bytes: DEFAULT_MEMO_BYTES,
        policy_version: 1,
        keys: Vec::new(),
    }
}

/// The keys of one case: one a day, the risk constant.
fn keys(first: u64, now: Timestamp) -> Vec<AcceptedKey> {
    let today = Interval::containing(now).midnight();
    let make = |number: u64| {
        // Multiplying by an odd constant spreads the keys over the whole space.
        let data = (u128::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
        let day = (number % UPLOAD) as i64;
        let tek = TemporaryExposureKey::new(&data, today.plus(-144 * (day + 2)).number().into(), 144).expect("a key");
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
    (first..first + UPLOAD).map(make).collect()
}

fn provenance(received: Timestamp) -> Provenance {
    let kid = "an-RFC-7638-thumbprint-has-43-characters-in".into();
    Provenance { authority: "fhi".into(), kid, origin: Origin::Ours, received, policy_version: 1 }
}

fn policy() -> SealPolicy {
    SealPolicy::default()
}
