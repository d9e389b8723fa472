//! Self-reports: one live code a telephone.

use std::sync::Arc;

use store::{
    ClaimOutcome, CodeForm, CodeId, CodeStore, ExpireOutcome, NewSelfReport, SelfReportOutcome, SelfReportStanding,
    StandingCode,
};

use crate::engine::Engine;
use crate::samples::{CODE_LIFE, NOW, TERMS, authorities, bound, code, digest, form, under};

/// The life of a long form here, in seconds.
const LONG_LIFE: i64 = 2 * CODE_LIFE;

/// A self-report of the telephone `phone`, with the code `byte` in both forms; the long one's digest is `byte + 100`.
fn report(phone: u8, byte: u8) -> NewSelfReport {
    let mut code = code(byte);
    code.forms.push(form(CodeForm::Long, byte + 100, LONG_LIFE));
    NewSelfReport { code, phone: vec![digest(phone)] }
}

async fn database(engine: &impl Engine) -> Arc<dyn CodeStore> {
    let store = engine.open().await;
    authorities(&*store).await;
    store
}

async fn take(store: &dyn CodeStore, report: &NewSelfReport, later: i64) -> SelfReportOutcome {
    store.self_report(report, NOW.plus(later)).await.expect("answered")
}

async fn look(store: &dyn CodeStore, report: &NewSelfReport, later: i64) -> SelfReportStanding {
    let found = store.self_report_standing(&report.phone, &report.code.request, NOW.plus(later)).await;
    found.expect("answered")
}

async fn is_issued(store: &dyn CodeStore, report: &NewSelfReport, later: i64) -> bool {
    matches!(take(store, report, later).await, SelfReportOutcome::Issued)
}

async fn is_busy(store: &dyn CodeStore, report: &NewSelfReport, later: i64) -> bool {
    matches!(take(store, report, later).await, SelfReportOutcome::Busy)
}

fn standing(outcome: SelfReportOutcome) -> StandingCode {
    match outcome {
        SelfReportOutcome::Repeated(standing) => standing,
        other => panic!("expected a repeat, got {other:?}"),
    }
}

pub(crate) async fn a_telephone_has_one_live_code(engine: &impl Engine) {
    let store = database(engine).await;
    assert!(is_issued(&*store, &report(50, 1), 0).await);
    for later in [0, CODE_LIFE, LONG_LIFE - 1] {
        assert!(is_busy(&*store, &report(50, 2), later).await, "after {later} s");
        assert_eq!(look(&*store, &report(50, 2), later).await, SelfReportStanding::Busy);
    }
    assert_eq!(look(&*store, &report(50, 2), LONG_LIFE).await, SelfReportStanding::Free);
    assert!(store.status("a", [2; 16]).await.expect("looked up").is_none(), "nothing is stored for it");
    assert!(is_issued(&*store, &report(51, 3), 0).await, "another telephone is not in its way");
    assert_eq!(store.claim(&bound(1, 7, NOW)).await.expect("claimed"), ClaimOutcome::Claimed(TERMS));
}

pub(crate) async fn the_same_self_report_finds_the_code_that_stands(engine: &impl Engine) {
    let store = database(engine).await;
    assert!(is_issued(&*store, &report(50, 1), 0).await);
    // Another draw for the same request, also once the secret has been rotated.
    let mut again = report(50, 2);
    again.code.request = vec![under("second", 9), digest(1)];
    again.phone.insert(0, under("second", 60));
    for (later, forms) in [(0, 2), (CODE_LIFE, 1), (LONG_LIFE - 1, 1)] {
        let found = standing(take(&*store, &again, later).await);
        assert_eq!(look(&*store, &again, later).await, SelfReportStanding::Repeated([1; 16]));
        assert_eq!((found.id, found.uuid, found.forms.len()), (CodeId([1; 16]), [1; 16], forms), "after {later} s");
    }
    assert!(is_issued(&*store, &again, LONG_LIFE).await, "nothing stands any more");
}

pub(crate) async fn a_telephone_is_free_once_its_code_is_claimed_or_expired(engine: &impl Engine) {
    let store = database(engine).await;
    assert!(is_issued(&*store, &report(50, 1), 0).await);
    assert_eq!(store.claim(&bound(1, 7, NOW)).await.expect("claimed"), ClaimOutcome::Claimed(TERMS));
    assert!(is_issued(&*store, &report(50, 2), 1).await);
    let expired = store.expire("a", [2; 16], NOW.plus(1)).await.expect("expired");
    assert!(matches!(expired, ExpireOutcome::Expired(_)));
    assert!(is_issued(&*store, &report(50, 3), 2).await);
    assert!(is_busy(&*store, &report(50, 4), LONG_LIFE - 1).await);
    assert!(is_issued(&*store, &report(50, 4), LONG_LIFE).await, "by itself");
}

pub(crate) async fn a_telephone_is_known_under_every_live_secret(engine: &impl Engine) {
    let store = database(engine).await;
    assert!(is_issued(&*store, &report(50, 1), 0).await);
    let mut newer = report(50, 2);
    newer.phone = vec![under("second", 60), digest(50)];
    assert!(is_busy(&*store, &newer, 0).await);
    store.expire("a", [1; 16], NOW).await.expect("expired");
    assert!(is_issued(&*store, &newer, 1).await);
    // Under the secret that is current now, and no longer under the one before.
    assert!(is_busy(&*store, &NewSelfReport { phone: vec![under("second", 60)], ..report(50, 3) }, 1).await);
    assert!(is_issued(&*store, &report(50, 3), 1).await);
}

pub(crate) async fn a_collision_leaves_the_telephone_free(engine: &impl Engine) {
    let store = database(engine).await;
    store.issue(&code(1), NOW).await.expect("issued");
    let mut taken = report(50, 2);
    taken.code.forms[0].digests = vec![digest(1)];
    assert!(matches!(take(&*store, &taken, 0).await, SelfReportOutcome::Collision));
    assert!(is_issued(&*store, &report(50, 3), 0).await);
}

pub(crate) async fn what_a_telephone_waited_for_leaves_no_trace(engine: &impl Engine) {
    let store = database(engine).await;
    for (phone, byte) in [(201, 1), (202, 2), (203, 3), (204, 4)] {
        assert!(is_issued(&*store, &report(phone, byte), 0).await);
    }
    store.claim(&bound(1, 7, NOW)).await.expect("claimed");
    store.expire("a", [2; 16], NOW).await.expect("expired");
    // The texts of the third and the fourth, short and long, and then, one at a time, their telephones.
    assert_eq!(store.purge(NOW.plus(LONG_LIFE - 1), 100).await.expect("purged"), 2);
    let at_the_end = async || store.purge(NOW.plus(LONG_LIFE), 1).await.expect("purged");
    assert_eq!([at_the_end().await, at_the_end().await, at_the_end().await], [2, 2, 0]);
    drop(store);
    let everything = engine.everything().await;
    let holds = |byte: u8| everything.windows(32).any(|window| window == [byte; 32]);
    assert!(holds(3), "what is there is found");
    for phone in 201..=204 {
        assert!(!holds(phone), "{phone}");
    }
}

pub(crate) async fn many_self_reports_of_one_telephone_at_once_issue_one_code(engine: &impl Engine) {
    let stores = [database(engine).await, engine.open().await];
    let mut requests = tokio::task::JoinSet::new();
    for byte in 1..=50 {
        let store = Arc::clone(&stores[usize::from(byte % 2)]);
        // While secrets rotate, all programs know both, and not all write under the same.
        let mut report = report(50, byte);
        report.phone.insert(usize::from(byte % 2), under("second", 60));
        requests.spawn(async move { take(&*store, &report, 0).await });
    }
    let outcomes = requests.join_all().await;
    let issued = outcomes.iter().filter(|outcome| matches!(outcome, SelfReportOutcome::Issued)).count();
    let busy = outcomes.iter().filter(|outcome| matches!(outcome, SelfReportOutcome::Busy)).count();
    assert_eq!((issued, busy), (1, 49));
}

pub(crate) async fn the_same_self_report_many_times_at_once_issues_one_code(engine: &impl Engine) {
    let stores = [database(engine).await, engine.open().await];
    let mut requests = tokio::task::JoinSet::new();
    for byte in 1..=50 {
        let store = Arc::clone(&stores[usize::from(byte % 2)]);
        let mut report = report(50, byte);
        report.code.request = vec![digest(200)];
        requests.spawn(async move { take(&*store, &report, 0).await });
    }
    let outcomes = requests.join_all().await;
    let issued = outcomes.iter().filter(|outcome| matches!(outcome, SelfReportOutcome::Issued)).count();
    let ids: Vec<_> =
        outcomes.into_iter().filter(|outcome| !matches!(outcome, SelfReportOutcome::Issued)).map(standing).collect();
    assert_eq!((issued, ids.len()), (1, 49));
    assert!(ids.iter().all(|standing| standing.id == ids[0].id));
}
