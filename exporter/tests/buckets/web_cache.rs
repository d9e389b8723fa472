//! An object store behind a real nginx that caches, with the configuration in `deploy/nginx`: phones are told what they are told of a directory, and the
//! store is asked as little as can be.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use exporter::bucket::{Headers, S3Bucket};
use proto::{Kind, Timestamp};
use stack::{Between, Fate};

use crate::nginx::{Answer, Nginx, Site, ask};
use crate::s3;
use crate::world::{World, feed};

/// CoEpi's intervals, in seconds.
const LENGTH: i64 = 21_600;
/// How long it is waited for what time brings.
const PATIENCE: Duration = Duration::from_secs(120);
/// Lists and refusals that grow old while a test waits.
const SHORT: &[(&str, &str)] =
    &[("proxy_cache_valid 200 10s;", "proxy_cache_valid 200 1s;"), ("403 404 10s;", "403 404 1s;")];
/// Lists and refusals that do not.
const LONG: &[(&str, &str)] =
    &[("proxy_cache_valid 200 10s;", "proxy_cache_valid 200 1h;"), ("403 404 10s;", "403 404 1h;")];

/// A published world behind a cache, and somebody who counts between the two.
struct Cached {
    world: World,
    bucket: Arc<S3Bucket>,
    between: Between,
    nginx: Nginx,
    // Its files outlive it.
    _directory: tempfile::TempDir,
}

impl Cached {
    async fn start(changes: &[(&str, &str)]) -> Self {
        let name = s3::new_bucket().await;
        s3::store().open_to_readers(&name).expect("taken");
        let bucket = Arc::new(s3::open(&s3::url(&name, s3::server(), "")).await.expect("a bucket"));
        let mut world = World::new().await;
        world.settings.coepi = vec![feed(Kind::Tcn)];
        let between = s3::between();
        let directory = tempfile::tempdir().expect("a directory");
        let nginx = start(&directory, &format!("http://{}/{name}/live", between.address()), changes);
        Self { world, bucket, between, nginx, _directory: directory }
    }

    /// One pass that must succeed.
    async fn publish(&self) {
        let exporter = self.world.exporter(&[]).await.with_bucket("far", self.bucket.clone());
        let report = exporter.once().await.expect("a pass");
        assert_eq!(report.exit_code(), 0, "{report}");
    }

    /// A published bundle of GAEN keys; its path.
    async fn with_bundle(changes: &[(&str, &str)]) -> (Self, String) {
        let cached = Self::start(changes).await;
        cached.world.accept_keys(0..5).await;
        cached.publish().await;
        let index = cached.get("/NO/gaen/index.txt");
        let path = format!("/{}", String::from_utf8(index.body).expect("a list"));
        assert!(path.ends_with(".zip"), "{path}");
        (cached, path)
    }

    fn get(&self, path: &str) -> Answer {
        self.nginx.get(path).expect("an answer")
    }

    /// Asks until the answer is as it should be.
    fn get_until(&self, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = self.get(path);
            if wanted(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < PATIENCE, "{path}: {}", answer.head);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How many requests the store has had from nginx.
    fn asked(&self) -> usize {
        self.between.methods().len()
    }
}

/// nginx in front of a bucket.
fn start(directory: &tempfile::TempDir, bucket: &str, changes: &[(&str, &str)]) -> Nginx {
    let cache = directory.path().join("cache");
    let http = format!(
        "proxy_cache_path {} levels=1:2 keys_zone=objects:1m; upstream pratique_server {{ server 127.0.0.1:9; }}",
        cache.display()
    );
    let inside = format!("set $bucket {bucket}; include bucket.conf; set $coepi_feed NO/tcn; include coepi.conf;");
    let site = Site { http, servers: vec![inside], changes, ..Site::default() };
    Nginx::start(directory.path(), &site).expect("nginx")
}

fn cache_status(answer: &Answer) -> &str {
    answer.header("x-cache-status")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_fetched_once_whatever_phones_add_to_its_name() {
    let (cached, path) = Cached::with_bundle(&[]).await;
    let first = cached.get(&path);
    assert_eq!((first.status, cache_status(&first)), (200, "MISS"));
    let before = cached.asked();
    for buster in 0..1_000 {
        let answer = cached.get(&format!("{path}?{buster}&cache=no"));
        assert_eq!((answer.status, cache_status(&answer)), (200, "HIT"));
        assert!(answer.body == first.body, "{buster}");
    }
    // Nor does spelling it otherwise.
    for spelt in [path.replacen('/', "//", 1), path.replacen("NO", "%4eO", 1), format!("/x/..{path}")] {
        assert_eq!(cache_status(&cached.get(&spelt)), "HIT", "{spelt}");
    }
    assert_eq!(cached.asked(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn phones_are_told_of_an_object_what_they_are_told_of_a_directory_and_nothing_of_the_store() {
    let (cached, bundle) = Cached::with_bundle(&[]).await;
    for path in [&*bundle, "/NO/gaen/index.txt", "/NO/gaen/manifest", "/ready"] {
        let answer = cached.get(path);
        let Headers { content_type, cache_control } = Headers::of(&path[1..]);
        assert_eq!(answer.header("content-type"), content_type, "{path}");
        assert_eq!(answer.header("cache-control"), cache_control, "{path}");
        assert!(!answer.head.to_ascii_lowercase().contains("amz"), "{}", answer.head);

        let known = format!("If-None-Match: {}", answer.header("etag"));
        let again = ask(cached.nginx.address(0), &format!("GET {path}"), &[&known], "").expect("an answer");
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("cache-control"), cache_control, "{path}");
    }
    let address = cached.nginx.address(0);
    let whole = cached.get(&bundle).body;
    let rest = ask(address, &format!("GET {bundle}"), &["Range: bytes=100-"], "").expect("an answer");
    assert!(rest.status == 206 && rest.body == whole[100..], "a download goes on where it broke off");
    let head = ask(address, &format!("HEAD {bundle}"), &[], "").expect("an answer");
    assert_eq!((head.header("content-length"), head.body.len()), (&*whole.len().to_string(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_phones_that_ask_for_what_is_new_are_one_request_to_the_store() {
    let (cached, bundle) = Cached::with_bundle(LONG).await;
    for path in [&*bundle, "/NO/gaen/manifest"] {
        let before = cached.asked();
        let address = cached.nginx.address(0);
        let phones: Vec<_> = (0..100)
            .map(|phone| {
                let line = format!("GET {path}?{phone}");
                tokio::task::spawn_blocking(move || ask(address, &line, &[], "").expect("an answer"))
            })
            .collect();
        for phone in phones {
            assert_eq!(phone.await.expect("it asks").status, 200);
        }
        assert_eq!(cached.asked() - before, 1, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_phones_that_ask_for_what_has_grown_old_are_one_request_to_the_store() {
    // However long the machine stands still, nginx does not give up waiting for the store.
    let patient = [SHORT, &[("proxy_read_timeout 30s;", "proxy_read_timeout 10m;")]].concat();
    let (cached, _) = Cached::with_bundle(&patient).await;
    let (before, old) = (cached.asked(), cached.get("/NO/gaen/index.txt").body);
    cached.between.set_all(Fate::Silence);
    let (address, (tell, answers)) = (cached.nginx.address(0), channel());
    for _ in 0..100 {
        let tell = tell.clone();
        std::thread::spawn(move || {
            let ask = || ask(address, "GET /NO/gaen/index.txt", &[], "").expect("an answer");
            // Until it is old.
            let mut answer = ask();
            while cache_status(&answer) == "HIT" {
                std::thread::sleep(Duration::from_millis(100));
                answer = ask();
            }
            // The test may have failed before.
            let _ = tell.send(answer);
        });
    }
    let answer = || answers.recv_timeout(PATIENCE).expect("an answer");
    // One waits for the store, which says nothing, and all others are told at once what was there.
    for _ in 1..100 {
        let answer = answer();
        assert_eq!((answer.status, cache_status(&answer), &answer.body), (200, "UPDATING", &old));
    }
    assert_eq!(cached.asked() - before, 1);
    cached.between.set_all(Fate::Pass);
    let last = answer();
    assert_eq!((last.status, cache_status(&last), &last.body), (200, "STALE", &old));
    cached.get_until("/NO/gaen/index.txt", |answer| ["EXPIRED", "REVALIDATED"].contains(&cache_status(answer)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_list_is_seen_soon_and_an_old_one_is_not_fetched_again() {
    let (cached, first) = Cached::with_bundle(SHORT).await;
    // Its entity tag is enough to know that it is the same.
    let answer = cached.get_until("/NO/gaen/index.txt", |answer| cache_status(answer) == "REVALIDATED");
    assert_eq!(answer.body, first.as_bytes()[1..]);
    cached.world.accept_keys(5..9).await;
    cached.publish().await;
    let answer = cached.get_until("/NO/gaen/index.txt", |answer| answer.body.len() > first.len());
    assert_eq!(cache_status(&answer), "EXPIRED");
    let second = String::from_utf8(answer.body).expect("a list").lines().last().expect("a line").to_owned();
    assert_eq!(cached.get(&format!("/{second}")).status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_down_phones_get_what_was_there() {
    let (cached, bundle) = Cached::with_bundle(SHORT).await;
    let (index, zip) = (cached.get("/NO/gaen/index.txt").body, cached.get(&bundle).body);
    assert_eq!(cached.get("/ready").status, 200);
    for down in [Fate::Answer(500, "InternalError"), Fate::Answer(503, "SlowDown"), Fate::LostReply] {
        cached.between.set_all(down);
        let answer = cached.get_until("/NO/gaen/index.txt", |answer| cache_status(answer) == "STALE");
        assert_eq!((answer.status, &answer.body), (200, &index), "{down:?}");
        assert!(cached.get(&bundle).body == zip, "{down:?}");
        // An old answer to that question would send phones here.
        let answer = cached.get_until("/ready", |answer| answer.status != 200);
        assert_eq!((answer.status, answer.header("cache-control")), (503, "no-store"), "{down:?}");
        let answer = cached.get("/NO/gaen/0000000001-0000000002-00001.zip");
        assert_eq!(
            (answer.status, answer.header("cache-control"), answer.header("retry-after")),
            (503, "no-store", "10")
        );
    }
    cached.between.set_all(Fate::Pass);
    cached.get_until("/ready", |answer| answer.status == 200);
    cached.get_until("/NO/gaen/index.txt", |answer| ["EXPIRED", "REVALIDATED"].contains(&cache_status(answer)));
}

/// Nobody deletes a list. A store that knows of none is broken, and phones that find none would warn nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_stays_when_the_store_says_that_there_is_none() {
    let (cached, bundle) = Cached::with_bundle(SHORT).await;
    let lists = ["/NO/gaen/index.txt", "/NO/gaen/manifest"].map(|path| (path, cached.get(path).body));
    assert_eq!((cached.get("/ready").status, cached.get(&bundle).status), (200, 200));
    for broken in [Fate::Answer(403, "AccessDenied"), Fate::Answer(404, "NoSuchBucket")] {
        cached.between.set_all(broken);
        for (path, list) in &lists {
            let answer = cached.get_until(path, |answer| cache_status(answer) == "STALE");
            assert_eq!(
                (answer.status, answer.header("cache-control")),
                (200, "public, max-age=300"),
                "{path}: {broken:?}"
            );
            assert!(answer.body == *list, "{path}: {broken:?}");
            // Nor is it remembered as absent.
            let answer = cached.get(path);
            assert!(answer.status == 200 && answer.body == *list, "{path}: {broken:?}");
        }
        // What was never there is absent still, and so is what says that phones may be sent here.
        assert_eq!(cached.get("/NO/tcn/index.txt").status, 404);
        cached.get_until("/ready", |answer| answer.status == 404);
        assert_eq!(cached.get(&bundle).status, 200, "what was asked for within a day is not asked for again");
    }
    cached.between.set_all(Fate::Pass);
    for (path, _) in &lists {
        cached.get_until(path, |answer| ["EXPIRED", "REVALIDATED"].contains(&cache_status(answer)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_absent_costs_the_store_one_request_and_is_found_soon_after_it_is_there() {
    const ABSENT: &str = "/NO/gaen/0000000001-0000000002-00001.zip";
    let (patient, _) = Cached::with_bundle(LONG).await;
    let before = patient.asked();
    for query in 0..100 {
        let answer = patient.get(&format!("{ABSENT}?{query}"));
        assert_eq!((answer.status, answer.header("cache-control")), (404, "no-store"));
    }
    assert_eq!(patient.asked() - before, 1);

    let cached = Cached::start(SHORT).await;
    assert_eq!(cached.get("/NO/gaen/index.txt").status, 404);
    cached.publish().await;
    cached.get_until("/NO/gaen/index.txt", |answer| answer.status == 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_what_it_does_not_have_has_nothing() {
    // Nobody may read there.
    let (name, directory) = (s3::new_bucket().await, tempfile::tempdir().expect("a directory"));
    let nginx = start(&directory, &format!("http://{}/{name}/live", s3::server()), &[]);
    let answer = nginx.get("/NO/gaen/index.txt").expect("an answer");
    assert_eq!((answer.status, answer.header("cache-control")), (404, "no-store"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("AccessDenied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn coepis_digits_choose_an_interval_and_nothing_else_of_the_query_does() {
    let cached = Cached::start(LONG).await;
    let interval = cached.world.clock.now().unix() / LENGTH + 1;
    let begin = |interval: i64| {
        let moment = Timestamp::from_unix(interval * LENGTH);
        cached.world.clock.set_offset(cached.world.clock.offset() + moment.unix() - cached.world.clock.now().unix());
    };
    begin(interval);
    cached.world.accept_reports(0..5).await;
    cached.publish().await;
    begin(interval + 1);
    cached.publish().await;
    let (next, absent) = (interval + 1, interval + 9);

    let first = cached.get(&format!("/tcnreport/0.4.0?intervalNumber={next}&intervalLength=21600"));
    assert_eq!((first.status, cache_status(&first)), (200, "MISS"));
    let before = cached.asked();
    for query in 0..100 {
        let path = format!("/tcnreport/v0.4.0?x={query}&intervalLength=21600&intervalNumber={next}&y={query}");
        let answer = cached.get(&path);
        assert_eq!((answer.status, cache_status(&answer)), (200, "HIT"));
        assert_eq!(answer.body, first.body);
    }
    for (status, query) in [
        (400, String::new()),
        (400, format!("intervalNumber={next}.json&intervalLength=21600")),
        (400, format!("intervalNumber=0{next}&intervalLength=21600")),
        (400, format!("intervalNumber={next}&intervalLength=x")),
        (404, format!("intervalNumber={next}&intervalLength=3600")),
    ] {
        assert_eq!(cached.get(&format!("/tcnreport/0.4.0?{query}")).status, status, "{query}");
    }
    assert_eq!(cached.asked(), before);
    for query in 0..10 {
        let path = format!("/tcnreport/0.4.0?intervalNumber={absent}&intervalLength=21600&{query}");
        let answer = cached.get(&path);
        let said = (answer.status, answer.header("cache-control"), answer.header("retry-after"));
        assert_eq!(said, (503, "no-store", "300"), "nobody makes an answer up");
    }
    assert_eq!(cached.asked() - before, 1);
}

#[test]
fn whether_a_list_is_new_is_asked_by_its_entity_tag_and_not_by_its_date() {
    let store = TcpListener::bind("127.0.0.1:0").expect("a port");
    let directory = tempfile::tempdir().expect("a directory");
    let bucket = format!("http://{}/bucket", store.local_addr().expect("an address"));
    let nginx = start(&directory, &bucket, SHORT);
    // Two lists of the same second, as the store dates them.
    let heard = std::thread::spawn(move || {
        ["first", "later"].map(|list| {
            let (mut stream, _) = store.accept().expect("nginx asks");
            let head = read_head(&mut stream);
            let dated = "Last-Modified: Sun, 22 Nov 2020 12:00:00 GMT";
            let answer = format!("HTTP/1.1 200 OK\r\nETag: \"{list}\"\r\n{dated}\r\nContent-Length: 5\r\n\r\n{list}");
            stream.write_all(answer.as_bytes()).expect("answered");
            head
        })
    });
    let list = |wanted: &[u8]| {
        let begun = Instant::now();
        while nginx.get("/NO/gaen/index.txt").expect("an answer").body != wanted {
            assert!(begun.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    list(b"first");
    list(b"later");
    let [_, again] = heard.join().expect("two requests came");
    assert!(again.contains("If-None-Match: \"first\"") && !again.contains("If-Modified-Since"), "{again}");
}

/// Of a request, up to the empty line.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_hears_the_name_of_an_object_and_nothing_of_a_phone() {
    let store = TcpListener::bind("127.0.0.1:0").expect("a port");
    let directory = tempfile::tempdir().expect("a directory");
    let bucket = format!("http://{}/bucket/live", store.local_addr().expect("an address"));
    let nginx = start(&directory, &bucket, &[]);
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = store.accept().expect("nginx asks");
        let head = read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nzz").expect("answered");
        head
    });
    let address = nginx.address(0);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PURGE"] {
        let refused = ask(address, &format!("{method} /NO/gaen/1-2-00001.zip"), &[], "").expect("an answer");
        assert_eq!(refused.status, 405, "{method}");
    }
    for path in [
        "/",
        "/NO/gaen/1-2-00001.zip",
        "/NO/gaen/16000000000-1600003600-00001.zip",
        "/NO/gaen/notes.txt",
        "/NO/gaen/.put-1.zip",
        "/NO/gaen/",
        "/index.txt",
        "/../live/ready",
    ] {
        let answer = nginx.get(path).expect("an answer");
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.head);
    }
    let said =
        ["Cookie: a=b", "Authorization: Bearer x", "X-Forwarded-For: 192.0.2.1", "User-Agent: y", "Range: bytes=1-"];
    ask(address, "GET /NO/gaen/1600000000-1600003600-00001.zip?query=z", &said, "a body").expect("an answer");
    let head = heard.join().expect("one request came");
    let mut lines: Vec<&str> = head.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "GET /bucket/live/NO/gaen/1600000000-1600003600-00001.zip HTTP/1.1");
    lines.retain(|line| !line.starts_with("Host: ") && !line.starts_with("Connection: "));
    assert!(lines.is_empty(), "{lines:?}");
}
