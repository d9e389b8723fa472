//! What a person costs the verification service and its PostgreSQL, from the code to the certificate, in processor time and in bytes that are stored; and what
//! a phone costs that sends chaff.
//!
//! The program itself runs as a process of its own, under the role that a service has, over a durable cluster: a commit waits for the disk.
//! Eight connections are always busy, and before it is measured a day of a large country has been served. What this process spends on
//! asking is nobody's.

mod program;

use std::ops::Range;
use std::time::{Duration, Instant};

use cluster::asker::Asker;
use cluster::{Cluster, Options, processor_time};
use proto::api::{CHAFF_HEADER, base64};
use serde_json::{Value, json};

use crate::program::Served;

/// How many people are served at once.
const CONNECTIONS: usize = 8;
/// How many people have been served before, so that indexes have their depth.
const BEFORE: usize = 20_000;
/// How many people are measured.
const MEASURED: usize = 20_000;
/// The header lines of a request that is not chaff, besides its API key: none.
const IN_EARNEST: &str = "";
/// What a person may cost PostgreSQL at most, all three requests together.
const LIMIT_OF_POSTGRES: Duration = Duration::from_millis(2);
/// And the service.
const LIMIT_OF_SERVICE: Duration = Duration::from_millis(1);

#[tokio::main]
async fn main() {
    let options = Options { durable: true, settings: vec![("autovacuum".into(), "on".into())], ..Options::default() };
    let cluster = Cluster::start(&options).expect("PostgreSQL starts");
    let served = Served::over(&cluster).await;

    let mut people = People::new(BEFORE);
    for request in Request::ALL {
        people.ask(&served, request, IN_EARNEST);
    }
    let admin = cluster.connect("postgres").await.expect("connected");
    admin.batch_execute("VACUUM ANALYZE").await.expect("tidied");
    admin.batch_execute("CHECKPOINT").await.expect("written");

    let before = database_bytes(&cluster);
    let sum = measure(&cluster, &served, &Request::ALL, IN_EARNEST).await;
    let allowed = Spent { postgres: LIMIT_OF_POSTGRES, service: LIMIT_OF_SERVICE } * MEASURED as u32;
    println!("{:<12} {allowed}", "allowed");
    println!("{:<12} {:>6} bytes of the database", "", (database_bytes(&cluster) - before) / MEASURED);
    println!("chaff");
    measure(&cluster, &served, &Request::OF_CHAFF, &format!("{CHAFF_HEADER}: 1\r\n")).await;
    assert!(sum.postgres <= LIMIT_OF_POSTGRES * MEASURED as u32, "a person costs PostgreSQL too much");
    assert!(sum.service <= LIMIT_OF_SERVICE * MEASURED as u32, "a person costs the service too much");
}

/// Lets everybody who is measured send these requests with these header lines, and tells what each of them cost and what all do together.
async fn measure(cluster: &Cluster, served: &Served, requests: &[Request], header_lines: &str) -> Spent {
    let (mut people, mut sum) = (People::new(MEASURED), Spent::default());
    for &request in requests {
        let (before, start) = (Spent::by(cluster, served).await, Instant::now());
        people.ask(served, request, header_lines);
        let (spent, elapsed) = (Spent::by(cluster, served).await - before, start.elapsed());
        sum = sum + spent;
        let rate = MEASURED as f64 / elapsed.as_secs_f64();
        println!("{:<12} {spent}, {rate:>7.0} a second", request.name());
    }
    println!("{:<12} {sum}", "together");
    sum
}

/// What the tables of the service take up, with their indexes and with what is left of former versions of their rows.
fn database_bytes(cluster: &Cluster) -> usize {
    let sql = "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables";
    cluster.psql("postgres", sql).expect("counted").parse().expect("a number")
}

/// Processor time.
#[derive(Clone, Copy, Default)]
struct Spent {
    postgres: Duration,
    service: Duration,
}

impl Spent {
    /// What both have spent since they began.
    async fn by(cluster: &Cluster, served: &Served) -> Self {
        let postgres = cluster.processor_time().await.expect("counted");
        Self { postgres, service: processor_time::of_process(served.id()).expect("it runs") }
    }
}

impl std::ops::Sub for Spent {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { postgres: self.postgres - before.postgres, service: self.service - before.service }
    }
}

impl std::ops::Add for Spent {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self { postgres: self.postgres + more.postgres, service: self.service + more.service }
    }
}

impl std::ops::Mul<u32> for Spent {
    type Output = Self;

    fn mul(self, people: u32) -> Self {
        Self { postgres: self.postgres * people, service: self.service * people }
    }
}

/// Milliseconds for each person measured.
impl std::fmt::Display for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each = |spent: Duration| spent.as_secs_f64() * 1e3 / MEASURED as f64;
        write!(f, "{:>6.3} ms of PostgreSQL CPU, {:>6.3} ms of service CPU", each(self.postgres), each(self.service))
    }
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
    /// Those that phones send as chaff, too.
    const OF_CHAFF: [Self; 2] = [Self::Verify, Self::Certificate];

    const fn name(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Verify => "verify",
            Self::Certificate => "certificate",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Issue => "/api/issue",
            Self::Verify => "/api/verify",
            Self::Certificate => "/api/certificate",
        }
    }

    /// What the person sends who holds the answer to the request before.
    fn body(self, person: usize, held: &str) -> Value {
        let drawn = |bytes: usize| base64::encode(&person.to_be_bytes().repeat(bytes / size_of::<usize>()));
        match self {
            Self::Issue => json!({ "testType": "confirmed", "testDate": "" }),
            Self::Verify => json!({ "code": held, "accept": ["confirmed"], "nonce": drawn(32) }),
            Self::Certificate => json!({ "token": held, "ekeyhmac": drawn(32) }),
        }
    }

    /// The field of the answer that the next request takes up.
    const fn answer(self) -> &'static str {
        match self {
            Self::Issue => "code",
            Self::Verify => "token",
            Self::Certificate => "certificate",
        }
    }
}

/// Some people, and what each holds: nothing, then a code, then a token, then a certificate.
struct People(Vec<String>);

impl People {
    fn new(count: usize) -> Self {
        Self(vec![String::new(); count])
    }

    /// Lets each of them send a request, a few at a time.
    fn ask(&mut self, served: &Served, request: Request, header_lines: &str) {
        let each = self.0.len().div_ceil(CONNECTIONS);
        std::thread::scope(|threads| {
            for (connection, people) in self.0.chunks_mut(each).enumerate() {
                let range = connection * each..connection * each + people.len();
                threads.spawn(move || ask_in_turn(served, request, header_lines, range, people));
            }
        });
    }
}

/// One connection, one person after the other.
fn ask_in_turn(served: &Served, request: Request, header_lines: &str, range: Range<usize>, people: &mut [String]) {
    let key = if matches!(request, Request::Issue) { &served.admin } else { &served.device };
    let mut asker = Asker::connect(served.address, request.path(), &format!("X-API-Key: {key}\r\n{header_lines}"));
    for (person, held) in range.zip(people) {
        let answer = asker.ask(request.body(person, held).to_string().as_bytes());
        let answer: Value = serde_json::from_slice(answer).expect("JSON");
        *held = answer[request.answer()].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    }
}
