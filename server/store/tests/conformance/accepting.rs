//! Accepting keys and reports.

use proto::{Feed, Kind};
use store::{Member, SealOutcome, StoreError};

use crate::engine::Engine;
use crate::samples::{
    feed, gaen, identities, key, keys, members, opened, policy, provenance, published, region, report, sealed,
};

pub(crate) async fn the_first_values_of_a_key_win(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let first = key(7, now);
    let mut second = first.clone();
    second.published.transmission_risk = 8;
    second.published.days_since_onset = Some(14);
    let other = Feed::verified(region("SJ"), Kind::Gaen);

    store.accept_keys(std::slice::from_ref(&first), &[gaen()], &provenance(now)).await.expect("accepted");
    store.accept_keys(&[second], &[gaen(), other.clone()], &provenance(now)).await.expect("accepted");

    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(members(&*store, &gaen(), 1, 10).await, [(false, Member::Gaen(first.published))]);
    let outcome = store.seal(&other, &policy()).await.expect("sealed");
    assert_eq!(outcome, SealOutcome::Nothing, "a known key reaches no further feed");
}

pub(crate) async fn a_key_accepted_twice_is_sealed_once(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let mut upload = keys(0..14, now);
    upload.extend(keys(0..14, now));
    for _ in 0..2 {
        store.accept_keys(&upload, &[gaen(), gaen()], &provenance(now)).await.expect("accepted");
    }
    assert_eq!(store.waiting(&gaen()).await.expect("counted").releasable, 14);
    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(published(&*store, &gaen()).await, identities(0..14));
}

pub(crate) async fn a_key_that_was_sealed_is_not_sealed_again(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    store.accept_keys(&keys(0..14, now), &[gaen()], &provenance(now)).await.expect("accepted");
    sealed(&*store, &gaen(), &policy()).await;

    store.accept_keys(&keys(0..14, now), &[gaen()], &provenance(now)).await.expect("answered like the first time");
    assert_eq!(store.seal(&gaen(), &policy()).await.expect("sealed"), SealOutcome::Nothing);
    store.accept_keys(&keys(13..15, now), &[gaen()], &provenance(now)).await.expect("accepted");
    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(published(&*store, &gaen()).await, identities(0..15));
}

pub(crate) async fn a_verification_key_has_one_report_ever(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let (first, second) = (report(1, 10, now), report(1, 20, now));
    let tcn = feed(Kind::Tcn);
    let accept = async |report| store.accept_reports(&[report], std::slice::from_ref(&tcn), &provenance(now)).await;
    accept(first.clone()).await.expect("accepted");
    accept(second.clone()).await.expect("answered alike");
    sealed(&*store, &tcn, &policy()).await;
    accept(second).await.expect("answered alike");

    assert_eq!(store.seal(&tcn, &policy()).await.expect("sealed"), SealOutcome::Nothing);
    assert_eq!(members(&*store, &tcn, 1, 10).await, [(false, Member::Tcn(first.published))]);
}

pub(crate) async fn accepting_is_atomic(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let mut upload = keys(0..14, now);
    // Not a quarter of an hour: the database refuses the last key, when thirteen are written.
    upload[13].release_at = upload[13].release_at.plus(1);
    let refused = store.accept_keys(&upload, &[gaen()], &provenance(now)).await.expect_err("refused");
    assert!(matches!(&refused, StoreError::Corrupt(what) if what.contains("release")), "{refused}");

    assert_eq!(store.seal(&gaen(), &policy()).await.expect("sealed"), SealOutcome::Nothing);
    store.accept_keys(&keys(0..14, now), &[gaen()], &provenance(now)).await.expect("accepted");
    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(published(&*store, &gaen()).await, identities(0..14), "no key was left behind as known");
}

pub(crate) async fn an_unknown_feed_is_refused_and_nothing_is_kept(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let unknown = Feed::verified(region("XX"), Kind::Gaen);
    let refused = store.accept_keys(&keys(0..14, now), &[gaen(), unknown], &provenance(now)).await;
    assert!(matches!(refused, Err(StoreError::NotFound(_))));
    assert_eq!(store.seal(&gaen(), &policy()).await.expect("sealed"), SealOutcome::Nothing);
}

pub(crate) async fn a_feed_of_the_other_kind_is_refused(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let keys = store.accept_keys(&keys(0..1, now), &[feed(Kind::Tcn)], &provenance(now)).await;
    let reports = store.accept_reports(&[report(1, 10, now)], &[gaen()], &provenance(now)).await;
    assert!(matches!(keys, Err(StoreError::NotFound(_))));
    assert!(matches!(reports, Err(StoreError::NotFound(_))));
}

pub(crate) async fn a_key_reaches_every_feed_that_is_named(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let feeds = store.authority("fhi").await.expect("read").expect("known").feeds(Kind::Gaen);
    store.accept_keys(&keys(0..14, now), &feeds, &provenance(now)).await.expect("accepted");
    for feed in &feeds {
        sealed(&*store, feed, &policy()).await;
        assert_eq!(published(&*store, feed).await, identities(0..14));
    }
}
