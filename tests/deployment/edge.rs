//! nginx in front of both services and the bucket, with the configuration of `deploy/nginx`: what passes and what does not, who is counted, and what is written down.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use anyhow::{Context as _, ensure};
use proto::api::verification::{API_KEY_HEADER, VerifyRequest};
use proto::{Kind, ReportType};
use tests::authority::Authority;
use tests::nginx::{self, Nginx, Site, ask};
use tests::phone::Phone;
use tests::system::{NOON, System};
use tests::wire::{Reply, Request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

/// Wrong codes that a network has in an hour.
const GUESSES: usize = 10;

/// Both services, and the bucket, behind one nginx with a port for each.
struct Edge {
    system: System,
    authority: Authority,
    nginx: Nginx,
    directory: tempfile::TempDir,
}

impl Edge {
    async fn start() -> anyhow::Result<Self> {
        Self::start_with(&|_| Vec::new()).await
    }

    /// The same with things said otherwise in the settings, which may name the directory of what nginx writes.
    async fn start_with(changes: &dyn Fn(&Path) -> Vec<(&'static str, String)>) -> anyhow::Result<Self> {
        let (system, authority) = System::with_authority().await?;
        let directory = tempfile::tempdir()?;
        let changes = changes(directory.path());
        let changes: Vec<(&str, &str)> = changes.iter().map(|(from, to)| (*from, to.as_str())).collect();
        let upstream = |name: &str, address: SocketAddr| {
            format!("upstream {name} {{ server {address}; keepalive 64; keepalive_timeout 10s; }}\n")
        };
        let http = upstream("pratique_verification", system.verification.address())
            + &upstream("pratique_server", system.server.address());
        let cdn = format!(
            "root {}; include objects.conf; set $coepi_feed XA/tcn-self; include coepi.conf;",
            system.tree().display()
        );
        let servers = vec!["include verification.conf;".to_owned(), "include server.conf;".to_owned(), cdn];
        let nginx = Nginx::start(directory.path(), &Site { http, servers, changes: &changes, ..Site::default() })?;
        Ok(Self { system, authority, nginx, directory })
    }

    fn verification(&self) -> SocketAddr {
        self.nginx.address(0)
    }

    fn server(&self) -> SocketAddr {
        self.nginx.address(1)
    }

    fn cdn(&self) -> SocketAddr {
        self.nginx.address(2)
    }

    /// A phone whose app knows the addresses of nginx alone.
    fn phone(&self) -> anyhow::Result<Phone> {
        let url = |address| format!("http://{address}");
        let mut settings = self.system.app_settings(&self.authority);
        (settings.verification, settings.server) = (url(self.verification()), url(self.server()));
        settings.cdn = url(self.cdn());
        Phone::new(1, settings, NOON)
    }

    /// Guesses a code from an address of this machine, and says in addition that it comes from elsewhere.
    async fn guess(&self, from: &str, claimed: &str, code: &str) -> anyhow::Result<Reply> {
        let body = serde_json::to_vec(&VerifyRequest { code: code.to_owned(), ..VerifyRequest::default() })?;
        let request = Request::post_json("/api/verify", body).with(API_KEY_HEADER, &self.authority.device_key);
        let claims = ["X-Forwarded-For", "X-Real-IP"].iter().fold(request, |request, name| request.with(name, claimed));
        send_from(from, claims, self.verification()).await
    }
}

/// Sends a request from an address of this machine.
async fn send_from(from: &str, request: Request, to: SocketAddr) -> anyhow::Result<Reply> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from.parse::<IpAddr>()?, 0))?;
    let mut stream = socket.connect(to).await?;
    stream.write_all(&request.to_bytes(to)).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Reply::parse(&answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_reports_and_everybody_is_warned_through_nginx() -> anyhow::Result<()> {
    let edge = Edge::start().await?;
    let mut phone = edge.phone()?;
    let keys = phone.past_keys(3).to_vec();
    let code = edge.authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    phone.report_keys(&code, &keys).await?;
    edge.system.export().await?;
    let feed = edge.authority.feed(Kind::Gaen);
    let mut follower = edge.system.follower(&feed)?;
    let synced = phone.poll(&mut follower).await?;
    ensure!(synced.fetched > 0 && synced.failed.is_empty(), "the bundle came through nginx: {synced:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_forwarded_for_is_counted_under_the_network_that_called() -> anyhow::Result<()> {
    let edge = Edge::start().await?;
    // One says to come from a network of its own each time, the other to be the first.
    for guess in 0..GUESSES {
        let claimed = format!("198.51.{guess}.1");
        let reply = edge.guess("127.1.1.1", &claimed, &format!("{guess:08}")).await?;
        ensure!(reply.status != 429, "guess {guess}: {reply:?}");
    }
    let reply = edge.guess("127.1.1.2", "203.0.113.9", "00000099").await?;
    ensure!(reply.status == 429, "the network has spent what it had: {reply:?}");
    let reply = edge.guess("127.2.2.2", "127.1.1.1", "00000099").await?;
    ensure!(reply.status != 429, "another has spent nothing, whatever it says: {reply:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_pass_nginx_as_they_are_and_differ_in_digits_alone() -> anyhow::Result<()> {
    let edge = Edge::start().await?;
    let mut shapes = BTreeSet::new();
    let mut statuses = BTreeSet::new();
    let code = edge.authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let long = "x".repeat(70_000);
    let requests = [
        (edge.verification(), "/api/verify", format!("{{\"code\":\"{code}\"}}")),
        (edge.verification(), "/api/verify", "{\"code\":\"00000000\"}".to_owned()),
        (edge.verification(), "/api/certificate", "{}".to_owned()),
        (edge.verification(), "/api/certificate", "no JSON".to_owned()),
        (edge.server(), "/v1/publish", "{}".to_owned()),
        (edge.server(), "/v1/publish", long),
        (edge.server(), "/v1/reports", "{\"reports\":[]}".to_owned()),
        (edge.server(), "/submitReport", String::new()),
        (edge.server(), "/self/nobody/tcnreport/0.4.0", "AAAA".to_owned()),
    ];
    for (to, path, body) in requests {
        let key = format!("{API_KEY_HEADER}: {}", edge.authority.device_key);
        let answer = tokio::task::block_in_place(|| {
            ask(to, &format!("POST {path}"), &["Content-Type: application/json", &key], &body)
        })?;
        statuses.insert(answer.status);
        let names: BTreeSet<String> = answer
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name.to_owned())
            .collect();
        shapes.insert((answer.head.len(), names, answer.body.len()));
    }
    assert!(statuses.len() > 2, "they say different things: {statuses:?}");
    assert_eq!(shapes.len(), 1, "{shapes:#?}");
    assert_eq!(shapes.first().map(|shape| shape.2), Some(4_096));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_operators_is_not_shown_and_what_is_for_others_is() -> anyhow::Result<()> {
    let edge = Edge::start().await?;
    let status = |to, line: &str| tokio::task::block_in_place(|| ask(to, line, &[], ""));
    for to in [edge.verification(), edge.server()] {
        for path in ["/health", "/healthz", "/readyz", "/metrics", "/", "/v1", "/api", "//health", "/x/../readyz"] {
            let answer = status(to, &format!("GET {path}"))?;
            assert_eq!((answer.status, answer.header("content-type")), (404, "text/html"), "{path}");
        }
    }
    // Whatever they say, the services say it: their refusals are JSON.
    let document = status(edge.verification(), "GET /openapi.json")?;
    let document: serde_json::Value = serde_json::from_slice(&document.body)?;
    let paths = document["paths"].as_object().context("a table of paths")?;
    let verification = paths.keys().filter(|path| !path.contains("health") && !path.contains("readyz"));
    let verification = verification.map(|path| (edge.verification(), path.replace("{authority}", "health")));
    let phones = ["/v1/publish", "/v1/reports", "/v1/challenge", "/v1/stats", "/submitReport", "/tcnreport/0.4.0"];
    let more =
        ["/tcnreport/v0.4.0", "/self/health/tcnreport/0.4.0", "/self/health/submitReport", "/ohttp-keys", "/ohttp"];
    let server = phones.iter().chain(&more).map(|path| (edge.server(), (*path).to_owned()));
    for (to, path) in verification.chain(server).chain([(edge.server(), "/test-deployment".to_owned())]) {
        let answer = status(to, &format!("DELETE {path}"))?;
        assert!(answer.header("content-type").starts_with("application/json"), "{path}: {}", answer.head);
    }
    // What a blackbox_exporter asks for from outside, as deploy/prometheus has it: 200, and 405 from the service itself.
    let keys = status(edge.verification(), &format!("GET /jwks/{}", edge.authority.id))?;
    let stats = status(edge.server(), "GET /v1/stats")?;
    assert_eq!((keys.status, stats.status), (200, 405));
    assert!(stats.header("content-type").starts_with("application/json"), "{}", stats.head);
    Ok(())
}

/// Everything that phones do, and much that they should not, from one address.
async fn traffic(edge: &Edge, from: &str) -> anyhow::Result<()> {
    let get = |path: &str| Request::get(path);
    for (request, to) in [
        (get("/XA/gaen/index.txt?secret-query"), edge.cdn()),
        (get("/XA/gaen/secret-name.zip"), edge.cdn()),
        (get("/tcnreport/0.4.0?intervalNumber=secret-number&intervalLength=1"), edge.cdn()),
        (Request::post_json("/v1/publish", b"secret-body".to_vec()), edge.server()),
        (Request::post_json("/v1/secret-path", b"secret-body".to_vec()), edge.server()),
        (Request::post_json("/api/verify", vec![b'x'; 200_000]), edge.verification()),
        (get("/secret-path").with("X-Long", &"x".repeat(100_000)), edge.verification()),
        (Request { method: "SECRET", ..get("/secret-path") }, edge.cdn()),
    ] {
        // Some are hung up on before they have said everything.
        let _ = send_from(from, request, to).await;
    }
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from.parse::<IpAddr>()?, 0))?;
    let mut stream = socket.connect(edge.server()).await?;
    stream.write_all(b"\x16\x03\x01 secret-bytes\r\n\r\n").await?;
    let _ = stream.read_to_end(&mut Vec::new()).await;
    Ok(())
}

/// Everything that nginx has written below a directory, but for its settings.
fn written(directory: &Path) -> anyhow::Result<String> {
    let mut all = String::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            all += &written(&path)?;
        } else if path.extension().is_none_or(|extension| extension != "conf") {
            all += &String::from_utf8_lossy(&fs::read(&path)?);
        }
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_writes_down_neither_who_called_nor_what_for() -> anyhow::Result<()> {
    const FROM: &str = "127.77.88.99";
    const TOLD: [&str; 3] = [FROM, "secret", "verify"];
    let edge = Edge::start().await?;
    traffic(&edge, FROM).await?;
    let text = written(edge.directory.path())?;
    assert!(TOLD.iter().all(|told| !text.contains(told)), "{text}");

    // It would, were it not told otherwise.
    let talkative = |here: &Path| {
        let requests = here.join("requests");
        vec![("error_log /dev/null emerg;", format!("error_log {} info;", requests.display()))]
    };
    let edge = Edge::start_with(&talkative).await?;
    traffic(&edge, FROM).await?;
    let text = written(edge.directory.path())?;
    assert!(TOLD.iter().all(|told| text.contains(told)), "{text}");
    Ok(())
}

/// Copies the configuration to where nginx takes it without being root, with certificates that nobody believes.
pub(crate) fn copy_samples(directory: &Path) -> anyhow::Result<()> {
    let here = directory.display();
    nginx::make_certificate(directory)?;
    let mut changes = vec![
        ("user www-data;".to_owned(), String::new()),
        ("/run/nginx.pid".to_owned(), format!("{here}/pid")),
        ("/var/cache/nginx/pratique".to_owned(), format!("{here}/cache")),
        ("listen [::]:443 ssl;".to_owned(), String::new()),
        ("listen 443 ssl;".to_owned(), format!("listen unix:{here}/tls ssl;")),
        ("listen 127.0.0.1:8090;".to_owned(), format!("listen unix:{here}/status;")),
    ];
    for name in ["cdn", "cache", "verification", "keys"] {
        changes.push((format!("/etc/pratique/tls/{name}.example.org.pem"), format!("{here}/certificate.pem")));
        changes.push((format!("/etc/pratique/tls/{name}.example.org.key"), format!("{here}/key.pem")));
    }
    let changes: Vec<(&str, &str)> = changes.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    nginx::copy_configuration(directory, &changes)
}

#[test]
fn nginx_takes_the_samples() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    copy_samples(directory.path())?;
    nginx::check(&directory.path().join("nginx.conf"))
}

#[test]
fn whatever_is_absent_is_remembered_for_ten_seconds_at_most() -> anyhow::Result<()> {
    let text = fs::read_to_string(nginx::configuration().join("bucket.conf"))?;
    let kinds = text.matches("proxy_pass $bucket$uri;").count();
    let valid = text.lines().map(str::trim).filter(|line| line.starts_with("proxy_cache_valid "));
    let (found, absent): (Vec<&str>, Vec<&str>) = valid.partition(|line| line.starts_with("proxy_cache_valid 200 "));
    assert_eq!((found.len(), absent.len()), (kinds, kinds));
    assert!(absent.iter().all(|line| *line == "proxy_cache_valid 403 404 10s;"), "{absent:?}");
    Ok(())
}

#[test]
fn what_may_send_a_message_or_make_a_code_is_asked_once() -> anyhow::Result<()> {
    let text = fs::read_to_string(nginx::configuration().join("verification.conf"))?;
    let locations: Vec<&str> = text.split("\nlocation ").skip(1).collect();
    for path in ["= /ohttp {", "= /api/user-report {", "~ ^/api/(issue|"] {
        let location = locations.iter().find(|location| location.starts_with(path)).context(path)?;
        let inside = location.split("\n}").next().context("it ends")?;
        assert!(inside.contains("proxy_next_upstream off;"), "{path}");
    }
    Ok(())
}

/// `stub_status` counts requests to the moment, while all that we count goes in steps of five minutes.
#[test]
fn no_nginx_in_front_of_services_counts_requests() -> anyhow::Result<()> {
    for entry in fs::read_dir(nginx::configuration())? {
        let path = entry?.path();
        ensure!(!settings_of(&path)?.contains("stub_status"), "{}", path.display());
    }
    let composed = settings_of(&nginx::configuration().join("../compose/nginx.conf"))?;
    ensure!(composed.contains("return 204;") && !composed.contains("stub_status"));
    Ok(())
}

/// A file without its comments.
fn settings_of(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path)?;
    Ok(text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n"))
}

/// With limits that a test reaches. As they stand, a test would have to send thousands of requests in one moment.
#[tokio::test(flavor = "multi_thread")]
async fn one_address_that_asks_too_often_is_refused_and_others_are_not() -> anyhow::Result<()> {
    let few = |_: &Path| vec![("rate=2000r/s", "rate=1r/m".to_owned()), ("burst=4000", "burst=3".to_owned())];
    let edge = Edge::start_with(&few).await?;
    let get = || Request::get("/XA/gaen/0000000001-0000000002-00001.zip");
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(send_from("127.3.3.3", get(), edge.cdn()).await?.status);
    }
    // One, three that may come early, and no more within the minute.
    assert_eq!(statuses, [404, 404, 404, 404, 429, 429]);
    assert_eq!(send_from("127.4.4.4", get(), edge.cdn()).await?.status, 404);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_that_has_too_much_under_way_is_refused_and_others_are_not() -> anyhow::Result<()> {
    let few = |_: &Path| vec![("limit_conn callers 512", "limit_conn callers 1".to_owned())];
    let edge = Edge::start_with(&few).await?;
    let get = || Request::get("/XA/gaen/0000000001-0000000002-00001.zip");
    for (to, path, slow) in
        [(edge.server(), "/v1/publish", "127.3.3.3"), (edge.verification(), "/api/verify", "127.5.5.5")]
    {
        // nginx answers to the head once it counts the request, and waits for a body that does not come.
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(slow.parse::<IpAddr>()?, 0))?;
        let mut stream = socket.connect(to).await?;
        let waits = "Content-Length: 9\r\nExpect: 100-continue";
        stream.write_all(format!("POST {path} HTTP/1.1\r\nHost: nginx\r\n{waits}\r\n\r\n").as_bytes()).await?;
        let mut said = [0; 12];
        stream.read_exact(&mut said).await?;
        assert_eq!(&said, b"HTTP/1.1 100");
        for (from, is_refused) in [(slow, true), ("127.4.4.4", false)] {
            let reply = send_from(from, Request::post_json(path, b"{}".to_vec()), to).await?;
            assert_eq!(reply.status == 429, is_refused, "{from}: {reply:?}");
            let reply = send_from(from, get(), edge.cdn()).await?;
            assert_eq!(reply.status == 429, is_refused, "the zone is one for all: {from}: {reply:?}");
        }
    }
    Ok(())
}

#[test]
fn names_of_bundles_are_bounded_and_so_is_who_asks_for_them() -> anyhow::Result<()> {
    for name in ["bucket.conf", "objects.conf"] {
        let text = fs::read_to_string(nginx::configuration().join(name))?;
        assert!(text.contains("\nlimit_req zone=askers ") && text.contains("\nlimit_conn callers "), "{name}");
        assert!(text.contains(r"/[0-9]{10}-[0-9]{10}-[0-9]{5}\.zip$"), "{name}");
    }
    Ok(())
}
