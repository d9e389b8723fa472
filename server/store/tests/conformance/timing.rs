//! Time: what the database says it is, and that a feed is sealed once in a period.

use store::{SealOutcome, SealPolicy};

use crate::engine::Engine;
use crate::samples::{gaen, identities, keys, opened, policy, provenance, published, sealed};

pub(crate) async fn the_database_tells_its_time(engine: &impl Engine) {
    let store = opened(engine).await;
    let before = engine.clock().now();
    let told = store.now().await.expect("the time");
    // One machine: a second is lost at most where fractions are cut off.
    assert!(before.plus(-1) <= told && told <= engine.clock().now().plus(1), "{told:?}");
    engine.clock().set_offset(86_400);
    assert!(store.now().await.expect("the time") >= told.plus(86_400));
}

pub(crate) async fn a_feed_is_sealed_once_in_a_period(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    store.accept_keys(&keys(0..14, now), &[gaen()], &provenance(now)).await.expect("accepted");
    let due = |due| SealPolicy { due: Some(due), ..policy() };
    assert_eq!(sealed(&*store, &gaen(), &due(now)).await, [1]);
    store.accept_keys(&keys(14..28, now), &[gaen()], &provenance(now)).await.expect("accepted");
    let end = store.bundle(&gaen(), 1).await.expect("read").expect("there").end;
    let number = store.number(&gaen()).await.expect("read");
    for early in [now, end] {
        assert_eq!(store.seal(&gaen(), &due(early)).await.expect("sealed"), SealOutcome::NotDue);
    }
    assert_eq!(store.number(&gaen()).await.expect("read"), number, "nothing changed");
    assert_eq!(sealed(&*store, &gaen(), &due(end.plus(1))).await, [2]);
    // Who does not ask for a period seals at once.
    store.accept_keys(&keys(28..42, now), &[gaen()], &provenance(now)).await.expect("accepted");
    assert_eq!(sealed(&*store, &gaen(), &policy()).await, [3]);
    assert_eq!(published(&*store, &gaen()).await, identities(0..42));
}

pub(crate) async fn programs_that_seal_in_one_period_seal_once(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    for round in 0..3 {
        store
            .accept_keys(&keys(round * 14..round * 14 + 14, now), &[gaen()], &provenance(now))
            .await
            .expect("accepted");
        // The next period begins when the one before is over.
        engine.clock().set_offset(engine.clock().offset() + 10);
        let due = engine.clock().now();
        let mut programs = Vec::new();
        for _ in 0..3 {
            let store = engine.open().await;
            let policy = SealPolicy { due: Some(due), ..policy() };
            programs.push(tokio::spawn(async move { store.seal(&gaen(), &policy).await.expect("sealed") }));
        }
        let mut outcomes = Vec::new();
        for program in programs {
            outcomes.push(program.await.expect("no panic"));
        }
        let sealed = outcomes.iter().filter(|outcome| matches!(outcome, SealOutcome::Sealed(_))).count();
        let not_due = outcomes.iter().filter(|outcome| **outcome == SealOutcome::NotDue).count();
        assert_eq!((sealed, not_due), (1, 2), "{outcomes:?}");
    }
    assert_eq!(published(&*store, &gaen()).await, identities(0..42));
}

pub(crate) async fn what_is_held_may_be_sealed_later_in_its_period(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let policy = SealPolicy { due: Some(now), minimum: 28, ..policy() };
    store.accept_keys(&keys(0..14, now), &[gaen()], &provenance(now)).await.expect("accepted");
    assert!(matches!(store.seal(&gaen(), &policy).await.expect("sealed"), SealOutcome::Held(_)));
    store.accept_keys(&keys(14..28, now), &[gaen()], &provenance(now)).await.expect("accepted");
    assert_eq!(sealed(&*store, &gaen(), &policy).await, [1]);
}
