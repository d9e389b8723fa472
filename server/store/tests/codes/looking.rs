//! What staff see of a code, and how they end it.

use std::sync::Arc;

use proto::ReportType;
use store::{
    ClaimOutcome, CodeForm, CodeStatus, CodeStore, CounterKind, Day, ExpireOutcome, FoundCode, IssueOutcome, NewCode,
    NewSelfReport, Peppered, SelfReportStanding, Terms,
};

use crate::engine::Engine;
use crate::samples::{CODE_LIFE, NOW, TERMS, authorities, bound, code, digest, form, look_up, sealed, under};

const LONG_LIFE: i64 = 96 * CODE_LIFE;

/// A database in which code `1` waits, with a long form whose digest is `101`.
async fn with_code(engine: &impl Engine) -> Arc<dyn CodeStore> {
    let store = engine.open().await;
    authorities(&*store).await;
    let mut both = code(1);
    both.forms.push(form(CodeForm::Long, 101, LONG_LIFE));
    store.issue(&both, NOW).await.expect("issued");
    store
}

async fn status(store: &dyn CodeStore, byte: u8) -> Option<CodeStatus> {
    store.status("a", [byte; 16]).await.expect("looked up")
}

async fn expire(store: &dyn CodeStore, byte: u8, later: i64) -> ExpireOutcome {
    store.expire("a", [byte; 16], NOW.plus(later)).await.expect("answered")
}

/// How many codes of authorities `a` and `b` are counted as expired on the first day.
async fn ends(store: &dyn CodeStore) -> [u64; 2] {
    let day = Day::containing(NOW);
    let mut ends = [0; 2];
    for (authority, count) in ["a", "b"].into_iter().zip(&mut ends) {
        let days = store.counts(authority, day, day).await.expect("read");
        *count = days.iter().map(|day| day.counts[CounterKind::Expired]).sum();
    }
    ends
}

fn waiting(expires: i64, long_expires: i64) -> CodeStatus {
    CodeStatus { claimed: false, expires_at: NOW.plus(expires), long_expires_at: NOW.plus(long_expires) }
}

pub(crate) async fn a_status_tells_claimed_and_until_when(engine: &impl Engine) {
    let store = with_code(engine).await;
    store.issue(&code(2), NOW).await.expect("issued");
    assert_eq!(status(&*store, 1).await, Some(waiting(CODE_LIFE, LONG_LIFE)));
    assert_eq!(status(&*store, 2).await, Some(waiting(CODE_LIFE, CODE_LIFE)), "its only form is as good as a long one");
    store.claim(&bound(1, 7, NOW)).await.expect("claimed");
    let claimed = status(&*store, 1).await.expect("known");
    assert!(claimed.claimed);
    assert_eq!(claimed.expires_at, NOW.plus(3_600), "a spent code is known to the hour");
    assert!(!status(&*store, 2).await.expect("known").claimed);
}

pub(crate) async fn an_expired_code_is_nobodys_in_either_form(engine: &impl Engine) {
    let store = with_code(engine).await;
    assert_eq!(expire(&*store, 1, 60).await, ExpireOutcome::Expired(waiting(60, 60)));
    assert_eq!(status(&*store, 1).await, Some(waiting(60, 60)));
    for byte in [1, 101] {
        let mut claim = bound(1, 7, NOW.plus(60));
        claim.code = FoundCode { digest: digest(byte), ..claim.code };
        assert_eq!(store.claim(&claim).await.expect("answered"), ClaimOutcome::Expired, "{byte}");
    }
    let again = NewCode { uuid: [1; 16], request: vec![digest(1)], ..code(2) };
    assert!(matches!(store.issue(&again, NOW.plus(60)).await, Ok(IssueOutcome::UuidTaken)));
    drop(store);
    let everything = engine.everything().await;
    for byte in [1, 101] {
        assert!(!everything.windows(sealed(byte).len()).any(|bytes| bytes == sealed(byte)), "its text is gone");
    }
}

pub(crate) async fn expiring_again_changes_nothing(engine: &impl Engine) {
    let store = with_code(engine).await;
    expire(&*store, 1, 60).await;
    assert_eq!(expire(&*store, 1, 120).await, ExpireOutcome::Expired(waiting(60, 60)));

    // What had expired before keeps its time.
    let mut late = code(2);
    late.forms.push(form(CodeForm::Long, 102, LONG_LIFE));
    store.issue(&late, NOW).await.expect("issued");
    let outcome = expire(&*store, 2, CODE_LIFE + 60).await;
    assert_eq!(outcome, ExpireOutcome::Expired(waiting(CODE_LIFE, CODE_LIFE + 60)));
}

pub(crate) async fn a_claimed_code_does_not_expire(engine: &impl Engine) {
    let store = with_code(engine).await;
    store.claim(&bound(1, 7, NOW)).await.expect("claimed");
    let before = status(&*store, 1).await;
    assert_eq!(expire(&*store, 1, 60).await, ExpireOutcome::Claimed);
    assert_eq!(status(&*store, 1).await, before);
    let again = store.claim(&bound(1, 7, NOW.plus(120))).await.expect("answered");
    assert_eq!(again, ClaimOutcome::Claimed(TERMS), "its phone may still ask again");
}

pub(crate) async fn a_code_is_its_authoritys_to_look_at(engine: &impl Engine) {
    let store = with_code(engine).await;
    assert_eq!(status(&*store, 2).await, None);
    assert_eq!(store.status("b", [1; 16]).await.expect("looked up"), None);
    assert_eq!(expire(&*store, 2, 0).await, ExpireOutcome::Unknown);
    assert_eq!(store.expire("b", [1; 16], NOW).await.expect("answered"), ExpireOutcome::Unknown);
    assert_eq!(status(&*store, 1).await, Some(waiting(CODE_LIFE, LONG_LIFE)));
    // What is forgotten is unknown again.
    while store.purge(NOW.plus(10 * LONG_LIFE), 100).await.expect("purged") > 0 {}
    assert_eq!(status(&*store, 1).await, None);
}

pub(crate) async fn a_claim_and_an_expiry_at_once_leave_one_of_them(engine: &impl Engine) {
    let stores = [engine.open().await, engine.open().await];
    authorities(&*stores[0]).await;
    for byte in 1..=50 {
        stores[0].issue(&code(byte), NOW).await.expect("issued");
        let (claiming, expiring) = (Arc::clone(&stores[0]), Arc::clone(&stores[1]));
        let claim = tokio::spawn(async move { claiming.claim(&bound(byte, 7, NOW.plus(1))).await });
        let expire = tokio::spawn(async move { expiring.expire("a", [byte; 16], NOW.plus(1)).await });
        let claim = claim.await.expect("ran").expect("answered");
        match expire.await.expect("ran").expect("answered") {
            ExpireOutcome::Expired(_) => assert_eq!(claim, ClaimOutcome::Expired),
            outcome => assert_eq!((outcome, claim), (ExpireOutcome::Claimed, ClaimOutcome::Claimed(TERMS))),
        }
    }
}

pub(crate) async fn what_nobody_claimed_is_expired_at_once_and_what_was_claimed_is_left_alone(engine: &impl Engine) {
    let store = with_code(engine).await;
    for byte in 2..=5 {
        let mut code = code(byte);
        code.forms.push(form(CodeForm::Long, byte + 100, LONG_LIFE));
        store.issue(&code, NOW).await.expect("issued");
    }
    store.issue(&NewCode { authority: "b".to_owned(), ..code(6) }, NOW).await.expect("issued");
    let said = Terms { report_type: ReportType::UserReport, ..TERMS };
    let report = NewSelfReport { code: NewCode { terms: said, ..code(7) }, phone: vec![digest(50)] };
    store.self_report(&report, NOW).await.expect("taken");
    store.claim(&bound(2, 7, NOW)).await.expect("claimed");
    // Of this one only the long form can still be claimed.
    let later = NOW.plus(CODE_LIFE + 60);
    let claimed = status(&*store, 2).await;

    let mut expired = Vec::new();
    while expired.last() != Some(&0) {
        expired.push(store.expire_unclaimed(Some("a"), later, 2).await.expect("expired"));
    }
    assert_eq!(expired, [2, 2, 0], "the long forms of four; what has no other form than a short one had expired");
    assert_eq!(status(&*store, 3).await, Some(waiting(CODE_LIFE, CODE_LIFE + 60)));
    assert_eq!(status(&*store, 2).await, claimed);
    let again = store.claim(&bound(2, 7, later)).await.expect("answered");
    assert_eq!(again, ClaimOutcome::Claimed(TERMS), "its phone may still ask again");
    let mut long = bound(3, 7, later);
    long.code = FoundCode { digest: digest(103), ..long.code };
    assert_eq!(store.claim(&long).await.expect("answered"), ClaimOutcome::Expired);

    // Everybody's, while they live: another authority's, and what telephones wait for.
    assert_eq!(store.expire_unclaimed(None, NOW.plus(60), 100).await.expect("expired"), 2);
    assert_eq!(store.expire_unclaimed(None, NOW.plus(60), 100).await.expect("expired"), 0);
    let other = store.status("b", [6; 16]).await.expect("looked up");
    assert_eq!(other, Some(waiting(60, 60)));
    let standing = store.self_report_standing(&report.phone, &report.code.request, NOW.plus(60)).await;
    assert_eq!(standing.expect("answered"), SelfReportStanding::Free, "the telephone may ask for another");
    assert_eq!(ends(&*store).await, [4, 1], "each end is counted once, those of self-reports never");
    while store.purge(NOW.plus(2 * LONG_LIFE), 100).await.expect("purged") > 0 {}
    assert_eq!(ends(&*store).await, [4, 1]);
}

pub(crate) async fn claims_and_the_end_of_all_codes_at_once_leave_each_code_to_one_of_them(engine: &impl Engine) {
    let stores = [engine.open().await, engine.open().await, engine.open().await];
    authorities(&*stores[0]).await;
    for byte in 1..=50 {
        stores[0].issue(&code(byte), NOW).await.expect("issued");
    }
    let claiming = (1..=50).map(|byte| {
        let store = Arc::clone(&stores[0]);
        tokio::spawn(async move { store.claim(&bound(byte, 7, NOW.plus(1))).await.expect("answered") })
    });
    let claiming: Vec<_> = claiming.collect();
    let expiring = [1, 2].map(|store| {
        let store = Arc::clone(&stores[store]);
        tokio::spawn(async move {
            let mut expired = 0;
            loop {
                match store.expire_unclaimed(None, NOW.plus(1), 7).await.expect("answered") {
                    0 => return expired,
                    more => expired += more,
                }
            }
        })
    });
    let mut ended = 0;
    for claim in claiming {
        match claim.await.expect("ran") {
            ClaimOutcome::Expired => ended += 1,
            outcome => assert_eq!(outcome, ClaimOutcome::Claimed(TERMS)),
        }
    }
    let mut expired = 0;
    for one in expiring {
        expired += one.await.expect("ran");
    }
    assert_eq!(expired, ended, "each code was claimed, or ended once");
    assert_eq!(ends(&*stores[0]).await, [ended, 0], "and each end was counted once");
}

pub(crate) async fn the_secrets_that_rows_need_are_known(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    assert_eq!(store.peppers().await.expect("listed"), Vec::<String>::new());
    store.issue(&code(1), NOW).await.expect("issued");
    store.issue(&code(2), NOW).await.expect("issued");
    let mut newer = code(3);
    newer.request = vec![under("second", 3), digest(3)];
    newer.forms[0].digests = vec![under("second", 3), digest(3)];
    store.issue(&newer, NOW).await.expect("issued");
    assert_eq!(store.peppers().await.expect("listed"), ["first", "second"]);

    // The older one is needed until the last row that it made is gone.
    let in_time = store.claim(&bound(1, 7, NOW)).await.expect("answered");
    assert_eq!(in_time, ClaimOutcome::Claimed(TERMS));
    while store.purge(NOW.plus(CODE_LIFE + 86_400), 100).await.expect("purged") > 0 {}
    assert_eq!(store.peppers().await.expect("listed"), ["first"]);
    let of = |peppered: &Peppered| peppered.pepper.clone();
    let found = look_up(&*store, "a", &[under("second", 9), digest(1)]).await.expect("found");
    assert_eq!(of(&found.digest), "first");
}
