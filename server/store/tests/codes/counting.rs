//! What is counted, how often, and on which day.

use std::sync::Arc;

use proto::{ReportType, Timestamp};
use store::{
    ClaimOutcome, CodeForm, CodeStore, CounterKind, Day, ExpireOutcome, IssueOutcome, NewCode, PerKind, Statistic,
    Terms,
};

use crate::engine::Engine;
use crate::samples::{
    CODE_LIFE, NOW, TERMS, TOKEN_LIFE, authorities, bound, certify, code, digest, form, look_up, unbound,
};

/// The day of all samples, 2027-01-15; [`NOW`] is eight o'clock.
const TODAY: Day = Day::new(20_833);
/// Seconds until it is over.
const REST: i64 = 16 * 3_600;

/// What was counted for `a` on a day, kind by kind: issued, claimed, expired, certified, self-reports issued and claimed.
async fn counted(store: &dyn CodeStore, day: Day) -> [u64; 6] {
    let counts = store.counts("a", day, day).await.expect("read").first().map(|day| day.counts).unwrap_or_default();
    assert_eq!(counts[CounterKind::Delivered], 0);
    use CounterKind::{Certified, Claimed, Expired, Issued, UserReportClaimed, UserReportIssued};
    [Issued, Claimed, Expired, Certified, UserReportIssued, UserReportClaimed].map(|kind| counts[kind])
}

/// Purges until nothing is left to do.
async fn purge(store: &dyn CodeStore, now: Timestamp) {
    while store.purge(now, 3).await.expect("purged") > 0 {}
}

/// A code that somebody asked for.
fn self_report(byte: u8) -> NewCode {
    NewCode { terms: Terms { report_type: ReportType::UserReport, ..TERMS }, ..code(byte) }
}

/// A code whose long form lives for three times as long.
fn both_forms(byte: u8) -> NewCode {
    let mut both = code(byte);
    both.forms.push(form(CodeForm::Long, byte + 100, 3 * CODE_LIFE));
    both
}

pub(crate) async fn each_event_is_counted_once_however_often_it_is_asked_for(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    for _ in 0..3 {
        store.issue(&code(1), NOW).await.expect("answered");
        store.issue(&NewCode { uuid: [1; 16], ..code(2) }, NOW).await.expect("refused");
    }
    assert_eq!(counted(&*store, TODAY).await, [1, 0, 0, 0, 0, 0]);
    for _ in 0..3 {
        store.claim(&unbound(1, 7, NOW)).await.expect("answered");
        store.claim(&unbound(1, 8, NOW)).await.expect("refused");
        store.claim(&unbound(9, 8, NOW)).await.expect("refused");
    }
    assert_eq!(counted(&*store, TODAY).await, [1, 1, 0, 0, 0, 0]);
    for commitment in [1, 2, 1, 3] {
        store.certify(&certify(1, 7, commitment, NOW)).await.expect("answered");
    }
    store.expire("a", [1; 16], NOW).await.expect("answered");
    purge(&*store, NOW.plus(10 * TOKEN_LIFE)).await;
    assert_eq!(counted(&*store, TODAY).await, [1, 1, 0, 1, 0, 0]);
    assert!(store.counts("b", TODAY, TODAY.plus(30)).await.expect("read").is_empty(), "nobody else did anything");
}

pub(crate) async fn events_at_once_are_counted_one_by_one(engine: &impl Engine) {
    let stores = [engine.open().await, engine.open().await];
    authorities(&*stores[0]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for byte in 1..=60_u8 {
        let store = Arc::clone(&stores[usize::from(byte % 2)]);
        tasks.spawn(async move {
            // Three people in a row want the same uuid and find the same code; of each three phones one claims it.
            let person = byte.div_ceil(3);
            let asked = NewCode { uuid: [person; 16], request: vec![digest(person)], ..code(byte) };
            store.issue(&asked, NOW).await.expect("answered");
        });
    }
    tasks.join_all().await;
    assert_eq!(counted(&*stores[0], TODAY).await[0], 20);

    let mut tasks = tokio::task::JoinSet::new();
    for byte in 1..=60_u8 {
        let store = Arc::clone(&stores[usize::from(byte % 2)]);
        tasks.spawn(async move {
            let digests =
                [digest((byte - 1) / 3 * 3 + 1), digest((byte - 1) / 3 * 3 + 2), digest((byte - 1) / 3 * 3 + 3)];
            let found = look_up(&*store, "a", &digests).await.expect("one of the three");
            let mut claim = bound(byte, byte, NOW);
            claim.code = found.clone();
            store.claim(&claim).await.expect("answered");
            for commitment in [byte, 200] {
                let mut wish = certify(byte, byte, commitment, NOW);
                wish.id = found.id;
                store.certify(&wish).await.expect("answered");
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(counted(&*stores[0], TODAY).await, [20, 20, 0, 20, 0, 0]);
}

pub(crate) async fn an_end_is_counted_once_whoever_finds_it(engine: &impl Engine) {
    let stores = [engine.open().await, engine.open().await];
    authorities(&*stores[0]).await;
    for byte in 1..=40 {
        stores[0].issue(&both_forms(byte), NOW).await.expect("issued");
    }
    // The short forms end, and nothing is over yet.
    purge(&*stores[0], NOW.plus(CODE_LIFE)).await;
    assert_eq!(counted(&*stores[0], TODAY).await[2], 0);
    // The long ones do, and staff and two purges come upon them together.
    let late = NOW.plus(3 * CODE_LIFE);
    let mut tasks = tokio::task::JoinSet::new();
    for store in [Arc::clone(&stores[0]), Arc::clone(&stores[1])] {
        tasks.spawn(async move { purge(&*store, late).await });
    }
    for byte in 1..=40 {
        let store = Arc::clone(&stores[usize::from(byte % 2)]);
        tasks.spawn(async move {
            let outcome = store.expire("a", [byte; 16], late).await.expect("answered");
            assert!(matches!(outcome, ExpireOutcome::Expired(_)));
        });
    }
    tasks.join_all().await;
    purge(&*stores[0], late).await;
    assert_eq!(counted(&*stores[0], TODAY).await, [40, 0, 40, 0, 0, 0]);
    purge(&*stores[0], NOW.plus(10 * TOKEN_LIFE)).await;
    assert_eq!(counted(&*stores[0], TODAY).await[2], 40);
}

pub(crate) async fn a_code_that_staff_end_early_has_ended_then(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.issue(&both_forms(1), NOW).await.expect("issued");
    for _ in 0..2 {
        store.expire("a", [1; 16], NOW.plus(CODE_LIFE + 1)).await.expect("answered");
        purge(&*store, NOW.plus(10 * CODE_LIFE)).await;
        assert_eq!(counted(&*store, TODAY).await, [1, 0, 1, 0, 0, 0]);
    }
}

pub(crate) async fn an_end_that_is_found_late_leaves_the_days_before_as_they_are(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    for (byte, life) in [(1, REST - 1), (2, REST - 1), (3, REST)] {
        let forms = vec![form(CodeForm::Short, byte, life)];
        store.issue(&NewCode { forms, forget_at: NOW.plus(2 * REST), ..code(byte) }, NOW).await.expect("issued");
    }
    // Within an hour it counts for the day on which it was over, though that day is over itself.
    assert_eq!(store.purge(NOW.plus(REST + 3_599), 1).await.expect("purged"), 1);
    assert_eq!(counted(&*store, TODAY).await[2], 1);
    // Later it counts for the day on which it is found, and although the code could be forgotten, it is counted first.
    purge(&*store, NOW.plus(5 * 86_400)).await;
    assert_eq!(counted(&*store, TODAY).await[2], 1);
    assert_eq!(counted(&*store, TODAY.plus(5)).await[2], 2);
}

pub(crate) async fn self_reports_are_counted_apart(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    for byte in 1..=3 {
        store.issue(&self_report(byte), NOW).await.expect("issued");
    }
    assert!(matches!(store.claim(&bound(1, 7, NOW)).await, Ok(ClaimOutcome::Claimed(_))));
    store.certify(&certify(1, 7, 1, NOW)).await.expect("answered");
    store.expire("a", [2; 16], NOW).await.expect("answered");
    purge(&*store, NOW.plus(CODE_LIFE)).await;
    assert_eq!(counted(&*store, TODAY).await, [0, 0, 0, 0, 3, 1]);
}

pub(crate) async fn no_more_than_the_quota_are_issued_however_many_ask(engine: &impl Engine) {
    let stores = [engine.open().await, engine.open().await];
    authorities(&*stores[0]).await;
    // The second is more than there are connections to the server, so that both ways of counting have their turn.
    for (quota, asking) in [(37_u32, 100_u16), (130, 250)] {
        let now = NOW.plus(i64::from(quota) * 86_400);
        let mut tasks = tokio::task::JoinSet::new();
        for person in 0..asking {
            let store = Arc::clone(&stores[usize::from(person % 2)]);
            tasks.spawn(async move { store.issue(&of_many(person, quota), now).await.expect("answered") });
        }
        let outcomes = tasks.join_all().await;
        let issued = outcomes.iter().filter(|outcome| matches!(outcome, IssueOutcome::Issued)).count();
        let refused = outcomes.iter().filter(|outcome| matches!(outcome, IssueOutcome::QuotaExceeded)).count();
        assert_eq!((issued, issued + refused), (quota as usize, usize::from(asking)));
        assert_eq!(counted(&*stores[0], Day::containing(now)).await[0], u64::from(quota));
    }
}

/// One of many codes that have nothing in common.
fn of_many(person: u16, quota: u32) -> NewCode {
    let mut name = [0; 16];
    name[..2].copy_from_slice(&person.to_be_bytes());
    name[2..6].copy_from_slice(&quota.to_be_bytes());
    let mut one = NewCode { id: store::CodeId(name), uuid: name, quota: Some(quota), ..code(1) };
    one.forms[0].digests[0].digest[..16].copy_from_slice(&name);
    one
}

pub(crate) async fn a_repeat_costs_nothing_and_is_answered_when_the_quota_is_used_up(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    let limited = |byte, quota| NewCode { quota: Some(quota), ..code(byte) };
    assert!(matches!(store.issue(&limited(1, 0), NOW).await, Ok(IssueOutcome::QuotaExceeded)), "none is none");
    assert!(matches!(store.issue(&limited(1, 2), NOW).await, Ok(IssueOutcome::Issued)));
    for _ in 0..3 {
        assert!(matches!(store.issue(&limited(1, 2), NOW).await, Ok(IssueOutcome::Repeated(_))));
    }
    let taken = NewCode { uuid: [9; 16], ..limited(1, 2) };
    assert!(matches!(store.issue(&taken, NOW).await, Ok(IssueOutcome::Collision)));
    assert!(matches!(store.issue(&limited(2, 2), NOW).await, Ok(IssueOutcome::Issued)));
    assert!(matches!(store.issue(&limited(3, 2), NOW).await, Ok(IssueOutcome::QuotaExceeded)));
    assert!(matches!(store.issue(&limited(2, 2), NOW).await, Ok(IssueOutcome::Repeated(_))));
    // Lower than what was issued refuses; others, self-reports and tomorrow are not concerned.
    assert!(matches!(store.issue(&limited(3, 1), NOW).await, Ok(IssueOutcome::QuotaExceeded)));
    let other = NewCode { authority: "b".to_owned(), ..limited(4, 2) };
    assert!(matches!(store.issue(&other, NOW).await, Ok(IssueOutcome::Issued)));
    let asked = NewCode { quota: Some(2), ..self_report(5) };
    assert!(matches!(store.issue(&asked, NOW).await, Ok(IssueOutcome::Issued)));
    assert!(matches!(store.issue(&limited(3, 2), NOW.plus(REST - 1)).await, Ok(IssueOutcome::QuotaExceeded)));
    assert!(matches!(store.issue(&limited(3, 2), NOW.plus(REST)).await, Ok(IssueOutcome::Issued)));
}

fn shown(day: Day, figure: Option<u64>) -> Statistic {
    Statistic { day, figures: PerKind::from_fn(|kind| figure.map(|figure| figure + 10 * kind as u64)) }
}

pub(crate) async fn what_is_shown_is_written_once(engine: &impl Engine) {
    let stores = [engine.open().await, engine.open().await];
    authorities(&*stores[0]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..20_u64 {
        let store = Arc::clone(&stores[usize::from(writer % 2 == 0)]);
        let days = [shown(TODAY, Some(10 * writer)), shown(TODAY.plus(1), None)];
        tasks.spawn(async move { store.freeze("a", &days).await.expect("answered").then_some(days) });
    }
    let winners: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(stores[0].statistics("a", TODAY).await.expect("read"), winners[0]);
    // Neither a day between nor one before is written any more.
    for day in [TODAY.plus(-1), TODAY, TODAY.plus(1)] {
        assert!(!stores[0].freeze("a", &[shown(day, Some(990))]).await.expect("answered"));
    }
    assert!(stores[0].freeze("a", &[shown(TODAY.plus(2), Some(20))]).await.expect("answered"));
    assert_eq!(stores[0].statistics("a", TODAY.plus(2)).await.expect("read"), [shown(TODAY.plus(2), Some(20))]);
    assert!(stores[0].statistics("b", TODAY.plus(-400)).await.expect("read").is_empty());
    assert!(stores[0].freeze("c", &[shown(TODAY, None)]).await.is_err());
}

pub(crate) async fn counts_are_deleted_once_they_are_frozen_and_figures_when_they_are_old(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    for day in 0..3 {
        for byte in [1, 2] {
            let byte = 10 * day + byte;
            store.issue(&code(byte), NOW.plus(i64::from(day) * 86_400)).await.expect("issued");
            store.claim(&bound(byte, 7, NOW)).await.expect("claimed");
        }
    }
    let forget = async |oldest, limit| store.forget_counts(oldest, limit).await.expect("deleted");
    assert_eq!(forget(TODAY, 100).await, 0, "what nobody froze is kept");
    store.freeze("a", &[shown(TODAY, Some(10)), shown(TODAY.plus(1), None)]).await.expect("frozen");
    let mut batches = Vec::new();
    while batches.last() != Some(&0) {
        batches.push(forget(TODAY, 1).await);
    }
    assert!(batches.len() > 2 && batches.iter().all(|rows| *rows <= 1), "{batches:?}");
    assert_eq!(counted(&*store, TODAY.plus(1)).await[0], 0);
    assert_eq!(counted(&*store, TODAY.plus(2)).await[0], 2, "this day is not frozen");
    assert_eq!(store.statistics("a", TODAY).await.expect("read").len(), 2);
    assert_eq!(forget(TODAY.plus(1), 100).await, 1);
    assert_eq!(store.statistics("a", TODAY).await.expect("read"), [shown(TODAY.plus(1), None)]);
    while forget(TODAY.plus(3), 100).await > 0 {}
    assert_eq!(counted(&*store, TODAY.plus(2)).await[0], 0, "too old to be of use to anybody");
}
