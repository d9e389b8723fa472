//! The rule of release, where it is kept a second and a third time: by the database, and by the seal.

use proto::bundle::GaenEntry;
use proto::gaen::TemporaryExposureKey;
use proto::{Interval, Kind};
use store::{Member, SealOutcome, StoreError};

use crate::engine::Engine;
use crate::samples::{
    feed, gaen, identities, key, key_bytes, key_that_began, keys, members, opened, policy, provenance, published,
    report, sealed,
};

pub(crate) async fn a_row_that_breaks_the_release_rule_is_refused_by_the_database(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    store.accept_keys(&keys(0..1, now), &[gaen()], &provenance(now)).await.expect("accepted");
    store.accept_reports(&[report(1, 10, now)], &[feed(Kind::Tcn)], &provenance(now)).await.expect("accepted");
    for (statement, constraint) in [
        ("UPDATE gaen_waiting SET release_at = release_at + 1", "release_grain"),
        ("UPDATE gaen_waiting SET release_at = release_at - 300", "release_grain"),
        // One quarter of an hour too early, and no quarter too early, by ten minutes more of validity.
        ("UPDATE gaen_waiting SET release_at = (rolling_start + rolling_period) * 600 + 6300", "replay_guard"),
        (
            "UPDATE gaen_waiting SET rolling_start = release_at / 600 - 12 - 144 + 1, rolling_period = 144",
            "replay_guard",
        ),
        ("UPDATE tcn_waiting SET release_at = release_at + 1", "release_grain"),
    ] {
        let refused = engine.sql(statement).await.expect_err(statement);
        assert!(refused.contains(constraint), "{statement}: {refused}");
    }
    let earliest = "UPDATE gaen_waiting SET release_at = (rolling_start + rolling_period) * 600 + 7200";
    assert_eq!(engine.sql(earliest).await, Ok(1), "two hours after its validity it may be released");
}

pub(crate) async fn a_key_that_could_be_replayed_is_not_sealed_whatever_its_row_says(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let mut upload = keys(0..13, now);
    let late = key_that_began(13, Interval::containing(now).midnight(), now);
    let (tomorrow, past) = (late.release_at.unix(), now.floor(900).unix());
    upload.push(late);
    store.accept_keys(&upload, &[gaen()], &provenance(now)).await.expect("accepted");
    // Nothing but the row's own word says that this key, valid until the day's end, may go.
    engine.tamper(&format!("UPDATE gaen_waiting SET release_at = {past} WHERE release_at = {tomorrow}")).await;
    let refused = store.seal(&gaen(), &policy()).await.expect_err("refused");
    let said = refused.to_string();
    let said = matches!(refused, StoreError::BadEntry(_)) && said.contains("NO/gaen") && said.contains("release_at");
    assert!(said);
    assert_eq!(store.waiting(&gaen()).await.expect("counted").releasable, 14, "nothing was taken");

    // Mended, the feed goes on.
    let replayable = format!("(rolling_start + rolling_period) * 600 + 7200 > {}", now.unix());
    engine.tamper(&format!("UPDATE gaen_waiting SET release_at = {tomorrow} WHERE {replayable}")).await;
    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(published(&*store, &gaen()).await, identities(0..13));
    assert_eq!(store.waiting(&gaen()).await.expect("counted").unripe, 1);
}

pub(crate) async fn a_key_never_changes_its_start_and_period(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let first = key(7, now);
    let start = first.published.key.rolling_start().number();
    let changed = |start: u32, period: i64| {
        let other = TemporaryExposureKey::new(&key_bytes(7), start.into(), period).expect("a key");
        store::AcceptedKey { published: GaenEntry { key: other, ..first.published }, ..first.clone() }
    };
    let others = [changed(start, 100), changed(start - 144, 144), changed(start - 1, 143)];
    let mut upload = vec![first.clone()];
    upload.extend(others.clone());

    // The first one wins within an upload, against later ones while it waits, and after it was sealed.
    store.accept_keys(&upload, &[gaen()], &provenance(now)).await.expect("accepted");
    store.accept_keys(&others, &[gaen()], &provenance(now)).await.expect("answered alike");
    let as_first = format!("rolling_start = {start} AND rolling_period = 144");
    let ensure_unchanged = async |tables: [&str; 2]| {
        for table in tables {
            let rows = engine.count(&format!("SELECT count(*) FROM {table}")).await;
            let unchanged = engine.count(&format!("SELECT count(*) FROM {table} WHERE {as_first}")).await;
            assert_eq!((rows, unchanged), (1, 1), "{table}");
        }
    };
    ensure_unchanged(["gaen_fresh", "gaen_waiting"]).await;
    sealed(&*store, &gaen(), &policy()).await;
    store.accept_keys(&others, &[gaen()], &provenance(now)).await.expect("answered alike");
    ensure_unchanged(["gaen_key", "gaen_publication"]).await;
    assert_eq!(store.seal(&gaen(), &policy()).await.expect("sealed"), SealOutcome::Nothing);
    assert_eq!(members(&*store, &gaen(), 1, 10).await, [(false, Member::Gaen(first.published))]);
}
