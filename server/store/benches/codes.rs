//! What a person costs PostgreSQL, from the code to the certificate, in processor time.
//!
//! A durable cluster (a commit waits for the disk), eight connections that are always busy, and the rows of a day of a large country. The
//! same over HTTP, with what the service costs: `cargo bench -p verification --bench http`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::{Cluster, Options};
use proto::certificate::CertificateKey;
use proto::{Interval, ReportType, Timestamp};
use store::{
    ApiKeyKind, Certify, CertifyOutcome, Claim, ClaimOutcome, Clock, CodeForm, CodeId, CodeStyle, Codes, DatabaseUrl,
    Guess, GuessLimits, GuessOutcome, Guesser, Guesses, IssueOutcome, Issuer, IssuerKey, Issuers, NewCode, NewForm,
    Peppered, PostgresCodeStore, Spelling, Terms,
};
use tokio_postgres::Client;

/// How many people are served at once.
const CONNECTIONS: u64 = 8;
/// How many people have been served before, so that indexes have their depth.
const BEFORE: u64 = 20_000;
/// How many people are measured.
const MEASURED: u64 = 20_000;
/// What a person may cost at most, all three requests together.
const LIMIT: Duration = Duration::from_millis(2);
/// A day, in seconds.
const DAY: i64 = 86_400;

const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA8Nhaa8C85p8JM1yoVuYi+wPMkpuxphlpmsaeByhxf4o=
-----END PUBLIC KEY-----
";

#[tokio::main]
async fn main() {
    let options = Options { durable: true, settings: vec![("autovacuum".into(), "on".into())], ..Options::default() };
    let cluster = Cluster::start(&options).expect("PostgreSQL starts");
    let Ok(DatabaseUrl::Postgres(url)) = cluster.url("postgres").parse() else { panic!("no URL of a server") };
    PostgresCodeStore::migrate(&url).await.expect("migrated");
    let desk = Arc::new(Desk::open(PostgresCodeStore::open(&url).await.expect("opened")).await);
    let admin = cluster.connect("postgres").await.expect("connected");

    for request in Request::ALL {
        desk.serve(request, 0..BEFORE).await;
    }
    admin.batch_execute("VACUUM ANALYZE").await.expect("tidied");
    admin.batch_execute("CHECKPOINT").await.expect("written");
    let scans = scans(&admin).await;
    let mut sum = Duration::ZERO;
    for request in Request::ALL {
        let (before, start) = (spent(&cluster).await, Instant::now());
        desk.serve(request, BEFORE..BEFORE + MEASURED).await;
        let (spent, elapsed) = (spent(&cluster).await - before, start.elapsed());
        sum += spent;
        let rate = MEASURED as f64 / elapsed.as_secs_f64();
        println!("{:<12} {:>6.3} ms of PostgreSQL CPU, {rate:>7.0} a second", request.name(), a_person(spent));
    }
    let limit = LIMIT.as_secs_f64() * 1e3;
    println!("{:<12} {:>6.3} ms of PostgreSQL CPU, {limit} ms allowed", "together", a_person(sum));
    assert_eq!(self::scans(&admin).await, scans, "a table of persons was read from end to end");
    assert!(sum <= LIMIT * MEASURED as u32, "a person costs too much");
}

/// What the processes of the server have spent.
async fn spent(cluster: &Cluster) -> Duration {
    cluster.processor_time().await.expect("counted")
}

/// Milliseconds for each person measured.
fn a_person(spent: Duration) -> f64 {
    spent.as_secs_f64() * 1e3 / MEASURED as f64
}

/// How often the tables with a row for each person were read from end to end.
async fn scans(admin: &Client) -> i64 {
    let sql = "SELECT sum(seq_scan)::bigint FROM pg_stat_user_tables WHERE relname IN ('code', 'code_digest')";
    admin.query_one(sql, &[]).await.expect("counted").get(0)
}

/// What an app or an authority asks for.
#[derive(Clone, Copy)]
enum Request {
    Issue,
    Verify,
    Certificate,
}

impl Request {
    const ALL: [Self; 3] = [Self::Issue, Self::Verify, Self::Certificate];

    const fn name(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Verify => "verify",
            Self::Certificate => "certificate",
        }
    }
}

/// The verification service as the database sees it: each request looks up its API key first.
struct Desk {
    store: PostgresCodeStore,
    now: Timestamp,
}

impl Desk {
    async fn open(store: PostgresCodeStore) -> Self {
        let now = Clock::system().now();
        let (id, issuer, audience) = ("no".to_owned(), "no".to_owned(), "pratique".to_owned());
        let codes = CodeStyle { spelling: Spelling::Digits, length: 8, life: 900, long_life: DAY };
        store
            .create_issuer(
                &Issuer { id, issuer, audience, date_required: false, codes, user_reports: false, daily_quota: None },
                now,
            )
            .await
            .expect("created");
        let key = CertificateKey::from_pem(PUBLIC_KEY).expect("a key");
        store
            .add_issuer_key("no", &IssuerKey { kid: key.kid(), key, signs_from: now, retires_at: None })
            .await
            .expect("added");
        store.add_api_key("no", ApiKeyKind::Device, [1; 32], now).await.expect("added");
        Self { store, now }
    }

    /// One request for each of these people, a few people at once.
    async fn serve(self: &Arc<Self>, request: Request, people: std::ops::Range<u64>) {
        let mut connections = tokio::task::JoinSet::new();
        for connection in 0..CONNECTIONS {
            let (desk, people) = (Arc::clone(self), people.clone());
            connections.spawn(async move {
                for person in people.filter(|person| person % CONNECTIONS == connection) {
                    desk.answer(request, person).await;
                }
            });
        }
        connections.join_all().await;
    }

    async fn answer(&self, request: Request, person: u64) {
        self.store.api_key([1; 32], self.now).await.expect("looked up").expect("known");
        match request {
            Request::Issue => self.issue(person).await,
            Request::Verify => self.verify(person).await,
            Request::Certificate => self.certificate(person).await,
        }
    }

    async fn issue(&self, person: u64) {
        let form = NewForm {
            form: CodeForm::Short,
            digests: vec![peppered(person, 1)],
            sealed: vec![7; 40],
            expires_at: self.now.plus(900),
        };
        let code = NewCode {
            id: CodeId(spread(person, 2)),
            authority: "no".to_owned(),
            uuid: spread(person, 3),
            request: vec![peppered(person, 4)],
            terms: Terms { report_type: ReportType::Confirmed, symptom: Some(Interval::new(2_999_952)), test: None },
            forms: vec![form],
            forget_at: self.now.plus(900 + DAY),
            quota: None,
        };
        let outcome = self.store.issue(&code, self.now).await.expect("answered");
        assert!(matches!(outcome, IssueOutcome::Issued));
    }

    async fn verify(&self, person: u64) {
        let guess = Guess {
            authority: "no".to_owned(),
            spelling: Spelling::Digits,
            digests: vec![peppered(person, 1)],
            // Everybody has an address of their own.
            guesser: Guesser::Prefix(peppered(person, 7).digest),
            stripe: (person % u64::from(store::STRIPES)) as u8,
            limits: GuessLimits { prefix: 10, authority: 500, all: 2_000, relay: 1_000 },
        };
        let GuessOutcome::Found(found) = self.store.guess(&guess, self.now).await.expect("looked up") else {
            panic!("not found")
        };
        let claim = Claim {
            code: found,
            token_digest: peppered(person, 5).digest,
            accept: ReportType::ALL.to_vec(),
            repeat_until: None,
            token_expires_at: self.now.plus(DAY),
            forget_at: self.now.plus(2 * DAY),
            now: self.now,
        };
        let outcome = self.store.claim(&claim).await.expect("answered");
        assert!(matches!(outcome, ClaimOutcome::Claimed(_)));
    }

    async fn certificate(&self, person: u64) {
        self.store.issuer_keys("no", self.now).await.expect("looked up").expect("known");
        let certify = Certify {
            id: CodeId(spread(person, 2)),
            token_digest: peppered(person, 5).digest,
            authority: "no".to_owned(),
            commitment_digest: peppered(person, 6).digest,
            limit: 2,
            now: self.now,
        };
        let outcome = self.store.certify(&certify).await.expect("answered");
        assert!(matches!(outcome, CertifyOutcome::Certified(_)));
    }
}

/// A digest of this person for this purpose, under the only secret.
fn peppered(person: u64, purpose: u64) -> Peppered {
    let (high, low) = (spread(person, purpose), spread(person, purpose + 100));
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(&high);
    digest[16..].copy_from_slice(&low);
    Peppered { pepper: "first".to_owned(), digest }
}

/// Sixteen bytes that no other person or purpose has, in no order: multiplying by an odd constant spreads them over the whole space.
fn spread(person: u64, purpose: u64) -> [u8; 16] {
    let number = u128::from(person) << 8 | u128::from(purpose);
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
}
