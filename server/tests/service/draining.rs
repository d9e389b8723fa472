//! A server that is told to stop says so first, finishes what was under way, and keeps what it acknowledged.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use cluster::Database;
use proto::ReportType::Confirmed;
use proto::{Feed, Kind};
use serde_json::Value;
use store::{Clock, DatabaseUrl, open_key_store};

use crate::authority::NORTH;
use crate::phone;
use crate::program::{ADD, Desk, signal};
use crate::wire::{Reply, exchange, read_reply, request};

/// How many uploads are under way when the server is told to stop.
const UPLOADS: u8 = 12;
/// How many keys each has.
const KEYS: u8 = 3;
/// However slow the machine is, it is done by then.
const PATIENCE: Duration = Duration::from_secs(60);

#[actix_web::test]
async fn no_upload_under_way_is_cut_off_or_lost_when_the_server_is_told_to_stop_on_sqlite() {
    let desk = Desk::new();
    let file = desk.directory.path().join("keys.db");
    drained(&desk, &DatabaseUrl::Sqlite(file)).await;
}

#[actix_web::test]
async fn no_upload_under_way_is_cut_off_or_lost_when_the_server_is_told_to_stop_on_postgres() {
    let database = Database::empty().await.expect("a database");
    let desk = Desk::on(database.url());
    desk.json("migrate --json");
    drained(&desk, &database.url().parse().expect("a URL")).await;
}

async fn drained(desk: &Desk, database: &DatabaseUrl) {
    desk.json(&format!("{ADD} --json"));
    let (child, address) = serve(desk);
    let under_way: Vec<Upload> = (0..UPLOADS).map(|person| Upload::begin(address, person)).collect();
    let ask = |path| exchange(address, &request("GET", path, None, b"")).status;
    assert_eq!([ask("/readyz"), ask("/healthz")], [200, 200]);

    signal(&child, "-TERM");
    until(|| ask("/readyz") == 503);
    assert_eq!([ask("/healthz"), ask("/health")], [200, 200], "it works as before");
    assert_eq!(Upload::begin(address, UPLOADS).end().status, 200, "whoever has not heard yet is served");

    // Nobody waits for the rest of the minute: another signal ends it.
    signal(&child, "-TERM");
    until(|| TcpStream::connect(address).is_err());
    for upload in under_way {
        assert_eq!(upload.end().status, 200, "it was under way");
    }
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));

    let store = open_key_store(database, Clock::system()).await.expect("open");
    let feed = Feed::verified("NO".parse().expect("a region"), Kind::Gaen);
    let waiting = store.waiting(&feed).await.expect("read");
    assert_eq!(waiting.releasable + waiting.unripe, u64::from(UPLOADS + 1) * u64::from(KEYS));
    assert_is_json(&String::from_utf8(output.stderr).expect("text"));
}

/// A server that takes a minute to stop listening, and its address.
fn serve(desk: &Desk) -> (Child, SocketAddr) {
    let flags = "serve --listen 127.0.0.1:0 --tick-ms 50 --drain-seconds 60 --log-format json --json";
    let mut command = desk.command(flags);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    let address = line["listening"].as_str().and_then(|url| url.strip_prefix("http://")).expect("a URL");
    (child, address.parse().expect("an address"))
}

/// An upload of which the server has the head and all but the last bytes of the body.
struct Upload {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Upload {
    fn begin(address: SocketAddr, person: u8) -> Self {
        let now = Clock::system().now();
        let keys = phone::keys(now, 1 + person, KEYS);
        let certificate = NORTH.certify(phone::commit(&keys), Confirmed, now);
        // Long enough that nobody takes the pause for dawdling, however long the machine stands still.
        let upload = proto::api::publish::PublishRequest {
            padding: "x".repeat(24_000),
            ..phone::upload(keys, &NORTH, certificate)
        };
        let body = serde_json::to_vec(&upload).expect("JSON");
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let head = format!(
            "POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        // The server asks for the body: the request is under way.
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).expect("an interim reply");
        assert!(interim.starts_with(b"HTTP/1.1 100 Continue"));
        let (first, rest) = body.split_at(body.len() - 10);
        stream.write_all(first).expect("sent");
        Self { stream, rest: rest.to_vec() }
    }

    fn end(mut self) -> Reply {
        self.stream.write_all(&self.rest).expect("sent");
        read_reply(&mut BufReader::new(self.stream), true)
    }
}

fn until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it never comes");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Each line says when, how grave, where from and what, and what it is about in fields with dotted names.
fn assert_is_json(log: &str) {
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {line}");
        }
        let is_name = |name: &str| {
            let is_word =
                |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            name.split('.').all(is_word)
        };
        assert!(line.as_object().expect("an object").keys().all(|name| is_name(name)), "{line}");
    }
    assert!(lines.iter().any(|line| line["drain.seconds"] == 60), "{log}");
    assert!(lines.iter().all(|line| line["level"] != "ERROR"), "nobody has to act: {log}");
}
