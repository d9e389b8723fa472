//! What staff see of a code, and how they end it.

use std::sync::Arc;

use store::{ClaimOutcome, CodeForm, CodeStatus, CodeStore, ExpireOutcome, FoundCode, IssueOutcome, NewCode, Peppered};

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
