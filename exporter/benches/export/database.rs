//! A key database that is filled and sealed.

use std::time::Duration;

use cluster::{Cluster, processor_time};
use proto::bundle::{GaenEntry, SigningKeyId};
use proto::{Feed, Interval, Kind, ReportType};
use store::{
    AcceptedKey, Authorities, Authority, Bundles, Clock, DEFAULT_MEMO_BYTES, DatabaseUrl, Keys, OnsetSource, Origin,
    PostgresKeyStore, PostgresUrl, Provenance, RawKey, RevisionProof, SealOutcome, SealPolicy, SelfReporting,
};

use crate::generator;

/// How many keys are accepted at a time: who uploads is not measured here.
const BATCH: usize = 10_000;
/// The roles as a superuser makes them.
const ROLES: &str = include_str!("../../../server/store/migrations/postgres/roles.sql");

/// A database with one authority.
pub(crate) struct Filled<'a> {
    cluster: &'a Cluster,
    pub(crate) store: PostgresKeyStore,
    /// Has one connection, of which is known what it has cost.
    sealer: PostgresKeyStore,
    sealing: u32,
    keys: Box<dyn Iterator<Item = GaenEntry>>,
    maximum: usize,
}

pub(crate) fn feed() -> Feed {
    Feed::verified("NO".parse().expect("a region"), Kind::Gaen)
}

impl<'a> Filled<'a> {
    /// Makes roles and tables. A bundle gets `maximum` keys at most.
    pub(crate) async fn new(cluster: &'a Cluster, maximum: usize) -> Self {
        let admin = cluster.connect("postgres").await.expect("connected");
        admin.batch_execute(ROLES).await.expect("roles");
        admin.batch_execute("CREATE ROLE exporter_one LOGIN IN ROLE pratique_exporter").await.expect("a role");
        let owner = cluster.url("postgres");
        PostgresKeyStore::migrate(&parse(&owner)).await.expect("migrated");
        let store = PostgresKeyStore::open(&parse(&owner), Clock::system()).await.expect("opened");
        store.register(&authority(), Clock::system().now()).await.expect("registered");
        let alone = format!("{owner}&connections=1&application_name=sealer");
        let sealer = PostgresKeyStore::open(&parse(&alone), Clock::system()).await.expect("opened");
        let pid = "SELECT pid FROM pg_stat_activity WHERE application_name = 'sealer'";
        let pid: i32 = admin.query_one(pid, &[]).await.expect("one connection").get(0);
        let keys = Box::new(generator::keys());
        Self { cluster, store, sealer, sealing: pid.unsigned_abs(), keys, maximum }
    }

    /// Accepts so many keys, which may be released at once.
    pub(crate) async fn accept(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            let batch: Vec<_> = self.keys.by_ref().take(left.min(BATCH)).map(accepted).collect();
            self.store.accept_keys(&batch, &[feed()], &provenance()).await.expect("accepted");
            left -= batch.len();
        }
        let admin = self.cluster.connect("postgres").await.expect("connected");
        admin.batch_execute("CHECKPOINT").await.expect("written");
    }

    /// Seals what was accepted into one bundle; what that cost the connection's process.
    pub(crate) async fn seal(&self) -> Duration {
        let spent = || processor_time::of_process(self.sealing).expect("the connection is kept");
        let before = spent();
        let outcome = self.sealer.seal(&feed(), &policy(self.maximum)).await.expect("sealed");
        assert!(matches!(outcome, SealOutcome::Sealed(bundles) if bundles.len() == 1), "one bundle");
        spent() - before
    }

    /// Seals what was accepted, each key into a bundle of its own.
    pub(crate) async fn seal_each_alone(&self) {
        self.store.seal(&feed(), &policy(1)).await.expect("sealed");
    }

    /// Forgets the bundles of before, so that the next one is the first.
    pub(crate) async fn forget_days(&self) {
        let admin = self.cluster.connect("postgres").await.expect("connected");
        let forget = "TRUNCATE gaen_publication, gaen_kept, bundle, bundle_signature, bundle_bucket;
            UPDATE feed SET next_sequence = 1; VACUUM ANALYZE";
        for statement in forget.split(';') {
            admin.batch_execute(statement).await.expect("forgotten");
        }
    }
}

fn policy(max_entries: usize) -> SealPolicy {
    let signing = vec![SigningKeyId::new("NO", "v1").expect("an id")];
    SealPolicy { max_entries, signing, ..SealPolicy::default() }
}

fn accepted(published: GaenEntry) -> AcceptedKey {
    let end = published.key.validity_end();
    let raw = RawKey {
        transmission_risk: published.transmission_risk,
        report_type: published.report_type.unwrap_or(ReportType::Confirmed),
        onset: published.key.rolling_start().midnight(),
        onset_source: OnsetSource::Certificate,
        proof: RevisionProof::default(),
    };
    AcceptedKey { raw, published, release_at: store::release_at(end, Interval::midnight(end).start()) }
}

fn provenance() -> Provenance {
    let kid = "an-RFC-7638-thumbprint-has-43-characters-in".into();
    let received = Clock::system().now();
    Provenance { authority: "fhi".into(), kid, origin: Origin::Ours, received, policy_version: 1 }
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

fn parse(url: &str) -> PostgresUrl {
    match url.parse() {
        Ok(DatabaseUrl::Postgres(url)) => *url,
        other => panic!("no PostgreSQL: {other:?}"),
    }
}
