//! `pratique serve`.

use std::collections::HashSet;
use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use client::{
    FeedState, Http, KeyExposures, KeyServer, KeyUpload, ReportExposures, ReportUpload, Secret, Subscription,
};
use proto::api::base64;
use proto::gaen::{Observation, Observations, TemporaryExposureKey};
use proto::manifest::GatewayService;
use proto::ohttp::{KeyConfig, decode_keys};
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};
use proto::{Interval, Kind, index};
use store::{Clock, DatabaseUrl, SelfReporting, chance};
use verification::admin::{AuthorityChange, CodeSpec, update_authority};
use verification::{DatabaseSettings, Registry};

use crate::files::{bundles, mode, pratique};
use crate::served::Served;
use crate::socket::ask;

/// A key of the day before yesterday: released at the next quarter of an hour, whatever the time.
fn key() -> TemporaryExposureKey {
    let day = Interval::containing(Clock::system().now()).midnight().plus(-2 * 144);
    TemporaryExposureKey::new(&chance::bytes::<16>(), i64::from(day.number()), 144).expect("valid")
}

/// From a code to the server's receipt, for one key and one report; and until they may be released.
async fn upload(served: &Served, http: &Http, key: TemporaryExposureKey, report: SignedReport) {
    let (verification, server) = (served.verification(http), KeyServer::new(http.clone(), served.base("server")));
    let authority = served.text("/health_authority_id");
    let secret = || Secret::draw(&mut chance::source());

    let keys = KeyUpload::new(authority, &[(key, 0)], None, secret()).expect("one key");
    let verified = verification.verify(&served.issue(), &[], &secret()).await.expect("verified");
    let certificate = verification.certificate(&verified.token, &keys.commitment()).await.expect("certified");
    assert_eq!(server.publish(&keys, &certificate).await.expect("taken").accepted, 1);

    let reports = ReportUpload::new(authority, &[report], secret()).expect("one report");
    let verified = verification.verify(&served.issue(), &[], &secret()).await.expect("verified");
    let certificate = verification.certificate(&verified.token, &reports.commitment()).await.expect("certified");
    assert_eq!(server.report(&reports, &certificate).await.expect("taken").accepted, 1);
    served.let_a_quarter_pass();
}

fn report() -> SignedReport {
    let memo = Memo::new(MemoType::CoEpiV1, &[]).expect("empty");
    SignedReport::create(&ReportAuthorizationKey::from_seed(chance::bytes()), &memo, 1, 24).expect("24 numbers")
}

/// Polls until the export has come by.
async fn first_bundle(subscription: &Subscription, state: &mut FeedState) -> proto::bundle::Bundle {
    let mut bundles = Vec::new();
    for _ in 0..600 {
        let synced = subscription.sync(state, |fetched| bundles.push(fetched.bundle)).await;
        // Until its first export a feed has neither index nor manifest.
        assert!(synced.is_ok_and(|synced| synced.failed.is_empty()) || bundles.is_empty());
        if let Some(bundle) = bundles.pop() {
            return bundle;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no bundle came");
}

#[tokio::test]
async fn a_script_goes_from_code_to_bundle_and_match() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path());
    assert_eq!(mode(&dir.path().join("access.json")), 0o600);
    let http = Http::new().expect("opens");
    let (key, report) = (key(), report());
    upload(&served, &http, key, report.clone()).await;

    let bundle = first_bundle(&served.subscription(&http, Kind::Gaen), &mut FeedState::default()).await;
    let near = key.identifiers().zip(0..).skip(100).take(2);
    let near = near.map(|(identifier, at)| Observation { identifier, heard: key.rolling_start().plus(at) });
    let mut exposures = KeyExposures::default();
    exposures.take_in(&bundle, &Observations::new(near));
    assert_eq!(exposures.iter().map(|exposure| exposure.matches.len()).collect::<Vec<_>>(), [2]);

    let bundle = first_bundle(&served.subscription(&http, Kind::Tcn), &mut FeedState::default()).await;
    let heard: HashSet<_> = report.numbers().skip(5).take(3).collect();
    let mut exposures = ReportExposures::default();
    exposures.take_in(&bundle, &heard);
    assert_eq!(exposures.iter().map(|exposure| exposure.numbers.len()).collect::<Vec<_>>(), [3]);
    assert!(served.stop("-TERM").success());
}

#[test]
fn operators_see_all_three_parts_on_one_listener_if_they_ask_for_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start_with(dir.path(), &["--metrics-listen", "127.0.0.1:0"]);
    let base = served.text("/metrics").strip_suffix("/metrics").expect("a URL").to_owned();
    let answer = ask(&base, &["GET /metrics"], "");
    let text = String::from_utf8(answer.body).expect("text");
    assert!(answer.status == 200 && answer.header.contains("application/openmetrics-text"), "{}", answer.header);
    for name in ["pratique_verification_build_info{", "pratique_server_build_info{"] {
        assert_eq!(text.matches(name).count(), 1, "{name}");
    }
    // What each request moves is in steps of five minutes, and the exporter's are shorter.
    assert!(!text.contains("pratique_exporter_cpu") && !text.contains("pratique_exporter_open"), "{text}");
    let described = text.lines().filter(|line| line.starts_with("# TYPE "));
    let names: Vec<&str> = described.clone().collect();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "no name stands there twice");
    // access.json is there once the first export has come by.
    assert!(text.contains("pratique_exporter_last_pass_seconds{outcome=\"done\"}"), "{text}");
    assert!(text.contains("pratique_exporter_transaction_duration_seconds"), "{text}");
    assert_eq!(text.matches("# EOF").count(), 1);
    for path in ["GET /healthz", "GET /readyz"] {
        assert_eq!(ask(&base, &[path], "").status, 200, "{path}");
    }
    assert!(served.stop("-TERM").success());
}

#[tokio::test]
async fn both_gateways_are_there_and_the_manifests_announce_their_keys() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path());
    let http = Http::new().expect("opens");
    // access.json is there once the first export has come by.
    for kind in Kind::ALL {
        let mut state = FeedState::default();
        served.subscription(&http, kind).sync(&mut state, |_| ()).await.expect("polled");
        for service in GatewayService::ALL {
            let keys = http.ohttp_keys(&served.base(service.as_str())).await.expect("there");
            let hashes: Vec<_> = decode_keys(&keys).expect("a list").iter().map(KeyConfig::sha256).collect();
            assert_eq!(state.gateway_hashes(service), hashes);
            assert_eq!(mode(&dir.path().join(format!("private/{}.ohttp", service.as_str()))), 0o600);
        }
    }
    assert!(served.stop("-TERM").success());
}

#[tokio::test]
async fn a_restart_keeps_authority_keys_and_feeds() {
    let dir = tempfile::tempdir().expect("a directory");
    let http = Http::new().expect("opens");
    let (mut state, first) = (FeedState::default(), key());

    let served = Served::start(dir.path());
    let keys = served.text("/api_keys/admin").to_owned();
    upload(&served, &http, first, report()).await;
    first_bundle(&served.subscription(&http, Kind::Gaen), &mut state).await;
    assert!(served.stop("-INT").success());
    assert!(!dir.path().join("access.json").exists());

    // The database knows digests only; the keys themselves were kept.
    let served = Served::start(dir.path());
    assert_eq!(served.text("/api_keys/admin"), keys);
    upload(&served, &http, key(), report()).await;
    first_bundle(&served.subscription(&http, Kind::Gaen), &mut state).await;
    assert_eq!(state.held.len(), 2);
    assert!(served.stop("-TERM").success());

    // Killed, it leaves access.json behind, and makes it true again: a script that reads it a moment too early loses nothing.
    let served = Served::start(dir.path()).kill_and_start_again();
    assert!(served.stop("-TERM").success());

    // Killed in the middle of something, it comes back all the same; and without its API keys it makes new ones.
    drop(Served::start(dir.path()));
    for left_behind in ["access.json", "private/demo-api-keys.json"] {
        fs::remove_file(dir.path().join(left_behind)).expect("there");
    }
    let served = Served::start(dir.path());
    assert_ne!(served.text("/api_keys/admin"), keys);
    assert_eq!(served.issue().len(), 8);
    assert!(served.stop("-TERM").success());
}

#[tokio::test]
async fn what_an_operator_changes_about_the_authority_outlives_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path());
    let authority = served.text("/health_authority_id").to_owned();
    // An app that knows nothing of certificates means the only authority that there is, which takes nothing from it.
    let bare = base64::encode(report().as_bytes());
    let report_alone = |served: &Served| ask(served.text("/server"), &["POST /tcnreport/0.4.0"], &bare).status;
    assert_eq!(report_alone(&served), 403);
    assert!(served.stop("-TERM").success());

    let database_url = DatabaseUrl::Sqlite(dir.path().join("db/keys.sqlite"));
    let settings = server::Settings { database_url };
    let state = server::State::open(&settings, Clock::system()).await.expect("opens");
    let open = Some(SelfReporting::Open { per_hour: 5 });
    let change = server::admin::AuthorityChange { self_reports: open, ..Default::default() };
    server::admin::update_authority(&state, &authority, change).await.expect("changed");
    drop(state);
    let database_url = DatabaseUrl::Sqlite(dir.path().join("db/verification.sqlite"));
    let registry = Registry::open(&DatabaseSettings { database_url }, Clock::system()).await.expect("opens");
    let codes = CodeSpec { length: Some(10), ..CodeSpec::default() };
    let change = AuthorityChange { codes, ..AuthorityChange::default() };
    update_authority(&registry, &authority, change).await.expect("changed");
    drop(registry);

    let served = Served::start(dir.path());
    assert_eq!(served.issue().len(), 10);
    assert_eq!(report_alone(&served), 200);
    assert!(served.stop("-TERM").success());
}

#[test]
fn a_feed_below_its_minimum_is_held() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start_with(dir.path(), &["--minimum-keys", "2", "--region", "NO-03", "--authority", "no.fhi"]);
    assert_eq!((served.text("/region"), served.text("/health_authority_id")), ("NO-03", "no.fhi"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let http = Http::new().expect("opens");
        upload(&served, &http, key(), report()).await;
        // The report is out after an export; the one key of the same time is not.
        first_bundle(&served.subscription(&http, Kind::Tcn), &mut FeedState::default()).await;
        let mut state = FeedState::default();
        let synced = served.subscription(&http, Kind::Gaen).sync(&mut state, drop).await.expect("an empty feed");
        assert_eq!(synced.fetched, 0);
        upload(&served, &http, key(), report()).await;
        first_bundle(&served.subscription(&http, Kind::Gaen), &mut state).await;
    });
    assert!(served.stop("-TERM").success());
}

#[tokio::test]
async fn the_public_tree_is_served_as_a_cdn_would() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path());
    let http = Http::new().expect("opens");
    upload(&served, &http, key(), report()).await;
    first_bundle(&served.subscription(&http, Kind::Gaen), &mut FeedState::default()).await;

    let cdn = served.text("/cdn");
    let listed = ask(cdn, &["GET /DEMO/gaen/index.txt"], "");
    assert_eq!((listed.status, listed.field("content-type").as_str()), (200, "text/plain; charset=us-ascii"));
    let path = index::parse(&listed.body).expect("an index").remove(0);
    let file = fs::read(&bundles(dir.path())[0]).expect("readable");

    let whole = ask(cdn, &[&format!("GET /{path}")], "");
    assert_eq!((whole.status, &whole.body), (200, &file));
    assert_eq!(whole.field("content-type"), "application/zip");
    assert_eq!(whole.field("cache-control"), "public, max-age=31536000, immutable");
    let head = ask(cdn, &[&format!("HEAD /{path}")], "");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!((head.field("content-length"), head.field("etag")), (file.len().to_string(), whole.field("etag")));
    let unchanged = ask(cdn, &[&format!("GET /{path}"), &format!("if-none-match: {}", whole.field("etag"))], "");
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));

    for path in [
        "/",
        "/DEMO",
        "/DEMO/gaen/",
        "/.lock",
        "/../access.json",
        "/DEMO/../../private/demo-api-keys.json",
        "/%2e%2e/x.zip",
    ] {
        let answer = ask(cdn, &[&format!("GET {path}")], "");
        assert_eq!((answer.status, answer.body.len()), (404, 0), "{path}");
    }
    assert!(served.stop("-TERM").success());
}

#[test]
fn every_feed_can_be_polled_as_soon_as_the_services_are_announced() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path());
    for (object, length) in [("gaen/index.txt", 0), ("tcn/index.txt", 0)] {
        let listed = ask(served.text("/cdn"), &[&format!("GET /DEMO/{object}")], "");
        assert_eq!((listed.status, listed.body.len()), (200, length), "{object}");
    }
    for object in ["gaen/manifest", "tcn/manifest"] {
        assert_eq!(ask(served.text("/cdn"), &[&format!("GET /DEMO/{object}")], "").status, 200, "{object}");
    }
    assert!(served.stop("-TERM").success());
}

#[test]
fn a_directory_is_served_once_at_a_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::start(dir.path());
    let directory = dir.path().display().to_string();
    let output = pratique(&["serve", "--dir", &directory]).output().expect("runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("access.json") && said.contains("stop it"), "{said}");
    // The first one goes on, and scripts still find it.
    assert!(dir.path().join("access.json").exists());
    assert_eq!(served.issue().len(), 8);
    assert!(served.stop("-TERM").success());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let directory = dir.path().display().to_string();
    let flags = ["serve", "--dir", &directory, "--verification-port", "0", "--server-port", "0", "--cdn-port", &port];
    let output = pratique(&flags).output().expect("runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&port) && said.contains("--cdn-port"), "{said}");
    assert!(!dir.path().join("access.json").exists());
}
