//! What an upload of 14 keys costs the server and its PostgreSQL, in processor time, and how long a phone waits for the answer; and what a phone costs that
//! sends chaff instead.
//!
//! The program itself runs as a process of its own, under the role that a service has, over a durable cluster: a commit waits for the disk.
//! Eight connections are always busy with requests of 16 KiB, each under a certificate of its own, and before it is measured a day of a large
//! country has been served. What this process spends on making uploads is nobody's. PostgreSQL's own benchmark inserts single rows with as many
//! connections on the same cluster right after: times on the clock mean something beside these alone.

mod program;
mod upload;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cluster::asker::Asker;
use cluster::{Cluster, Options, processor_time};
use proto::api::CHAFF_HEADER;

use crate::program::Served;
use crate::upload::Phones;

/// How many phones upload at once.
const CONNECTIONS: usize = 8;
/// How many have uploaded before, so that indexes have their depth.
const BEFORE: u64 = 10_000;
/// How many are measured.
const MEASURED: u64 = 20_000;
/// What an upload may cost PostgreSQL at most.
const LIMIT_OF_POSTGRES: Duration = Duration::from_micros(1_000);
/// And the server: certificate, commitment and padding included.
const LIMIT_OF_SERVER: Duration = Duration::from_micros(600);
/// The header lines of an upload that is not chaff: none.
const IN_EARNEST: &str = "";
/// The least that a durable insert costs: one row, one commit.
const SINGLE_ROW: &str = "INSERT INTO single_row (value) VALUES (random());\n";

#[tokio::main]
async fn main() {
    let options = Options { durable: true, settings: vec![("autovacuum".into(), "on".into())], ..Options::default() };
    let cluster = Cluster::start(&options).expect("PostgreSQL starts");
    let served = Served::over(&cluster).await;
    let phones = Phones::new(served.signer());

    upload_all(&served, &phones, IN_EARNEST, 0..BEFORE);
    let admin = cluster.connect("postgres").await.expect("connected");
    admin.batch_execute("VACUUM ANALYZE; ").await.expect("tidied");
    admin.batch_execute("CHECKPOINT").await.expect("written");

    let Spent { postgres, server } = measure("upload of 14 keys", &cluster, &served, &phones, IN_EARNEST).await;
    println!("allowed              {LIMIT_OF_SERVER:>8.1?} of server CPU, {LIMIT_OF_POSTGRES:.1?} of PostgreSQL CPU");
    measure("chaff", &cluster, &served, &phones, &format!("{CHAFF_HEADER}: 1\r\n")).await;

    let table = "CREATE TABLE single_row (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, value double precision)";
    admin.batch_execute(table).await.expect("a table");
    let before = cluster.processor_time().await.expect("counted");
    let waits = cluster.pgbench(SINGLE_ROW, CONNECTIONS, MEASURED as usize / CONNECTIONS).expect("pgbench runs");
    let single = (cluster.processor_time().await.expect("counted") - before) / MEASURED as u32;
    println!("pgbench, single row  {single:>8.1?} of PostgreSQL CPU");
    println!("                     {}", Waits(&waits));

    assert!(server <= LIMIT_OF_SERVER, "an upload costs the server too much");
    assert!(postgres <= LIMIT_OF_POSTGRES, "an upload costs PostgreSQL too much");
}

/// Lets everybody who is measured upload with these header lines, and tells what one of them cost.
async fn measure(what: &str, cluster: &Cluster, served: &Served, phones: &Phones, header_lines: &str) -> Spent {
    let (before, start) = (Spent::by(cluster, served).await, Instant::now());
    let waits = upload_all(served, phones, header_lines, BEFORE..BEFORE + MEASURED);
    let (spent, elapsed) = (Spent::by(cluster, served).await.since(before), start.elapsed());
    let each = Spent { postgres: spent.postgres / MEASURED as u32, server: spent.server / MEASURED as u32 };
    let rate = MEASURED as f64 / elapsed.as_secs_f64();
    println!(
        "{what:<20} {:>8.1?} of server CPU, {:.1?} of PostgreSQL CPU, {rate:.0} a second",
        each.server, each.postgres
    );
    println!("                     {}", Waits(&waits));
    each
}

/// Lets people upload, a few at a time; how long each waited for the answer, the shortest first.
fn upload_all(served: &Served, phones: &Phones, header_lines: &str, people: std::ops::Range<u64>) -> Vec<Duration> {
    let next = AtomicU64::new(people.start);
    let mut waits: Vec<Duration> = std::thread::scope(|threads| {
        let work = || {
            let mut asker = Asker::connect(served.address, "/v1/publish", header_lines);
            let mut waits = Vec::new();
            loop {
                let person = next.fetch_add(1, Ordering::Relaxed);
                if person >= people.end {
                    return waits;
                }
                let upload = phones.upload(person);
                let sent = Instant::now();
                let reply = asker.ask(&upload);
                waits.push(sent.elapsed());
                assert!(reply.starts_with(upload::ACCEPTED), "{}", String::from_utf8_lossy(reply));
            }
        };
        let workers: Vec<_> = (0..CONNECTIONS).map(|_| threads.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });
    waits.sort_unstable();
    waits
}

/// Processor time since the processes began.
#[derive(Clone, Copy)]
struct Spent {
    postgres: Duration,
    server: Duration,
}

impl Spent {
    async fn by(cluster: &Cluster, served: &Served) -> Self {
        let postgres = cluster.processor_time().await.expect("counted");
        Self { postgres, server: processor_time::of_process(served.id()).expect("it runs") }
    }

    fn since(self, before: Self) -> Self {
        Self { postgres: self.postgres - before.postgres, server: self.server - before.server }
    }
}

/// Times on the clock, the shortest first.
struct Waits<'a>(&'a [Duration]);

impl std::fmt::Display for Waits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |share: f64| self.0[((self.0.len() - 1) as f64 * share) as usize];
        write!(f, "p50 {:.2?}, p99 {:.2?}, longest {:.2?}", at(0.5), at(0.99), at(1.0))
    }
}
