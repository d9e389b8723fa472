//! A key database seen through the store and through SQL.

use cluster::Database;
use proto::bundle::GaenEntry;
use proto::gaen::TemporaryExposureKey;
use proto::{Feed, Interval, Kind, ReportType, Timestamp};
use store::{
    AcceptedKey, Authorities, Authority, Bundles, Clock, DEFAULT_MEMO_BYTES, DatabaseUrl, Keys, MemberCursor,
    OnsetSource, Origin, PostgresKeyStore, PostgresUrl, Provenance, RawKey, RevisionProof, SealOutcome, SealPolicy,
    SelfReporting, StoreError,
};
use tokio_postgres::Client;

/// An authority in Norway and Svalbard.
pub(crate) fn authority() -> Authority {
    Authority {
        id: "fhi".into(),
        issuer: "fhi".into(),
        audience: "pratique".into(),
        regions: vec![gaen().region, svalbard().region],
        self_reports: SelfReporting::Off,
        memo_bytes: DEFAULT_MEMO_BYTES,
        policy_version: 1,
        keys: Vec::new(),
    }
}

/// A migrated key database with one authority in Norway and Svalbard.
pub(crate) struct World {
    pub(crate) database: Database,
    /// The store, as the owner.
    pub(crate) store: PostgresKeyStore,
}

impl World {
    pub(crate) async fn new() -> Self {
        let migrate = async |url: &str| PostgresKeyStore::migrate(&parse(url)).await.expect("the migrations run");
        let database = Database::from_template("keys", migrate).await.expect("a database");
        let store = PostgresKeyStore::open(&parse(&database.url()), Clock::system()).await.expect("opened");
        store.register(&authority(), now()).await.expect("registered");
        Self { database, store }
    }

    /// A connection of its own, as the owner.
    pub(crate) async fn sql(&self) -> Client {
        self.database.connect().await.expect("connected")
    }

    /// Another handle, whose connections act as `role`.
    pub(crate) async fn as_role(&self, role: &str) -> PostgresKeyStore {
        let url = with_options(&self.database.url(), &format!("-c%20role%3D{role}"));
        PostgresKeyStore::open(&parse(&url), Clock::system()).await.expect("opened")
    }

    /// Accepts keys with these numbers.
    pub(crate) async fn accept(&self, numbers: std::ops::Range<u8>) {
        accept(&self.store, numbers, &[gaen()]).await.expect("accepted");
    }

    /// Makes every bundle older by some days.
    pub(crate) async fn age(&self, days: u32) {
        let age = format!("UPDATE bundle SET start_at = start_at - {days} * 86400, end_at = end_at - {days} * 86400");
        self.sql().await.batch_execute(&age).await.expect("changed");
    }

    pub(crate) async fn seal(&self) -> SealOutcome {
        self.store.seal(&gaen(), &policy()).await.expect("sealed")
    }

    /// The first bytes of the keys in a bundle.
    pub(crate) async fn members(&self, sequence: u64) -> Vec<u8> {
        let (mut found, mut from): (_, Option<MemberCursor>) = (Vec::new(), None);
        loop {
            let page = self.store.members(&gaen(), sequence, from.as_ref(), 3).await.expect("a page");
            found.extend(page.members.iter().map(|(_, member)| match member {
                store::Member::Gaen(entry) => entry.key.data()[0],
                store::Member::Tcn(_) => panic!("a report"),
            }));
            match page.next {
                Some(next) => from = Some(next),
                None => return found,
            }
        }
    }
}

pub(crate) async fn accept(
    store: &PostgresKeyStore,
    numbers: std::ops::Range<u8>,
    feeds: &[Feed],
) -> Result<(), StoreError> {
    let keys: Vec<_> = numbers.map(key).collect();
    store.accept_keys(&keys, feeds, &provenance()).await.map(drop)
}

pub(crate) fn provenance() -> Provenance {
    let (authority, kid) = ("fhi".into(), "a-kid".into());
    Provenance { authority, kid, origin: Origin::Ours, received: now(), policy_version: 1 }
}

pub(crate) fn now() -> Timestamp {
    Clock::system().now()
}

pub(crate) fn gaen() -> Feed {
    Feed::verified("NO".parse().expect("a region"), Kind::Gaen)
}

pub(crate) fn svalbard() -> Feed {
    Feed::verified("SJ".parse().expect("a region"), Kind::Gaen)
}

/// A key of sixteen times the same byte, which may be released at once.
pub(crate) fn key(number: u8) -> AcceptedKey {
    let start = Interval::containing(now()).midnight().plus(-5 * 144);
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
        release_at: store::release_at(tek.validity_end(), now().plus(-86_400)),
    }
}

pub(crate) fn policy() -> SealPolicy {
    SealPolicy::default()
}

pub(crate) fn parse(url: &str) -> PostgresUrl {
    match url.parse() {
        Ok(DatabaseUrl::Postgres(url)) => *url,
        other => panic!("no PostgreSQL: {other:?}"),
    }
}

/// A URL with options for the session.
pub(crate) fn with_options(url: &str, options: &str) -> String {
    format!("{url}{}options={options}", if url.contains('?') { '&' } else { '?' })
}
