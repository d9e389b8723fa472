//! Issuing, and issuing again.

use std::sync::Arc;

use store::{ClaimOutcome, CodeForm, CodeId, IssueOutcome, NewCode, StandingCode};

use crate::engine::Engine;
use crate::samples::{CODE_LIFE, NOW, TERMS, authorities, bound, code, digest, form, look_up, sealed, under};

/// The request of code `1` sent again: another draw, the same uuid and the same request.
fn again() -> NewCode {
    NewCode { uuid: [1; 16], request: vec![digest(1)], ..code(2) }
}

fn standing(outcome: IssueOutcome) -> StandingCode {
    match outcome {
        IssueOutcome::Repeated(standing) => standing,
        other => panic!("expected a repeat, got {other:?}"),
    }
}

pub(crate) async fn the_same_request_finds_the_code_that_stands(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    assert!(matches!(store.issue(&code(1), NOW).await, Ok(IssueOutcome::Issued)));
    for _ in 0..2 {
        let found = standing(store.issue(&again(), NOW.plus(CODE_LIFE - 1)).await.expect("answered"));
        assert_eq!((found.id, found.pepper.as_str()), (CodeId([1; 16]), "first"));
        assert_eq!(found.forms.len(), 1);
        assert_eq!((&found.forms[0].sealed, found.forms[0].expires_at), (&sealed(1), NOW.plus(CODE_LIFE)));
    }
    assert!(look_up(&*store, "a", &[digest(2)]).await.is_none());
}

pub(crate) async fn another_request_finds_the_uuid_taken(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.issue(&code(1), NOW).await.expect("issued");
    let other = NewCode { request: vec![digest(2)], ..again() };
    assert!(matches!(store.issue(&other, NOW).await, Ok(IssueOutcome::UuidTaken)));
    assert!(look_up(&*store, "a", &[digest(2)]).await.is_none());
}

pub(crate) async fn a_uuid_belongs_to_one_authority(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.issue(&code(1), NOW).await.expect("issued");
    let other = NewCode { authority: "b".to_owned(), ..again() };
    assert!(matches!(store.issue(&other, NOW).await, Ok(IssueOutcome::Issued)));
}

pub(crate) async fn a_claimed_code_is_not_answered_again(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.issue(&code(1), NOW).await.expect("issued");
    assert_eq!(store.claim(&bound(1, 7, NOW)).await.expect("answered"), ClaimOutcome::Claimed(TERMS));
    assert!(matches!(store.issue(&again(), NOW).await, Ok(IssueOutcome::UuidTaken)));
}

pub(crate) async fn an_expired_code_is_not_answered_again(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.issue(&code(1), NOW).await.expect("issued");
    assert!(matches!(store.issue(&again(), NOW.plus(CODE_LIFE)).await, Ok(IssueOutcome::UuidTaken)));
}

pub(crate) async fn a_text_that_is_taken_is_a_collision_and_leaves_nothing(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.issue(&code(1), NOW).await.expect("issued");
    // The long form is free, the short one is not; under a newer secret it is taken all the same.
    let mut other = code(2);
    other.forms = vec![form(CodeForm::Long, 2, CODE_LIFE), form(CodeForm::Short, 1, CODE_LIFE)];
    other.forms[1].digests = vec![under("second", 3), digest(1)];
    assert!(matches!(store.issue(&other, NOW).await, Ok(IssueOutcome::Collision)));
    assert!(look_up(&*store, "a", &[digest(2)]).await.is_none());
    assert!(matches!(store.issue(&code(2), NOW).await, Ok(IssueOutcome::Issued)));
}

pub(crate) async fn an_older_secret_still_knows_its_codes(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.issue(&code(1), NOW).await.expect("issued");
    let digests = [under("second", 9), digest(1)];
    let found = look_up(&*store, "a", &digests).await.expect("found");
    assert_eq!((found.id, found.digest.pepper.as_str()), (CodeId([1; 16]), "first"));
    let rotated = NewCode { request: vec![under("second", 8), digest(1)], ..again() };
    assert_eq!(standing(store.issue(&rotated, NOW).await.expect("answered")).pepper, "first");
    // The same digest under another name is another digest.
    assert!(look_up(&*store, "a", &[under("second", 1)]).await.is_none());
    let renamed = NewCode { request: vec![under("second", 1)], ..again() };
    assert!(matches!(store.issue(&renamed, NOW).await, Ok(IssueOutcome::UuidTaken)));
}

pub(crate) async fn a_code_may_have_a_short_and_a_long_form(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    let mut both = code(1);
    both.forms.push(form(CodeForm::Long, 2, 10 * CODE_LIFE));
    store.issue(&both, NOW).await.expect("issued");
    let again = NewCode { id: CodeId([3; 16]), ..both };
    let forms = |found: StandingCode| found.forms.iter().map(|form| form.form).collect::<Vec<_>>();
    let found = standing(store.issue(&again, NOW).await.expect("answered"));
    assert_eq!(forms(found), [CodeForm::Short, CodeForm::Long]);
    let found = standing(store.issue(&again, NOW.plus(CODE_LIFE)).await.expect("answered"));
    assert_eq!(forms(found), [CodeForm::Long]);
}

pub(crate) async fn many_requests_with_one_uuid_issue_one_code(engine: &impl Engine) {
    let stores = [engine.open().await, engine.open().await];
    authorities(&*stores[0]).await;
    let mut requests = tokio::task::JoinSet::new();
    for byte in 1..=50 {
        let store = Arc::clone(&stores[usize::from(byte % 2)]);
        let request = NewCode { uuid: [1; 16], request: vec![digest(1)], ..code(byte) };
        requests.spawn(async move { store.issue(&request, NOW).await.expect("answered") });
    }
    let outcomes = requests.join_all().await;
    let issued = outcomes.iter().filter(|outcome| matches!(outcome, IssueOutcome::Issued)).count();
    let ids = outcomes.into_iter().filter_map(|outcome| match outcome {
        IssueOutcome::Repeated(standing) => Some(standing.id),
        _ => None,
    });
    let ids: Vec<_> = ids.collect();
    assert_eq!((issued, ids.len()), (1, 49));
    assert!(ids.iter().all(|id| *id == ids[0]));
}
