//! What wrong codes cost whoever sends them to `POST /api/verify`, and what they cost nobody else.

use serde_json::json;
use service::Edge;
use store::Spelling;

use crate::admin::CodeSpec;
use crate::alarm;
use crate::budget::{Budgets, SharedBudgets};
use crate::code::draw_short;
use crate::code_spec::beyond_guessing;
use crate::desk;
use crate::handlers::fixture_test::{Answer, Desk, NONCE, authority};

const HOUR: i64 = 3_600;
/// Budgets that are soon spent: three a network, six an authority, nine in all, four a relay.
const SMALL: Budgets = Budgets { per_prefix: 3, shared: SharedBudgets { per_authority: 6, in_all: 9 }, per_relay: 4 };

/// A desk at the beginning of an hour, and its clock's offset then.
async fn desk_at_the_hour(budgets: Budgets) -> (Desk, i64) {
    let mut desk = Desk::open().await;
    let offset = HOUR - desk.state.now().unix().rem_euclid(HOUR);
    desk.clock.set_offset(offset);
    desk.state = desk.state.clone().with_budgets(budgets);
    (desk, offset)
}

/// The address with this number in a network of its own, as a peer.
fn peer(network: usize) -> String {
    format!("198.51.{network}.7:4711")
}

/// A guess of eight digits from this network.
async fn guess(desk: &Desk, network: usize) -> Answer {
    desk.verify_from(&peer(network), &[], "00000000").await
}

fn assert_wrong(answer: &Answer) {
    assert_eq!(answer.refusal(), (400, "code_invalid"));
}

/// Refused until the hour ends, whose beginning is no more than a minute ago.
fn assert_refused(answer: &Answer) {
    assert_eq!(answer.refusal(), (429, "too_many_attempts"));
    let retry_after = answer.retry_after.expect("Retry-After");
    assert!((HOUR - 60..=HOUR).contains(&retry_after), "{retry_after}");
}

/// A code in Crockford's base 32 that nobody has. Eleven digits might be a code of digits, too: not these.
fn wrong_crockford() -> String {
    let style = beyond_guessing(&CodeSpec::default().apply(None).expect("custom"));
    loop {
        let code = draw_short(&style, &mut store::chance::source()).as_str().to_owned();
        if code[1..].bytes().any(|character| character.is_ascii_alphabetic()) {
            return code;
        }
    }
}

#[actix_web::test]
async fn eight_digit_codes_have_a_budget_of_failures() {
    let (desk, start) = desk_at_the_hour(Budgets::default()).await;
    let code = desk.code().await;
    for _ in 0..10 {
        assert_wrong(&guess(&desk, 1).await);
    }
    assert_refused(&guess(&desk, 1).await);
    assert_refused(&desk.verify_from(&peer(1), &[], &code).await);
    assert_eq!(desk.verify_from(&peer(2), &[], &code).await.status, 200, "it was not looked up, nor used");
    desk.clock.set_offset(start + HOUR);
    for _ in 0..10 {
        assert_wrong(&guess(&desk, 1).await);
    }
    assert_refused(&guess(&desk, 1).await);
}

#[actix_web::test]
async fn a_budget_is_keyed_by_network_and_not_by_address_and_port() {
    let (desk, _) = desk_at_the_hour(SMALL).await;
    for port in 1..=3 {
        assert_wrong(&desk.verify_from(&format!("198.51.100.{port}:{port}"), &[], "00000000").await);
    }
    assert_refused(&desk.verify_from("198.51.100.200:99", &[], "00000000").await);
    assert_refused(&desk.verify_from("[::ffff:198.51.100.9]:99", &[], "00000000").await);
    assert_wrong(&desk.verify_from("198.51.101.1:1", &[], "00000000").await);
}

#[actix_web::test]
async fn an_ipv6_address_is_kept_whole_and_its_64_shares_a_budget() {
    let (desk, _) = desk_at_the_hour(SMALL).await;
    for same in ["[2001:db8:7:1::1]:1", "[2001:db8:7:1:ffff:ffff:ffff:ffff]:1", "[2001:db8:7:1:8000::]:2"] {
        assert_wrong(&desk.verify_from(same, &[], "00000000").await);
    }
    assert_refused(&desk.verify_from("[2001:db8:7:1::2]:1", &[], "00000000").await);
    for other in ["[2001:db8:7:2::1]:1", "[2001:db8:8:1::1]:1"] {
        assert_wrong(&desk.verify_from(other, &[], "00000000").await);
    }
}

#[actix_web::test]
async fn x_forwarded_for_of_a_stranger_changes_nothing() {
    let (mut desk, _) = desk_at_the_hour(Budgets { shared: Budgets::default().shared, ..SMALL }).await;
    for (proxies, network) in [(0, 1), (1, 2)] {
        let edge = Edge { proxies, proxy_networks: vec!["10.0.0.0/8".parse().expect("a network")], relays: vec![] };
        desk.state = desk.state.clone().with_edge(edge);
        for said in ["192.0.2.1", "203.0.113.1", "10.0.0.1"] {
            assert_wrong(&desk.verify_from(&peer(network), &[said], "00000000").await);
        }
        assert_refused(&desk.verify_from(&peer(network), &["192.0.2.99"], "00000000").await);
    }
    // Through the proxy it counts, and what is said to the left of what the proxy saw does not.
    for forged in ["1.1.1.1", "2.2.2.2", "3.3.3.3"] {
        assert_wrong(&desk.verify_from("10.0.0.1:1", &[forged, "203.0.113.9"], "00000000").await);
    }
    assert_refused(&desk.verify_from("10.0.0.1:1", &["4.4.4.4", "203.0.113.9"], "00000000").await);
}

#[actix_web::test]
async fn honest_people_do_not_pay() {
    let (desk, start) = desk_at_the_hour(SMALL).await;
    let (used, late) = (desk.code().await, desk.code().await);
    let (short, long) = desk.both_forms().await;
    let claim = async |code: &str| desk.verify_from(&peer(1), &[], code).await;
    assert_eq!(claim(&used).await.status, 200);
    for _ in 0..5 {
        // A code that is there costs nothing, whatever has become of it.
        assert_eq!(claim(&used).await.status, 200, "repeated without a nonce");
        let other = desk.verify(&json!({ "code": used, "nonce": NONCE })).await;
        assert_eq!(other.refusal(), (400, "code_invalid"), "another's");
        // Nor does what can be no code, nor a slip that the check character catches, nor a long code that is none.
        assert_wrong(&claim("1234").await);
        let good = wrong_crockford();
        let slip = format!("{}{}", if good.starts_with('7') { '8' } else { '7' }, &good[1..]);
        assert_wrong(&claim(&slip).await);
        assert_wrong(&claim("uuuuuuuuuuuuuuuu").await);
    }
    desk.clock.set_offset(start + 900);
    for _ in 0..5 {
        assert_eq!(claim(&late).await.refusal(), (400, "code_expired"));
        assert_eq!(claim(&short).await.refusal(), (400, "code_expired"));
    }
    for _ in 0..3 {
        assert_wrong(&guess(&desk, 1).await);
    }
    assert_eq!(guess(&desk, 1).await.status, 429);
    assert_eq!(claim(&long).await.status, 200, "long codes have no budget");
}

#[actix_web::test]
async fn crockford_codes_have_ten_times_the_budget() {
    let (desk, _) = desk_at_the_hour(SMALL).await;
    for _ in 0..30 {
        assert_wrong(&desk.verify_from(&peer(1), &[], &wrong_crockford()).await);
    }
    assert_refused(&desk.verify_from(&peer(1), &[], &wrong_crockford()).await);
    assert_wrong(&guess(&desk, 1).await);
}

#[actix_web::test]
async fn under_attack_an_honest_code_still_works() {
    let (desk, start) = desk_at_the_hour(SMALL).await;
    let (suspended, codes) = (desk.code().await, [desk.code().await, desk.code().await, desk.code().await]);
    let mut looked_up = 0;
    for round in 0..10 {
        for network in 0..8 {
            looked_up += i32::from(guess(&desk, network).await.status == 400);
        }
        if let Some(code) = codes.get(round) {
            let honest = desk.verify_from(&peer(100 + round), &[], code).await;
            assert_eq!(honest.status, 200, "from a network that the attacker does not share");
        }
    }
    // The first of each network; by then the authority's budget was spent.
    assert_eq!(looked_up, 8);
    assert_refused(&desk.verify_from(&peer(3), &[], &suspended).await);
    let other = authority(&desk.state, "se", false).await;
    assert_eq!(desk.post("/api/issue", &other.0, &json!({ "testType": "likely" })).await.text("code").len(), 8);
    desk.clock.set_offset(start + HOUR);
    let fresh = desk.code().await;
    assert_eq!(desk.verify_from(&peer(3), &[], &fresh).await.status, 200, "the next hour is nobody's fault");
}

#[actix_web::test]
async fn a_day_of_guesses_looks_up_what_arithmetic_says() {
    let (desk, start) = desk_at_the_hour(SMALL).await;
    let mut looked_up = Vec::new();
    for hour in 0..25 {
        desk.clock.set_offset(start + hour * HOUR);
        let mut wrong = 0;
        for network in 0..12 {
            wrong += i32::from(guess(&desk, network).await.status == 400);
        }
        looked_up.push(wrong);
    }
    // Each network's first one; then six an hour for the authority; and when a day has passed, the six that were refused since are served again.
    assert_eq!(looked_up[0], 12);
    assert!(looked_up[1..24].iter().all(|&wrong| wrong == 6), "{looked_up:?}");
    assert_eq!(looked_up[24], 12);
}

#[actix_web::test]
async fn a_relay_has_a_budget_of_its_own() {
    let (mut desk, _) = desk_at_the_hour(SMALL).await;
    let relays = ["west=203.0.113.0/28", "east=203.0.113.16/28"].map(|relay| relay.parse().expect("a relay"));
    desk.state = desk.state.clone().with_edge(Edge { relays: relays.to_vec(), ..Edge::default() });
    let code = desk.code().await;
    for network in 0..6 {
        assert_wrong(&guess(&desk, network).await);
    }
    // The authority's budget is spent.
    assert_refused(&guess(&desk, 0).await);
    for host in 1..=4 {
        assert_wrong(&desk.verify_from(&format!("203.0.113.{host}:1"), &[], "00000000").await);
    }
    assert_refused(&desk.verify_from("203.0.113.5:1", &[], "00000000").await);
    assert_refused(&desk.verify_from("203.0.113.6:1", &[], &code).await);
    assert_eq!(desk.verify_from("203.0.113.17:1", &[], &code).await.status, 200);
}

#[actix_web::test]
async fn while_digits_are_guessed_crockford_codes_are_issued() {
    let (desk, start) = desk_at_the_hour(SMALL).await;
    let order = json!({ "testType": "likely", "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e" });
    let before = desk.issue(&order).await;
    for network in 0..6 {
        assert_eq!(desk.code().await.len(), 8);
        assert_wrong(&guess(&desk, network).await);
    }
    let now = desk.state.now().unix();
    let issued = desk.issue(&json!({ "testType": "likely" })).await;
    assert_eq!(issued.text("code").len(), 11, "ten characters and a check character");
    let life = issued.body["expiresAtTimestamp"].as_i64().expect("seconds") - now;
    assert!((900..960).contains(&life), "as long as the authority's codes live: {life}");
    let batch = json!({ "codes": [{ "testType": "likely" }] });
    let batch = desk.post("/api/batch-issue", &desk.admin, &batch).await;
    assert_eq!(batch.body["codes"][0]["code"].as_str().expect("a code").len(), 11);
    let request = desk::IssueRequest { test_type: "likely".to_owned(), ..desk::IssueRequest::default() };
    assert_eq!(desk::issue(&desk.state, "no", request).await.expect("issued").code.len(), 11, "by command");
    assert_eq!(desk.issue(&order).await.body["code"], before.body["code"], "the same request gets the same code");
    let claimed = desk.verify_from(&peer(1), &[], &issued.text("code").to_lowercase()).await;
    assert_eq!(claimed.status, 200, "even where digits are suspended");
    desk.clock.set_offset(start + HOUR);
    assert_eq!(desk.code().await.len(), 8);
}

#[actix_web::test]
async fn an_authority_that_wants_crockford_codes_keeps_its_own() {
    let (desk, _) = desk_at_the_hour(SMALL).await;
    desk.change_codes(CodeSpec { form: Some(Spelling::Crockford), length: Some(12), ..CodeSpec::default() }).await;
    for network in 0..6 {
        assert_wrong(&guess(&desk, network).await);
    }
    assert_eq!(desk.code().await.len(), 13);
}

#[actix_web::test]
async fn operators_see_the_alarm_and_no_network() {
    let (desk, start) = desk_at_the_hour(SMALL).await;
    authority(&desk.state, "se", false).await;
    let alarms = async || {
        alarm::watch(&desk.state).await.expect("looked");
        let text = desk.state.metrics().render();
        ["no", "se"].map(|id| text.contains(&format!("pratique_verification_guessing_alarm{{authority=\"{id}\"}} 1\n")))
    };
    assert_eq!(alarms().await, [false, false]);
    for network in 0..8 {
        guess(&desk, network % 7).await;
    }
    assert_eq!(alarms().await, [true, false]);
    for network in 10..13 {
        guess(&desk, network).await;
    }
    assert_eq!(alarms().await, [true, true], "nine in all");
    let text = desk.state.metrics().render();
    let counted = |name: &str, count: i32| format!("pratique_verification_{name}_total{{form=\"digits\"}} {count}\n");
    assert!(text.contains(&counted("guesses_wrong", 0)), "not before the next step");
    desk.state.metrics().step();
    let text = desk.state.metrics().render();
    assert!(text.contains(&counted("guesses_wrong", 10)) && text.contains(&counted("guesses_suspended", 1)), "{text}");
    assert!(text.contains(&counted("guesses_spent", 0)) && !text.contains("198.51"));
    desk.clock.set_offset(start + HOUR);
    assert_eq!(alarms().await, [false, false]);
}

#[actix_web::test]
async fn a_refusal_for_now_says_until_when_and_else_is_like_any_other() {
    let (desk, start) = desk_at_the_hour(SMALL).await;
    let other = desk.verify_from(&peer(1), &[], "00").await;
    assert!(other.retry_after.is_none());
    for _ in 0..3 {
        guess(&desk, 1).await;
    }
    desk.clock.set_offset(start + HOUR - 300);
    let refused = guess(&desk, 1).await;
    assert_eq!(refused.headers, other.headers);
    assert!((240..=300).contains(&refused.retry_after.expect("Retry-After")));
}

#[actix_web::test]
async fn who_failed_is_forgotten_within_a_day() {
    let (desk, start) = desk_at_the_hour(SMALL).await;
    for network in 0..3 {
        assert_wrong(&guess(&desk, network).await);
    }
    // The tallies, of which stripes were drawn by chance, go with their hour; the networks when a day has passed.
    for (hours, least, most) in [(1, 0, 0), (2, 2, 6), (23, 0, 0), (24, 3, 3), (1_000, 0, 0)] {
        desk.clock.set_offset(start + hours * HOUR);
        let purged = crate::purge(&desk.state).await.expect("purged").rows;
        assert!((least..=most).contains(&purged), "{purged} after {hours} hours");
    }
}
