//! Reports without a certificate: whom an authority lets, and what keeps them few.

use std::sync::Arc;

use proto::{Feed, Kind};
use store::{Authority, DEFAULT_MEMO_BYTES, KeyStore, SelfReporting, SolvedChallenge, SpendOutcome};
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::samples::{authority, feed, opened, policy, provenance, region, report, sealed};

/// How many spend or report at once.
const RACERS: u8 = 50;

async fn registered(store: &dyn KeyStore, engine: &impl Engine, self_reports: SelfReporting) -> Authority {
    let authority = Authority { self_reports, ..authority("fhi", &["NO", "SJ"]) };
    store.register(&authority, engine.clock().now()).await.expect("registered");
    store.authority("fhi").await.expect("read").expect("known")
}

pub(crate) async fn nobody_reports_without_a_certificate_unless_the_authority_says_so(engine: &impl Engine) {
    let store = opened(engine).await;
    let standing = store.authority("fhi").await.expect("read").expect("known");
    assert_eq!((standing.self_reports, standing.memo_bytes), (SelfReporting::Off, DEFAULT_MEMO_BYTES));
    assert_eq!(standing.self_reported_feeds(), []);
    assert_eq!(store.feeds().await.expect("read").len(), 4);
}

pub(crate) async fn who_may_report_is_a_policy_and_makes_the_feeds_for_it(engine: &impl Engine) {
    let store = opened(engine).await;
    let mut version = 1;
    for said in [SelfReporting::ProofOfWork, SelfReporting::Open { per_hour: 7 }, SelfReporting::Open { per_hour: 8 }] {
        version += 1;
        let standing = registered(&*store, engine, said).await;
        assert_eq!((standing.self_reports, standing.policy_version), (said, version));
        assert_eq!(registered(&*store, engine, said).await, standing, "the same again changes nothing");
        let paths: Vec<_> = standing.self_reported_feeds().iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["NO/tcn-self", "SJ/tcn-self"]);
    }
    let closed = registered(&*store, engine, SelfReporting::Off).await;
    assert_eq!((closed.self_reported_feeds(), closed.policy_version), (Vec::new(), 5));
    let feeds: Vec<_> = store.feeds().await.expect("read").iter().map(ToString::to_string).collect();
    let all = ["NO/gaen", "NO/tcn", "NO/tcn-self", "SJ/gaen", "SJ/tcn", "SJ/tcn-self"];
    assert_eq!(feeds, all, "what was published there may still be listed");
}

pub(crate) async fn an_authority_may_allow_longer_memos(engine: &impl Engine) {
    let store = opened(engine).await;
    for memo_bytes in [255, 0] {
        let said = Authority { memo_bytes, ..authority("fhi", &["NO"]) };
        store.register(&said, engine.clock().now()).await.expect("registered");
        assert_eq!(store.authority("fhi").await.expect("read").expect("known").memo_bytes, memo_bytes);
    }
}

pub(crate) async fn an_hour_without_any_report_allowed_is_refused(engine: &impl Engine) {
    let store = opened(engine).await;
    let none = Authority { self_reports: SelfReporting::Open { per_hour: 0 }, ..authority("fhi", &["NO"]) };
    store.register(&none, engine.clock().now()).await.expect_err("open to nobody is off");
    assert!(!store.tally_self_report("fhi", 0, engine.clock().now()).await.expect("counted"));
}

pub(crate) async fn a_self_reported_feed_is_sealed_apart_from_the_verified_one(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let feeds = registered(&*store, engine, SelfReporting::ProofOfWork).await.self_reported_feeds();
    store.accept_reports(&[report(1, 10, now)], &feeds, &provenance(now)).await.expect("accepted");
    store.accept_reports(&[report(2, 10, now)], &[feed(Kind::Tcn)], &provenance(now)).await.expect("accepted");
    for feed in [feed(Kind::Tcn), Feed::self_reported(region("NO"), Kind::Tcn)] {
        assert_eq!(store.waiting(&feed).await.expect("counted").releasable, 1, "{feed}");
        assert_eq!(sealed(&*store, &feed, &policy()).await, [1], "{feed}");
    }
}

fn solved(id: u8, spent_on: u8, engine: &impl Engine) -> SolvedChallenge {
    SolvedChallenge { id: [id; 16], spent_on: [spent_on; 32], forget_at: engine.clock().now().plus(3_600) }
}

pub(crate) async fn a_challenge_is_spent_on_one_report(engine: &impl Engine) {
    let (store, other) = (opened(engine).await, engine.open().await);
    for store in [&store, &other] {
        // A repeat, also through another program, is answered like the first time.
        let again = store.spend_challenge(&solved(1, 1, engine)).await.expect("spent");
        assert_eq!(again, SpendOutcome::Spent);
        let elsewhere = store.spend_challenge(&solved(1, 2, engine)).await.expect("looked at");
        assert_eq!(elsewhere, SpendOutcome::SpentElsewhere);
    }
    assert_eq!(other.spend_challenge(&solved(2, 2, engine)).await.expect("spent"), SpendOutcome::Spent);
}

pub(crate) async fn of_fifty_that_spend_a_challenge_at_once_one_succeeds(engine: &impl Engine) {
    let mut programs: Vec<Arc<dyn KeyStore>> = vec![opened(engine).await];
    programs.push(engine.open().await);
    let mut racers = JoinSet::new();
    for racer in 0..RACERS {
        let (store, solved) = (Arc::clone(&programs[usize::from(racer % 2)]), solved(1, racer, engine));
        racers.spawn(async move { store.spend_challenge(&solved).await.expect("an outcome") });
    }
    let outcomes = racers.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == SpendOutcome::Spent).count(), 1);
}

pub(crate) async fn a_challenge_is_remembered_until_nobody_takes_it(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    assert_eq!(store.spend_challenge(&solved(1, 1, engine)).await.expect("spent"), SpendOutcome::Spent);
    assert_eq!(store.forget_admissions(now.plus(3_599), 10).await.expect("forgot"), 0);
    let elsewhere = store.spend_challenge(&solved(1, 2, engine)).await.expect("looked at");
    assert_eq!(elsewhere, SpendOutcome::SpentElsewhere);
    // An hour and the grain later the row may go.
    let gone = now.plus(3_600 + 900);
    assert_eq!(store.forget_admissions(gone, 10).await.expect("forgot"), 1);
    assert_eq!(store.spend_challenge(&solved(1, 2, engine)).await.expect("spent"), SpendOutcome::Spent);
}

pub(crate) async fn the_tally_of_an_hour_never_passes_its_limit(engine: &impl Engine) {
    let mut programs: Vec<Arc<dyn KeyStore>> = vec![opened(engine).await];
    programs.push(engine.open().await);
    let now = engine.clock().now().floor(3_600);
    let mut racers = JoinSet::new();
    for racer in 0..RACERS {
        let store = Arc::clone(&programs[usize::from(racer % 2)]);
        racers.spawn(async move { store.tally_self_report("fhi", 20, now.plus(racer.into())).await.expect("counted") });
    }
    assert_eq!(racers.join_all().await.into_iter().filter(|admitted| *admitted).count(), 20);
    let store = &programs[0];
    assert!(!store.tally_self_report("fhi", 20, now.plus(3_599)).await.expect("counted"), "the hour is not over");
    assert!(store.tally_self_report("fhi", 21, now).await.expect("counted"), "the limit was raised");
    assert!(store.tally_self_report("another", 1, now).await.expect("counted"), "each authority has its own");
    for hour in 1..4 {
        assert!(store.tally_self_report("fhi", 1, now.plus(hour * 3_600)).await.expect("counted"), "the next hour");
    }
}

pub(crate) async fn what_nobody_asks_for_any_more_is_forgotten_in_bounded_steps(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now().floor(3_600);
    for hour in 0..5 {
        assert!(store.tally_self_report("fhi", 1, now.plus(hour * 3_600)).await.expect("counted"));
    }
    for id in 0..5 {
        store.spend_challenge(&solved(id, id, engine)).await.expect("spent");
    }
    assert_eq!(store.forget_admissions(now.plus(3_600), 10).await.expect("forgot"), 0, "clocks differ");
    let later = now.plus(5 * 3_600);
    for removed in [4, 4, 1, 0] {
        assert_eq!(store.forget_admissions(later, 2).await.expect("forgot"), removed);
    }
}
