//! Sealing: what is taken, what is held, how it is cut.

use proto::{Feed, Interval, Kind};
use store::{SealOutcome, SealPolicy, StoreError, Waiting};

use crate::engine::Engine;
use crate::samples::{
    feed, gaen, identities, key_that_began, keys, members, opened, policy, provenance, published, region, report,
    sealed,
};

pub(crate) async fn an_empty_feed_has_nothing_to_seal(engine: &impl Engine) {
    let store = opened(engine).await;
    assert_eq!(store.seal(&gaen(), &policy()).await.expect("sealed"), SealOutcome::Nothing);
    let nothing = Waiting { releasable: 0, revised: 0, unripe: 0, oldest: None };
    assert_eq!(store.waiting(&gaen()).await.expect("counted"), nothing);
    assert_eq!(store.number(&gaen()).await.expect("read"), 0);
}

pub(crate) async fn an_unknown_feed_cannot_be_sealed(engine: &impl Engine) {
    let store = opened(engine).await;
    let unknown = Feed::verified(region("XX"), Kind::Gaen);
    assert!(matches!(store.seal(&unknown, &policy()).await, Err(StoreError::NotFound("feed"))));
    assert!(matches!(store.waiting(&unknown).await, Err(StoreError::NotFound("feed"))));
}

pub(crate) async fn a_key_waits_until_its_release_time(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    // Still being broadcast: valid until the end of the UTC day.
    let upload = key_that_began(1, Interval::containing(now).midnight(), now);
    store.accept_keys(std::slice::from_ref(&upload), &[gaen()], &provenance(now)).await.expect("accepted");

    let waiting = store.waiting(&gaen()).await.expect("counted");
    assert_eq!((waiting.releasable, waiting.unripe, waiting.oldest), (0, 1, None));
    engine.clock().set_offset(upload.release_at.unix() - now.unix() - 60);
    assert_eq!(store.seal(&gaen(), &policy()).await.expect("sealed"), SealOutcome::Nothing);

    engine.clock().set_offset(upload.release_at.unix() - now.unix());
    assert_eq!(store.waiting(&gaen()).await.expect("counted").oldest, Some(upload.release_at));
    assert_eq!(sealed(&*store, &gaen(), &policy()).await, [1]);
}

pub(crate) async fn fewer_than_the_minimum_are_held_and_the_seal_says_so(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let policy = SealPolicy { minimum: 28, ..policy() };
    store.accept_keys(&keys(0..14, now), &[gaen()], &provenance(now)).await.expect("accepted");
    let waiting = store.waiting(&gaen()).await.expect("counted");
    assert_eq!(waiting.releasable, 14);
    assert_eq!(store.seal(&gaen(), &policy).await.expect("sealed"), SealOutcome::Held(waiting));
    assert_eq!(store.number(&gaen()).await.expect("read"), 0, "nothing changed");

    store.accept_keys(&keys(14..28, now), &[gaen()], &provenance(now)).await.expect("accepted");
    sealed(&*store, &gaen(), &policy).await;
    assert_eq!(published(&*store, &gaen()).await, identities(0..28));
}

pub(crate) async fn a_seal_freezes_counts_format_and_signers(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    store.accept_keys(&keys(0..14, now), &[gaen()], &provenance(now)).await.expect("accepted");
    let policy = SealPolicy { format: 7, ..policy() };
    sealed(&*store, &gaen(), &policy).await;

    let bundle = store.bundle(&gaen(), 1).await.expect("read").expect("there");
    assert_eq!((bundle.feed, bundle.sequence, bundle.from_sequence), (gaen(), 1, 1));
    assert_eq!((bundle.count, bundle.revised, bundle.format), (14, 0, 7));
    assert_eq!(bundle.signing, policy.signing);
    assert_eq!(bundle.derived, None);
    assert_eq!(bundle.start, now.floor(3_600), "the hour in which the feed was created");
    assert!(bundle.end > bundle.start && bundle.end >= now);
    assert_eq!(store.bundle(&gaen(), 2).await.expect("read"), None);
}

pub(crate) async fn more_keys_than_the_maximum_make_several_bundles_and_none_is_lost(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    store.accept_keys(&keys(0..101, now), &[gaen()], &provenance(now)).await.expect("accepted");
    let policy = SealPolicy { max_entries: 30, ..policy() };
    assert_eq!(sealed(&*store, &gaen(), &policy).await, [1, 2, 3, 4]);

    let mut end = None;
    for sequence in 1..=4 {
        let bundle = store.bundle(&gaen(), sequence).await.expect("read").expect("there");
        assert!((25..=26).contains(&bundle.count), "no bundle is a small rest: {}", bundle.count);
        assert!(end.is_none_or(|end| bundle.start == end) && bundle.end > bundle.start, "bundles touch");
        end = Some(bundle.end);
    }
    assert_eq!(published(&*store, &gaen()).await, identities(0..101));
}

pub(crate) async fn more_bytes_than_the_maximum_make_several_bundles_and_none_is_lost(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let tcn = feed(Kind::Tcn);
    let reports: Vec<_> = (0..20).map(|number| report(number, 10, now)).collect();
    store.accept_reports(&reports, std::slice::from_ref(&tcn), &provenance(now)).await.expect("accepted");
    // A report without a memo is 134 bytes, 144 with what stands around it.
    let policy = SealPolicy { max_bytes: 6 * 144, ..policy() };
    assert_eq!(sealed(&*store, &tcn, &policy).await, [1, 2, 3, 4]);
    let mut expected: Vec<_> = reports.iter().map(|r| r.published.report.verification_key().to_vec()).collect();
    expected.sort();
    assert_eq!(published(&*store, &tcn).await, expected);
}

pub(crate) async fn what_is_not_yet_releasable_is_sealed_later_unchanged(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let today = Interval::containing(now).midnight();
    let later: Vec<_> = (100..120).map(|number| key_that_began(number, today, now)).collect();
    let upload: Vec<_> = keys(0..14, now).into_iter().chain(later.clone()).collect();
    store.accept_keys(&upload, &[gaen()], &provenance(now)).await.expect("accepted");
    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(published(&*store, &gaen()).await, identities(0..14));
    assert_eq!(store.waiting(&gaen()).await.expect("counted").unripe, 20);

    engine.clock().set_offset(2 * 86_400);
    assert_eq!(sealed(&*store, &gaen(), &policy()).await, [2]);
    for (_, member) in members(&*store, &gaen(), 2, 100).await {
        assert!(later.iter().any(|key| store::Member::Gaen(key.published) == member));
    }
    assert_eq!(published(&*store, &gaen()).await.len(), 34);
}

pub(crate) async fn a_seal_of_one_feed_leaves_the_others_alone(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let other = Feed::verified(region("SJ"), Kind::Gaen);
    let feeds = [gaen(), other.clone()];
    store.accept_keys(&keys(0..14, now), &feeds, &provenance(now)).await.expect("accepted");
    store.accept_keys(&keys(14..20, now), std::slice::from_ref(&other), &provenance(now)).await.expect("accepted");
    sealed(&*store, &gaen(), &policy()).await;

    assert_eq!(store.waiting(&other).await.expect("counted").releasable, 20);
    assert_eq!(store.number(&other).await.expect("read"), 0);
    sealed(&*store, &other, &policy()).await;
    assert_eq!(published(&*store, &other).await, identities(0..20));
    assert_eq!(published(&*store, &gaen()).await, identities(0..14));
}
