//! Rows that break an invariant: they stop their feed, are named, and are set aside.

use proto::{Feed, Interval, Kind};
use store::{
    AcceptedKey, BadEntry, EntryName, EntryPlace, KeyStore, QuarantineOrder, RecallOrder, RecallOutcome, SealOutcome,
    SetAside, StoreError,
};

use crate::engine::Engine;
use crate::life::{move_to, pass};
use crate::recalling::{act, derive, listed, order};
use crate::samples::{
    feed, gaen, identities, key_bytes, key_that_began, keys, opened, policy, provenance, region, report, sealed,
};

const QUARTER: i64 = 900;
const DAY: i64 = 86_400;

fn svalbard() -> Feed {
    Feed::verified(region("SJ"), Kind::Gaen)
}

fn aside(engine: &impl Engine, feed: &Feed, entries: &[EntryName]) -> QuarantineOrder {
    QuarantineOrder { feed: feed.clone(), entries: entries.to_vec(), act: Some(act(engine)) }
}

async fn accept(engine: &impl Engine, store: &dyn KeyStore, keys: &[AcceptedKey], feeds: &[Feed]) {
    store.accept_keys(keys, feeds, &provenance(engine.clock().now())).await.expect("accepted");
}

fn bad(refused: Result<SealOutcome, StoreError>) -> BadEntry {
    match refused {
        Err(StoreError::BadEntry(bad)) => *bad,
        other => panic!("{other:?}"),
    }
}

/// All but the fifth of ten keys.
fn good() -> Vec<Vec<u8>> {
    let mut good = identities(0..10);
    good.retain(|identity| *identity != key_bytes(5));
    good
}

pub(crate) async fn a_bad_row_that_waits_stops_its_feed_alone_until_it_is_set_aside(engine: &impl Engine) {
    let store = opened(engine).await;
    let fifth = engine.quoted(&key_bytes(5));
    let name = EntryName::of(&key_bytes(5));
    for (round, (change, breaks)) in [
        ("class = class + 1", "class is not the key's"),
        ("transmission_risk = 9", "transmission_risk_level"),
        ("transmission_risk = -1", "transmission_risk is out of range"),
        ("rolling_period = 145", "rollingPeriod"),
        ("rolling_start = -1", "rollingStart"),
        ("report_type = 4", "report_type is no report type"),
        ("days_since_onset = 15", "days_since_onset"),
        ("days_since_onset = 200", "days_since_onset"),
    ]
    .into_iter()
    .enumerate()
    {
        let store = if round == 0 { store.clone() } else { engine.open().await };
        accept(engine, &*store, &keys(0..10, engine.clock().now()), &[gaen(), svalbard()]).await;
        engine.tamper(&format!("UPDATE gaen_waiting SET {change} WHERE key = {fifth} AND feed = (SELECT id FROM feed WHERE path = 'NO/gaen')")).await;
        let found = bad(store.seal(&gaen(), &policy()).await);
        assert_eq!((&found.feed, found.entry, found.place), (&gaen(), name, EntryPlace::Waiting), "{change}");
        assert!(found.breaks.contains(breaks), "{change}: {found}");
        assert!(!found.to_string().contains("x'"), "{found}");
        let findings = store.inspect_rows(&gaen()).await.expect("looked");
        assert_eq!(findings.entries, [found], "{change}");
        sealed(&*store, &svalbard(), &policy()).await;

        let done = store.set_aside(&aside(engine, &gaen(), &[name])).await.expect("set aside");
        assert_eq!(done, SetAside { waiting: 1, ..SetAside::default() });
        assert_eq!(store.inspect_rows(&gaen()).await.expect("looked"), store::Findings::default());
        sealed(&*store, &gaen(), &policy()).await;
        assert_eq!(listed(&*store, &gaen()).await, good(), "{change}");
        assert_eq!(listed(&*store, &svalbard()).await, identities(0..10), "{change}");
        accept(engine, &*store, &keys(0..10, engine.clock().now()), &[gaen()]).await;
        assert_eq!(store.seal(&gaen(), &policy()).await.expect("sealed"), SealOutcome::Nothing, "it stays known");
        let again = store.set_aside(&aside(engine, &gaen(), &[name, EntryName::of(b"x")])).await.expect("repeated");
        assert_eq!((again.before, again.unknown.len(), again.waiting), (vec![name], 1, 0));
        let listed = store.quarantined(&gaen()).await.expect("read");
        assert_eq!(listed.len(), 1);

        // For the next round, nothing ever was.
        // On a server, nothing is kept beside the publications here.
        let known = engine.sql("DELETE FROM gaen_key").await.map_err(|why| assert!(why.contains("view"), "{why}"));
        assert!(known.is_err() || known == Ok(10));
        for table in ["gaen_quarantine", "gaen_publication", "gaen_fresh", "gaen_waiting", "bundle_signature", "bundle"]
        {
            engine.sql(&format!("DELETE FROM {table}")).await.expect("emptied");
        }
        engine.sql("UPDATE feed SET next_sequence = 1").await.expect("reset");
    }
}

pub(crate) async fn a_bad_report_that_waits_stops_its_feed_until_it_is_set_aside(engine: &impl Engine) {
    let store = opened(engine).await;
    let (tcn, now) = (feed(Kind::Tcn), engine.clock().now());
    let reports: Vec<_> = (0..5).map(|number| report(number, 10, now)).collect();
    store.accept_reports(&reports, std::slice::from_ref(&tcn), &provenance(now)).await.expect("accepted");
    let rvk = *reports[2].published.report.verification_key();
    let (third, name) = (engine.quoted(&rvk), EntryName::of(&rvk));
    for (change, back, breaks) in [
        ("class = class + 1", "class = class - 1", "class is not the report's"),
        ("report_class = 3", "report_class = 1", "report_class is out of range"),
        ("report_type = 9", "report_type = 1", "report_type"),
    ] {
        engine.tamper(&format!("UPDATE tcn_waiting SET {change} WHERE rvk = {third}")).await;
        let found = bad(store.seal(&tcn, &policy()).await);
        assert!(found.entry == name && found.breaks.contains(breaks), "{change}: {found}");
        engine.tamper(&format!("UPDATE tcn_waiting SET {back} WHERE rvk = {third}")).await;
    }
    // A signature is looked at when somebody looks for bad rows: checking all of them would make every seal slow.
    let mut spoilt = reports[2].published.report.as_bytes().to_vec();
    *spoilt.last_mut().expect("a signature") ^= 1;
    let spoilt = engine.quoted(&spoilt);
    engine.tamper(&format!("UPDATE tcn_waiting SET signed_report = {spoilt} WHERE rvk = {third}")).await;
    let findings = store.inspect_rows(&tcn).await.expect("looked");
    assert_eq!(findings.entries.iter().map(|bad| bad.entry).collect::<Vec<_>>(), [name]);
    store.set_aside(&aside(engine, &tcn, &[name])).await.expect("set aside");
    sealed(&*store, &tcn, &policy()).await;
    assert_eq!(listed(&*store, &tcn).await.len(), 4);
}

pub(crate) async fn a_bad_row_in_a_bundle_that_was_not_derived_makes_it_void(engine: &impl Engine) {
    let store = opened(engine).await;
    accept(engine, &*store, &keys(0..10, engine.clock().now()), &[gaen()]).await;
    sealed(&*store, &gaen(), &policy()).await;
    let (fifth, name) = (engine.quoted(&key_bytes(5)), EntryName::of(&key_bytes(5)));
    engine.tamper(&format!("UPDATE gaen_publication SET transmission_risk = 9 WHERE key = {fifth}")).await;
    let read = store.members(&gaen(), 1, None, 100).await.expect_err("a bad row");
    assert!(
        matches!(&read, StoreError::BadEntry(bad) if bad.entry == name && bad.place == EntryPlace::Bundle(1)),
        "{read}"
    );
    assert_eq!(store.inspect_rows(&gaen()).await.expect("looked").entries.len(), 1);
    let whole = store.recall(&order(engine, &gaen(), 1)).await;
    assert!(matches!(whole, Err(StoreError::BadEntry(_))), "a bad row does not come back");

    let rehearsed = store.set_aside(&QuarantineOrder { act: None, ..aside(engine, &gaen(), &[name]) }).await;
    assert_eq!(engine.rows().await["gaen_quarantine"], 0);
    let done = store.set_aside(&aside(engine, &gaen(), &[name])).await.expect("set aside");
    assert_eq!(rehearsed.expect("rehearsed"), done);
    assert_eq!(done.voided.iter().map(|bundle| (bundle.sequence, bundle.returned)).collect::<Vec<_>>(), [(1, 9)]);
    assert!(done.voided[0].void && done.waiting == 0);
    move_to(engine, engine.clock().now().plus(QUARTER));
    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(listed(&*store, &gaen()).await, good());
}

pub(crate) async fn a_bad_row_in_a_derived_bundle_needs_a_recall(engine: &impl Engine) {
    let store = opened(engine).await;
    accept(engine, &*store, &keys(0..10, engine.clock().now()), &[gaen()]).await;
    sealed(&*store, &gaen(), &policy()).await;
    derive(&*store, &gaen(), 1).await;
    let (fifth, name) = (engine.quoted(&key_bytes(5)), EntryName::of(&key_bytes(5)));
    engine.tamper(&format!("UPDATE gaen_publication SET class = class + 1 WHERE key = {fifth}")).await;
    let done = store.set_aside(&aside(engine, &gaen(), &[name])).await.expect("told");
    assert_eq!((done.published.clone(), done.is_nothing()), (vec![(name, 1)], true));
    let without = RecallOrder { without: vec![name], ..order(engine, &gaen(), 1) };
    assert!(matches!(store.recall(&without).await.expect("recalled"), RecallOutcome::Recalled(_)));
    move_to(engine, engine.clock().now().plus(QUARTER));
    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(listed(&*store, &gaen()).await, good());
    let aside = store.quarantined(&gaen()).await.expect("read");
    assert!(aside[0].breaks.as_deref().is_some_and(|why| why.contains("class")), "{aside:?}");
}

pub(crate) async fn members_that_are_missing_or_added_are_found(engine: &impl Engine) {
    const LAST: &str = "(SELECT key FROM gaen_publication WHERE sequence = 1 ORDER BY key DESC LIMIT 1)";
    let store = opened(engine).await;
    for (first, change, expected) in
        [(0, "DELETE FROM gaen_publication", vec![1]), (10, "UPDATE gaen_publication SET sequence = 2", vec![1, 2])]
    {
        accept(engine, &*store, &keys(first..first + 10, engine.clock().now()), &[gaen()]).await;
        sealed(&*store, &gaen(), &policy()).await;
        assert_eq!(engine.sql(&format!("{change} WHERE sequence = 1 AND key = {LAST}")).await, Ok(1));
        let findings = store.inspect_rows(&gaen()).await.expect("looked");
        assert_eq!((findings.bundles, findings.entries), (expected, vec![]));
    }
    // A bundle that lost rows, or gained some, is recalled: what is there returns.
    for sequence in [1, 2] {
        store.recall(&order(engine, &gaen(), sequence)).await.expect("recalled");
    }
    move_to(engine, engine.clock().now().plus(QUARTER));
    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(listed(&*store, &gaen()).await.len(), 19);
}

pub(crate) async fn what_is_set_aside_returns_when_it_is_sound_and_not_otherwise(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let late = key_that_began(13, Interval::containing(now).midnight(), now);
    let (due, past) = (late.release_at, now.floor(QUARTER).unix());
    let upload: Vec<_> = keys(0..4, now).into_iter().chain([late]).collect();
    accept(engine, &*store, &upload, &[gaen()]).await;
    engine.tamper(&format!("UPDATE gaen_waiting SET release_at = {past} WHERE release_at = {}", due.unix())).await;
    let names: Vec<_> = [13, 0, 1, 2].map(|number| EntryName::of(&key_bytes(number))).to_vec();
    assert_eq!(bad(store.seal(&gaen(), &policy()).await).entry, names[0]);
    assert_eq!(store.set_aside(&aside(engine, &gaen(), &names)).await.expect("set aside").waiting, 4);
    // The first is sound but for its release, which follows the rule now. One is withdrawn, and one is not sound.
    store.withdraw(Kind::Gaen, &[key_bytes(1).to_vec()]).await.expect("withdrawn");
    let third = engine.quoted(&key_bytes(2));
    assert_eq!(engine.sql(&format!("UPDATE gaen_quarantine SET class = class + 1 WHERE key = {third}")).await, Ok(1));
    let released = store.release(&aside(engine, &gaen(), &names)).await.expect("released");
    assert_eq!(released.returned, 2, "{released:?}");
    let refused: Vec<_> = released.refused.iter().map(|(name, _)| *name).collect();
    assert!(refused.len() == 2 && refused.contains(&names[2]) && refused.contains(&names[3]), "{released:?}");
    assert_eq!(store.quarantined(&gaen()).await.expect("read").len(), 1);
    assert_eq!(store.acts(10).await.expect("read").len(), 2);

    move_to(engine, now.plus(QUARTER));
    sealed(&*store, &gaen(), &policy()).await;
    let mut expected: Vec<_> = [0, 3].map(|number| key_bytes(number).to_vec()).to_vec();
    expected.sort();
    assert_eq!(listed(&*store, &gaen()).await, expected, "never earlier than the rule says");
    move_to(engine, due);
    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(listed(&*store, &gaen()).await.len(), 3);
}

pub(crate) async fn what_is_set_aside_is_kept_for_30_days(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    accept(engine, &*store, &keys(0..10, now), &[gaen()]).await;
    let waiting = EntryName::of(&key_bytes(1));
    store.set_aside(&aside(engine, &gaen(), &[waiting])).await.expect("set aside");
    sealed(&*store, &gaen(), &policy()).await;
    derive(&*store, &gaen(), 1).await;
    let published = EntryName::of(&key_bytes(2));
    let without = RecallOrder { without: vec![published], ..order(engine, &gaen(), 1) };
    store.recall(&without).await.expect("recalled");
    move_to(engine, now.plus(QUARTER + 60));
    sealed(&*store, &gaen(), &policy()).await;
    for day in [14, 15, 16, 17, 18, 29] {
        move_to(engine, now.plus(day * DAY));
        pass(&*store, &gaen()).await;
        store.forget_tombstones(100).await.expect("forgot");
        assert_eq!(store.forget_quarantined().await.expect("nothing"), 0);
    }
    let rows = engine.rows().await;
    assert_eq!(
        (rows["gaen_quarantine"], rows["gaen_fresh"], rows["gaen_key"], rows["bundle"]),
        (2, 1, 1, 0),
        "both are known"
    );
    move_to(engine, now.plus(31 * DAY));
    assert_eq!(store.forget_quarantined().await.expect("forgot"), 2);
    while store.forget_tombstones(100).await.expect("forgot") > 0 {}
    let rows = engine.rows().await;
    assert_eq!((rows["gaen_quarantine"], rows["gaen_fresh"], rows["gaen_key"]), (0, 0, 0));
}
