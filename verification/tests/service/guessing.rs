//! Guessing over real HTTP: what many do at once, and what is left of it.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use service::Edge;

use crate::http::{self, Answer};
use crate::program::{self, Served};
use crate::racing::at_once;
use crate::service::Service;

const HOUR: i64 = 3_600;

/// A service at the beginning of an hour, behind one proxy on this machine.
fn behind_a_proxy(dir: &Path) -> Service {
    let edge = Edge { proxies: 1, proxy_networks: vec!["127.0.0.0/8".parse().expect("a network")], relays: vec![] };
    let service = Service::start_behind(dir, edge);
    service.clock.set_offset(HOUR - service.clock.now().unix().rem_euclid(HOUR));
    service
}

fn verify_from(service: &Service, forwarded: &str, code: &str) -> Answer {
    http::post_from(service.address, forwarded, "/api/verify", &service.device, &json!({ "code": code }))
}

fn code(answer: &Answer) -> Value {
    answer.json()["errorCode"].clone()
}

#[test]
fn failures_are_not_read_and_then_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let service = behind_a_proxy(dir.path());
    let answers = at_once(60, |number| verify_from(&service, &format!("198.51.100.{number}"), "00000000"));
    let with = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((with(400), with(429)), (10, 50));
}

#[test]
fn fifty_people_behind_one_address_claim_at_once_and_nobody_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let service = behind_a_proxy(dir.path());
    let codes: Vec<String> = (0..50).map(|_| service.issue()).collect();
    let answers = at_once(50, |number| verify_from(&service, "198.51.100.1", &codes[usize::from(number)]));
    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[test]
fn under_an_attack_from_hundreds_of_networks_an_honest_code_still_works() {
    const NETWORKS: u32 = 300;
    // Twelve seconds of an attack of a hundred guesses a second, as fast as it can be served.
    const GUESSES: u32 = 1_200;
    let dir = tempfile::tempdir().expect("a directory");
    let mut service = behind_a_proxy(dir.path());
    let codes: Vec<String> = (0..20).map(|_| service.issue()).collect();
    let (next, looked_up) = (AtomicU32::new(0), AtomicU32::new(0));
    let attack = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= GUESSES {
                return;
            }
            let network = number % NETWORKS;
            let answer = verify_from(&service, &format!("100.{}.{}.1", network / 100, network % 100), "00000000");
            match answer.status {
                400 => looked_up.fetch_add(1, Ordering::Relaxed),
                status => {
                    assert_eq!((status, code(&answer)), (429, json!("too_many_attempts")));
                    0
                }
            };
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(attack);
        }
        for (number, code) in codes.iter().enumerate() {
            let answer = verify_from(&service, &format!("192.0.{number}.1"), code);
            assert_eq!(answer.status, 200, "honest person {number}");
        }
    });
    // The authority's budget is spent in the second round; until then everybody is served.
    assert_eq!(looked_up.load(Ordering::Relaxed), 500);
    let late = service.issue();
    assert_eq!(late.len(), 11, "no digits are issued any more");
    assert_eq!(verify_from(&service, "100.0.1.1", &late).status, 200, "and they work even where digits are refused");

    service.stop();
    let disk = std::fs::read(dir.path().join("codes.db")).expect("read");
    let holds = |needle: &[u8]| disk.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"authority no") && holds(b"crockford"), "the search finds what is there");
    for network in 0..10 {
        assert!(!holds(&[4, 100, 0, network, 0, 0, 0, 0, 0]) && !holds(format!("100.0.{network}").as_bytes()));
    }
}

#[test]
fn the_program_shows_the_alarm_on_a_listener_of_its_own_and_its_commands_heed_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let [_, device] = program::set_up(dir.path());
    let mut program = program::program(dir.path());
    program.env("VERIFICATION_HOURLY_GUESSES_PER_AUTHORITY", "1").env("VERIFICATION_METRICS_LISTEN", "127.0.0.1:0");
    let served = Served::spawn(program);
    let metrics = served.metrics.expect("a listener for metrics");
    assert_eq!(http::get(served.address, "/metrics").status, 404, "not where phones are");
    let issue = ["issue", "--authority", "no", "--test-type", "likely"];
    let shows = || String::from_utf8(http::get(metrics, "/metrics").body).expect("text");
    // The service looks every ten seconds. At the turn of an hour all begins anew.
    let seen = (0..600).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        http::post(served.address, "/api/verify", &device, &json!({ "code": "00000000" }));
        shows().contains("pratique_verification_guessing_alarm{authority=\"no\"} 1\n")
            && program::json_of(dir.path(), &[&issue[..], &["--hourly-guesses-per-authority", "1"]].concat())["code"]
                .as_str()
                .is_some_and(|code| code.len() == 11)
    });
    assert!(seen, "{}", shows());
    assert_eq!(program::json_of(dir.path(), &issue)["code"].as_str().expect("a code").len(), 8, "by another budget");
}

#[test]
fn the_program_believes_its_proxies_and_knows_its_relays() {
    let dir = tempfile::tempdir().expect("a directory");
    let [_, device] = program::set_up(dir.path());
    let mut program = program::program(dir.path());
    program.env("VERIFICATION_TRUSTED_PROXIES", "1").env("VERIFICATION_HOURLY_GUESSES_PER_PREFIX", "1");
    program.env("VERIFICATION_RELAYS", "west=203.0.113.0/28,east=2001:db8::/32");
    let served = Served::spawn(program);
    let guesses = |from: &str| {
        let guess = || http::post_from(served.address, from, "/api/verify", &device, &json!({ "code": "00000000" }));
        [guess().status, guess().status, guess().status]
    };
    // A new hour may begin between two of them, but not twice.
    for network in ["198.51.100.1", "1.1.1.1, 198.51.101.1", "2001:db9::1"] {
        let statuses = guesses(network);
        assert!(statuses[0] == 400 && statuses[1..].contains(&429), "{network}: {statuses:?}");
    }
    for relay in ["203.0.113.1", "1.1.1.1, 203.0.113.2", "[2001:db8::1]:80"] {
        assert_eq!(guesses(relay), [400; 3], "{relay}");
    }
}

#[test]
fn a_budget_of_nothing_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    for flag in ["prefix", "authority", "relay"].map(|name| format!("--hourly-guesses-per-{name}")) {
        let output = program::run(dir.path(), &["serve", &flag, "0"]);
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(output.status.code() == Some(2) && said.contains(&flag) && said.contains("1.."), "{said}");
    }
    let output = program::run(dir.path(), &["serve", "--relay", "West=203.0.113.1"]);
    assert!(String::from_utf8(output.stderr).expect("text").contains("1 to 32 of a to z"));
}
