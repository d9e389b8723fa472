//! Claiming, and claiming again.

use std::sync::Arc;

use proto::ReportType;
use store::{Claim, ClaimOutcome, CodeForm, CodeStore};

use crate::engine::Engine;
use crate::samples::{
    CODE_LIFE, NOW, TERMS, TOKEN_LIFE, authorities, bound, certify, code, digest, form, look_up, unbound, under,
};

const CLAIMED: ClaimOutcome = ClaimOutcome::Claimed(TERMS);

async fn claim(store: &dyn CodeStore, claim: Claim) -> ClaimOutcome {
    store.claim(&claim).await.expect("answered")
}

/// A database in which code `1` waits.
async fn with_code(engine: &impl Engine) -> Arc<dyn CodeStore> {
    let store = engine.open().await;
    authorities(&*store).await;
    store.issue(&code(1), NOW).await.expect("issued");
    store
}

pub(crate) async fn an_unknown_code_is_not_found(engine: &impl Engine) {
    let store = with_code(engine).await;
    assert!(look_up(&*store, "a", &[digest(1)]).await.is_some());
    assert!(look_up(&*store, "a", &[digest(2), under("second", 1)]).await.is_none());
    assert!(look_up(&*store, "a", &[]).await.is_none());
    assert!(look_up(&*store, "b", &[digest(1)]).await.is_none());
    assert_eq!(claim(&*store, bound(2, 7, NOW)).await, ClaimOutcome::Unknown);
}

pub(crate) async fn a_code_is_claimed_once(engine: &impl Engine) {
    let stores = [with_code(engine).await, engine.open().await];
    let by_nonce = |nonce: u16| {
        let [high, low] = nonce.to_be_bytes();
        let mut claim = bound(1, low, NOW);
        claim.token_digest[0] = high;
        claim
    };
    let mut claims = tokio::task::JoinSet::new();
    for nonce in 0..1_000 {
        let store = Arc::clone(&stores[usize::from(nonce % 2)]);
        claims.spawn(async move { (nonce, claim(&*store, by_nonce(nonce)).await) });
    }
    let outcomes = claims.join_all().await;
    let winners: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome == CLAIMED).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(outcomes.iter().filter(|(_, outcome)| *outcome == ClaimOutcome::Used).count(), 999);
    assert_eq!(claim(&*stores[1], by_nonce(winners[0].0)).await, CLAIMED);
}

pub(crate) async fn a_bound_claim_is_repeated_while_the_token_lives(engine: &impl Engine) {
    let store = with_code(engine).await;
    for later in [0, 1, CODE_LIFE + 1, TOKEN_LIFE - 1] {
        assert_eq!(claim(&*store, bound(1, 7, NOW.plus(later))).await, CLAIMED, "after {later} s");
        assert_eq!(claim(&*store, bound(1, 8, NOW.plus(later))).await, ClaimOutcome::Used, "after {later} s");
    }
    assert_eq!(claim(&*store, bound(1, 7, NOW.plus(TOKEN_LIFE))).await, ClaimOutcome::Used);
}

pub(crate) async fn an_unbound_claim_is_repeated_until_its_time(engine: &impl Engine) {
    let store = with_code(engine).await;
    for later in [0, 60, 119] {
        assert_eq!(claim(&*store, unbound(1, 7, NOW.plus(later))).await, CLAIMED, "after {later} s");
    }
    // The time counts from the first claim, not from the last.
    for later in [120, 200, CODE_LIFE, TOKEN_LIFE] {
        assert_eq!(claim(&*store, unbound(1, 7, NOW.plus(later))).await, ClaimOutcome::Used, "after {later} s");
    }
}

pub(crate) async fn an_unbound_claim_is_not_repeated_once_a_certificate_exists(engine: &impl Engine) {
    let store = with_code(engine).await;
    assert_eq!(claim(&*store, unbound(1, 7, NOW)).await, CLAIMED);
    store.certify(&certify(1, 7, 1, NOW)).await.expect("answered");
    assert_eq!(claim(&*store, unbound(1, 7, NOW.plus(1))).await, ClaimOutcome::Used);
}

pub(crate) async fn a_bound_claim_is_repeated_although_a_certificate_exists(engine: &impl Engine) {
    let store = with_code(engine).await;
    assert_eq!(claim(&*store, bound(1, 7, NOW)).await, CLAIMED);
    store.certify(&certify(1, 7, 1, NOW)).await.expect("answered");
    assert_eq!(claim(&*store, bound(1, 7, NOW.plus(1))).await, CLAIMED);
}

pub(crate) async fn an_expired_code_is_not_claimed(engine: &impl Engine) {
    let store = with_code(engine).await;
    assert_eq!(claim(&*store, bound(1, 7, NOW.plus(CODE_LIFE))).await, ClaimOutcome::Expired);
    assert_eq!(claim(&*store, bound(1, 7, NOW.plus(CODE_LIFE - 1))).await, CLAIMED);
}

pub(crate) async fn an_unsupported_type_leaves_the_code_as_it_was(engine: &impl Engine) {
    let store = with_code(engine).await;
    for accept in [vec![], vec![ReportType::Confirmed, ReportType::Negative]] {
        assert_eq!(claim(&*store, Claim { accept, ..bound(1, 7, NOW) }).await, ClaimOutcome::Unsupported);
    }
    let accept = vec![ReportType::Likely];
    assert_eq!(claim(&*store, Claim { accept, ..bound(1, 8, NOW) }).await, CLAIMED);
    // The holder repeats it with a narrower mind: not the type again, and still nothing is lost.
    assert_eq!(claim(&*store, Claim { accept: vec![], ..bound(1, 8, NOW) }).await, ClaimOutcome::Unsupported);
    assert_eq!(claim(&*store, bound(1, 8, NOW)).await, CLAIMED);
}

pub(crate) async fn a_claimed_code_is_used_before_it_is_expired_or_unsupported(engine: &impl Engine) {
    let store = with_code(engine).await;
    assert_eq!(claim(&*store, bound(1, 7, NOW)).await, CLAIMED);
    let stranger = Claim { accept: vec![], ..bound(1, 8, NOW.plus(CODE_LIFE)) };
    assert_eq!(claim(&*store, stranger).await, ClaimOutcome::Used);
}

pub(crate) async fn either_form_claims_the_code_in_its_own_time(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    let mut both = code(1);
    both.forms.push(form(CodeForm::Long, 2, 10 * CODE_LIFE));
    store.issue(&both, NOW).await.expect("issued");
    let by_long = |token, now| {
        let mut claim = bound(1, token, now);
        claim.code.digest = digest(2);
        claim
    };
    let later = NOW.plus(CODE_LIFE);
    assert_eq!(claim(&*store, bound(1, 7, later)).await, ClaimOutcome::Expired);
    assert_eq!(claim(&*store, by_long(7, later)).await, CLAIMED);
    assert_eq!(claim(&*store, bound(1, 8, later)).await, ClaimOutcome::Used);
    assert_eq!(claim(&*store, bound(1, 7, later)).await, CLAIMED);
}
