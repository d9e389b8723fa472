//! Binding tokens to commitments.

use std::sync::Arc;

use store::{Certify, CertifyOutcome, CodeStore};

use crate::engine::Engine;
use crate::samples::{NOW, TERMS, TOKEN_LIFE, authorities, bound, certify, code};

const CERTIFIED: CertifyOutcome = CertifyOutcome::Certified(TERMS);

/// A database in which code `1` became the token `7`.
async fn with_token(engine: &impl Engine) -> Arc<dyn CodeStore> {
    let store = engine.open().await;
    authorities(&*store).await;
    store.issue(&code(1), NOW).await.expect("issued");
    store.claim(&bound(1, 7, NOW)).await.expect("claimed");
    store
}

async fn outcome(store: &dyn CodeStore, certify: Certify) -> CertifyOutcome {
    store.certify(&certify).await.expect("answered")
}

pub(crate) async fn the_same_commitment_is_certified_again(engine: &impl Engine) {
    let store = with_token(engine).await;
    for later in [0, 1, TOKEN_LIFE - 1] {
        assert_eq!(outcome(&*store, certify(1, 7, 1, NOW.plus(later))).await, CERTIFIED);
    }
    // The repeats left room for another.
    assert_eq!(outcome(&*store, certify(1, 7, 2, NOW)).await, CERTIFIED);
}

pub(crate) async fn a_token_is_good_for_two_commitments(engine: &impl Engine) {
    let store = with_token(engine).await;
    assert_eq!(outcome(&*store, certify(1, 7, 1, NOW)).await, CERTIFIED);
    assert_eq!(outcome(&*store, certify(1, 7, 2, NOW)).await, CERTIFIED);
    assert_eq!(outcome(&*store, certify(1, 7, 3, NOW)).await, CertifyOutcome::Spent);
    assert_eq!(outcome(&*store, certify(1, 7, 1, NOW)).await, CERTIFIED);
    assert_eq!(outcome(&*store, certify(1, 7, 2, NOW)).await, CERTIFIED);
}

pub(crate) async fn many_commitments_at_once_leave_two(engine: &impl Engine) {
    let stores = [with_token(engine).await, engine.open().await];
    let mut wishes = tokio::task::JoinSet::new();
    for commitment in 0..50 {
        let store = Arc::clone(&stores[usize::from(commitment % 2)]);
        wishes.spawn(async move { outcome(&*store, certify(1, 7, commitment, NOW)).await });
    }
    let outcomes = wishes.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == CERTIFIED).count(), 2);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == CertifyOutcome::Spent).count(), 48);
}

pub(crate) async fn a_token_ends(engine: &impl Engine) {
    let store = with_token(engine).await;
    assert_eq!(outcome(&*store, certify(1, 7, 1, NOW)).await, CERTIFIED);
    for commitment in [1, 2] {
        let late = certify(1, 7, commitment, NOW.plus(TOKEN_LIFE));
        assert_eq!(outcome(&*store, late).await, CertifyOutcome::Expired);
    }
}

pub(crate) async fn a_token_of_another_authority_is_unknown(engine: &impl Engine) {
    let store = with_token(engine).await;
    let foreign = Certify { authority: "b".to_owned(), ..certify(1, 7, 1, NOW) };
    assert_eq!(outcome(&*store, foreign).await, CertifyOutcome::Unknown);
}

pub(crate) async fn a_token_that_nobody_claimed_is_unknown(engine: &impl Engine) {
    let store = with_token(engine).await;
    store.issue(&code(2), NOW).await.expect("issued");
    for guess in [certify(1, 8, 1, NOW), certify(2, 7, 1, NOW), certify(3, 7, 1, NOW)] {
        assert_eq!(outcome(&*store, guess).await, CertifyOutcome::Unknown);
    }
}
