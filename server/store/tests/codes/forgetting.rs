//! What is gone when it should be.

use store::{CertifyOutcome, ClaimOutcome, IssueOutcome};

use crate::engine::Engine;
use crate::samples::{
    CODE_LIFE, NOW, TERMS, TOKEN_LIFE, authorities, bound, certify, code, digest, look_up, sealed, unbound,
};

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

pub(crate) async fn what_is_sealed_is_gone_once_the_code_is_claimed(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.issue(&code(1), NOW).await.expect("issued");
    store.issue(&code(2), NOW).await.expect("issued");
    store.claim(&bound(1, 7, NOW)).await.expect("claimed");
    // Closing the last handle folds what was written into its final place.
    drop(store);
    let everything = engine.everything().await;
    assert!(holds(&everything, &sealed(2)), "what still waits is there");
    assert!(!holds(&everything, &sealed(1)));
    assert!(holds(&everything, &digest(1).digest), "by its digest the code is known when its phone asks again");
}

pub(crate) async fn what_has_expired_is_forgotten_in_bounded_steps(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    for byte in 1..=5 {
        store.issue(&code(byte), NOW).await.expect("issued");
    }
    store.claim(&bound(1, 7, NOW)).await.expect("claimed");
    store.certify(&certify(1, 7, 1, NOW)).await.expect("certified");
    store.certify(&certify(1, 7, 2, NOW)).await.expect("certified");

    let purge = async |later, limit| store.purge(NOW.plus(later), limit).await.expect("purged");
    assert_eq!(purge(CODE_LIFE - 1, 100).await, 0);
    // The texts of the four that nobody claimed.
    assert_eq!([purge(CODE_LIFE, 3).await, purge(CODE_LIFE, 3).await, purge(CODE_LIFE, 3).await], [3, 1, 0]);
    assert_eq!(store.claim(&bound(2, 8, NOW.plus(CODE_LIFE))).await.expect("answered"), ClaimOutcome::Expired);
    // Both commitments of the token.
    assert_eq!([purge(TOKEN_LIFE, 1).await, purge(TOKEN_LIFE, 1).await], [2, 0]);
    let late = store.certify(&certify(1, 7, 1, NOW.plus(TOKEN_LIFE))).await.expect("answered");
    assert_eq!(late, CertifyOutcome::Expired);
    // All the rest: the four codes a day after their end, the claimed one a day after its token's.
    assert_eq!(purge(TOKEN_LIFE + CODE_LIFE, 100).await, 4);
    assert_eq!(purge(2 * TOKEN_LIFE, 100).await, 1);
    for byte in 1..=5 {
        assert!(look_up(&*store, "a", &[digest(byte)]).await.is_none());
        assert!(matches!(store.issue(&code(byte), NOW).await, Ok(IssueOutcome::Issued)));
    }
}

pub(crate) async fn the_moment_of_a_claim_is_forgotten_once_it_no_longer_matters(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    for byte in [1, 2] {
        store.issue(&code(byte), NOW).await.expect("issued");
        store.claim(&unbound(byte, 7, NOW.plus(1))).await.expect("claimed");
    }
    store.certify(&certify(1, 7, 1, NOW.plus(2))).await.expect("certified");
    assert_eq!(store.purge(NOW.plus(120), 100).await.expect("purged"), 0);
    // The certificate had ended the repeats of the first.
    assert_eq!(store.purge(NOW.plus(121), 100).await.expect("purged"), 1);
    let again = store.certify(&certify(2, 7, 1, NOW.plus(122))).await.expect("answered");
    assert_eq!(again, CertifyOutcome::Certified(TERMS));
}

pub(crate) async fn what_lives_is_not_forgotten(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.issue(&code(1), NOW).await.expect("issued");
    store.issue(&code(2), NOW).await.expect("issued");
    store.claim(&bound(1, 7, NOW)).await.expect("claimed");
    store.certify(&certify(1, 7, 1, NOW)).await.expect("certified");
    assert_eq!(store.purge(NOW.plus(CODE_LIFE - 1), 100).await.expect("purged"), 0);
    assert_eq!(store.claim(&bound(1, 7, NOW)).await.expect("answered"), ClaimOutcome::Claimed(TERMS));
    assert_eq!(store.claim(&bound(2, 8, NOW)).await.expect("answered"), ClaimOutcome::Claimed(TERMS));
    let again = store.certify(&certify(1, 7, 1, NOW)).await.expect("answered");
    assert_eq!(again, CertifyOutcome::Certified(TERMS));
}
