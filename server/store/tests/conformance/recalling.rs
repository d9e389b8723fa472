//! Recalling bundles: what leaves the list, what returns, and what the last word is.

use std::collections::BTreeMap;

use proto::bundle::GaenEntry;
use proto::{Feed, Kind, ReportType, Timestamp};
use store::{
    AcceptedKey, Act, BundleRow, Derived, EntryName, KeyStore, Member, RecallOrder, RecallOutcome, Recalled,
    RevisedKey, SealOutcome, StoreError,
};

use crate::engine::Engine;
use crate::life::{follow, move_to, pass};
use crate::samples::{
    feed, gaen, identities, identity, key, key_bytes, keys, members, opened, policy, provenance, report, sealed,
};

/// A quarter of an hour and a day, in seconds.
const QUARTER: i64 = 900;
const DAY: i64 = 86_400;

/// What is written down.
pub(crate) fn act(engine: &impl Engine) -> Act {
    Act {
        at: engine.clock().now(),
        act: "recall".into(),
        subject: "{}".into(),
        outcome: "{}".into(),
        reason: "a test".into(),
        os_user: "somebody".into(),
    }
}

pub(crate) fn order(engine: &impl Engine, feed: &Feed, sequence: u64) -> RecallOrder {
    RecallOrder { feed: feed.clone(), sequence, without: Vec::new(), act: Some(act(engine)) }
}

/// Recalls a bundle that is listed.
async fn recall(engine: &impl Engine, store: &dyn KeyStore, feed: &Feed, sequence: u64) -> Recalled {
    match store.recall(&order(engine, feed, sequence)).await.expect("recalled") {
        RecallOutcome::Recalled(recalled) => recalled,
        other => panic!("{other:?}"),
    }
}

/// Accepts keys and makes the next bundle of whatever waits.
async fn bundle(engine: &impl Engine, store: &dyn KeyStore, numbers: std::ops::Range<u64>) -> BundleRow {
    let now = engine.clock().now();
    store.accept_keys(&keys(numbers, now), &[gaen()], &provenance(now)).await.expect("accepted");
    seal(store, &gaen()).await
}

async fn seal(store: &dyn KeyStore, feed: &Feed) -> BundleRow {
    let sequences = sealed(store, feed, &policy()).await;
    store.bundle(feed, sequences[0]).await.expect("read").expect("there")
}

/// Notes that a bundle was derived.
pub(crate) async fn derive(store: &dyn KeyStore, feed: &Feed, sequence: u64) {
    let derived = Derived {
        export_sha256: [1; 32],
        zip_sha256: [2; 32],
        zip_bytes: 3,
        signatures: vec![vec![4; policy().signing.len()]],
    };
    store.record_derived(feed, sequence, &derived).await.expect("recorded");
}

/// Everything that is listed now, sorted.
pub(crate) async fn listed(store: &dyn KeyStore, feed: &Feed) -> Vec<Vec<u8>> {
    let number = store.number(feed).await.expect("read");
    let mut found = Vec::new();
    for bundle in store.listing(feed, number).await.expect("listed").bundles {
        found.extend(members(store, feed, bundle.sequence, 1_000).await.iter().map(|(_, member)| identity(member)));
    }
    found.sort();
    found
}

/// What is listed now of a key: bundle, whether among the revised ones, and the entry.
async fn story(store: &dyn KeyStore, number: u64) -> Vec<(u64, bool, GaenEntry)> {
    let at = store.number(&gaen()).await.expect("read");
    let mut story = Vec::new();
    for bundle in store.listing(&gaen(), at).await.expect("listed").bundles {
        for (revised, member) in members(store, &gaen(), bundle.sequence, 1_000).await {
            match member {
                Member::Gaen(entry) if *entry.key.data() == key_bytes(number) => {
                    story.push((bundle.sequence, revised, entry));
                }
                _ => {}
            }
        }
    }
    story
}

fn later(engine: &impl Engine, seconds: i64) {
    move_to(engine, engine.clock().now().plus(seconds));
}

pub(crate) async fn a_recalled_bundle_leaves_the_list_and_its_members_are_published_once_more(engine: &impl Engine) {
    let store = opened(engine).await;
    for first in [0, 10, 20] {
        let bundle = bundle(engine, &*store, first..first + 10).await;
        derive(&*store, &gaen(), bundle.sequence).await;
    }
    let before = store.number(&gaen()).await.expect("read");
    let recalled = recall(engine, &*store, &gaen(), 2).await;
    let expected = Recalled { sequence: 2, number: before + 1, void: false, members: 10, returned: 10, set_aside: 0 };
    assert_eq!(recalled, expected);
    let listing = store.listing(&gaen(), before + 1).await.expect("listed");
    assert_eq!(listing.bundles.iter().map(|bundle| bundle.sequence).collect::<Vec<_>>(), [1, 3]);
    for number in 0..=before {
        let told = store.listing(&gaen(), number).await;
        assert!(matches!(told, Err(StoreError::NotFound("number"))), "a list that names it can no longer be told");
    }
    assert!(store.bundle(&gaen(), 2).await.expect("read").is_some(), "its row says what it was");
    assert!(matches!(store.members(&gaen(), 2, None, 10).await, Err(StoreError::NotFound("bundle"))));

    assert_eq!(store.recall(&order(engine, &gaen(), 2)).await.expect("repeated"), RecallOutcome::Before(before + 1));
    assert_eq!(store.number(&gaen()).await.expect("read"), before + 1, "a repeat changes nothing");
    assert!(matches!(store.recall(&order(engine, &gaen(), 9)).await, Err(StoreError::NotFound("bundle"))));

    // A repeat of the upload changes nothing while it waits, nor later.
    let now = engine.clock().now();
    store.accept_keys(&keys(0..30, now), &[gaen()], &provenance(now)).await.expect("accepted");
    later(engine, QUARTER);
    assert_eq!(seal(&*store, &gaen()).await.count, 10);
    assert_eq!(listed(&*store, &gaen()).await, identities(0..30));
    assert_eq!(store.seal(&gaen(), &policy()).await.expect("sealed"), SealOutcome::Nothing);

    move_to(engine, store.bundle(&gaen(), 1).await.expect("read").expect("there").end.plus(14 * DAY));
    store.delist(&gaen()).await.expect("de-listed");
    assert_eq!(store.recall(&order(engine, &gaen(), 1)).await.expect("refused"), RecallOutcome::Delisted);
}

pub(crate) async fn what_returns_is_released_at_the_next_quarter(engine: &impl Engine) {
    let store = opened(engine).await;
    bundle(engine, &*store, 0..10).await;
    let now = engine.clock().now();
    let reports: Vec<_> = (0..5).map(|number| report(number, 10, now)).collect();
    store.accept_reports(&reports, &[feed(Kind::Tcn)], &provenance(now)).await.expect("accepted");
    seal(&*store, &feed(Kind::Tcn)).await;
    let before = engine.clock().now().ceil(QUARTER);
    for kind in Kind::ALL {
        recall(engine, &*store, &feed(kind), 1).await;
    }
    let after = engine.clock().now().ceil(QUARTER);
    for (table, rows) in [("gaen_waiting", 10), ("tcn_waiting", 5)] {
        let within = |from: Timestamp, to: Timestamp| {
            format!("SELECT count(*) FROM {table} WHERE release_at BETWEEN {} AND {}", from.unix(), to.unix())
        };
        assert_eq!(engine.count(&within(before, after)).await, rows);
        let moments = format!("SELECT count(DISTINCT release_at) FROM {table}");
        assert_eq!(engine.count(&moments).await, 1, "all at once");
    }
    later(engine, QUARTER);
    seal(&*store, &feed(Kind::Tcn)).await;
    assert_eq!(listed(&*store, &feed(Kind::Tcn)).await.len(), 5);
}

/// A key that was uploaded as likely.
fn likely(number: u64, now: Timestamp) -> AcceptedKey {
    let mut key = key(number, now);
    (key.raw.report_type, key.published.report_type) = (ReportType::Likely, Some(ReportType::Likely));
    key
}

/// The same, confirmed now.
fn confirmed(number: u64, now: Timestamp) -> RevisedKey {
    let mut key = key(number, now);
    key.published.transmission_risk = 7;
    RevisedKey { key, from: ReportType::Likely }
}

/// Four keys in bundle 1. Of the second and fourth, bundle 2 has a revision and a revocation; of the first and third they wait. Each bundle has a
/// key of its own, too.
async fn revised(engine: &impl Engine, store: &dyn KeyStore) -> GaenEntry {
    let now = engine.clock().now();
    let uploaded: Vec<_> = (1..=4).map(|number| likely(number, now)).chain([key(100, now)]).collect();
    store.accept_keys(&uploaded, &[gaen()], &provenance(now)).await.expect("accepted");
    seal(store, &gaen()).await;
    for (revised, revoked, filler) in [(2, 4, Some(101)), (1, 3, None)] {
        let change = confirmed(revised, now);
        store.revise_keys(&[change], &[gaen()], &provenance(now)).await.expect("revised");
        store.withdraw(Kind::Gaen, &[key_bytes(revoked).to_vec()]).await.expect("withdrawn");
        if let Some(filler) = filler {
            later(engine, QUARTER);
            assert_eq!(bundle(engine, store, filler..filler + 1).await.revised, 2);
        }
    }
    confirmed(1, now).key.published
}

pub(crate) async fn a_later_word_counts_and_nothing_older_comes_after_it(engine: &impl Engine) {
    let store = opened(engine).await;
    let last = revised(engine, &*store).await;
    let recalled = recall(engine, &*store, &gaen(), 1).await;
    // The fourth is revoked by bundle 2; what waits of the third is its revocation.
    assert_eq!((recalled.members, recalled.returned), (5, 4));
    later(engine, QUARTER);
    let third = bundle(engine, &*store, 102..103).await;
    assert_eq!((third.count, third.revised), (4, 1), "1, 2, 100 and 102; the revocation of 3");
    let said = async |number| {
        let said: Vec<_> = story(&*store, number).await;
        said.into_iter().map(|(bundle, revised, entry)| (bundle, revised, entry.report_type)).collect::<Vec<_>>()
    };
    assert_eq!(story(&*store, 1).await, [(3, false, last)], "it is said once, and what was said last");
    let confirmed = Some(ReportType::Confirmed);
    assert_eq!(said(2).await, [(2, true, confirmed), (3, false, confirmed)]);
    assert_eq!(said(3).await, [(3, true, Some(ReportType::Negative))], "phones that read bundle 1 learn of it");
    assert_eq!(said(4).await, [(2, true, Some(ReportType::Negative))]);
    assert_eq!(said(100).await, [(3, false, confirmed)]);
    // Whoever revises or uploads again changes nothing that was said last.
    let now = engine.clock().now();
    store.revise_keys(&[self::confirmed(2, now)], &[gaen()], &provenance(now)).await.expect("answered alike");
    store.accept_keys(&[likely(3, now), likely(4, now)], &[gaen()], &provenance(now)).await.expect("accepted");
    assert_eq!(store.seal(&gaen(), &policy()).await.expect("sealed"), SealOutcome::Nothing);
}

pub(crate) async fn bundles_recalled_one_after_the_other_end_with_the_last_word(engine: &impl Engine) {
    let mut ends = Vec::new();
    let store = opened(engine).await;
    revised(engine, &*store).await;
    // Whichever goes first, the same waits in the end. The first two are recalled, sealed together, and that bundle is recalled again.
    for order in [[1, 2], [3, 3]] {
        for sequence in order {
            let outcome = store.recall(&self::order(engine, &gaen(), sequence)).await.expect("recalled");
            assert!(!matches!(outcome, RecallOutcome::Delisted));
        }
        later(engine, QUARTER);
        let bundle = seal(&*store, &gaen()).await;
        assert_eq!((bundle.count, bundle.revised), (4, 2), "1, 2, 100, 101; the revocations of 3 and 4");
        ends.push(listed(&*store, &gaen()).await);
    }
    let mut expected = identities(1..5);
    expected.extend(identities(100..102));
    expected.sort();
    assert_eq!(ends, [expected.clone(), expected]);
}

pub(crate) async fn what_is_recalled_without_an_entry_sets_it_aside(engine: &impl Engine) {
    let store = opened(engine).await;
    bundle(engine, &*store, 0..10).await;
    derive(&*store, &gaen(), 1).await;
    let bad = EntryName::of(&key_bytes(4));
    let unknown = RecallOrder { without: vec![EntryName::of(b"other")], ..order(engine, &gaen(), 1) };
    assert!(matches!(store.recall(&unknown).await, Err(StoreError::NotFound(_))));
    assert_eq!(listed(&*store, &gaen()).await.len(), 10, "nothing was done");

    let without = RecallOrder { without: vec![bad, bad], ..order(engine, &gaen(), 1) };
    let outcome = store.recall(&without).await.expect("recalled");
    assert!(matches!(outcome, RecallOutcome::Recalled(Recalled { members: 10, returned: 9, set_aside: 1, .. })));
    later(engine, QUARTER);
    let now = engine.clock().now();
    store.accept_keys(&keys(4..5, now), &[gaen()], &provenance(now)).await.expect("accepted");
    seal(&*store, &gaen()).await;
    let mut expected = identities(0..10);
    expected.retain(|identity| *identity != key_bytes(4));
    assert_eq!(listed(&*store, &gaen()).await, expected, "what is set aside stays known");
    let aside = store.quarantined(&gaen()).await.expect("read");
    assert_eq!(aside.iter().map(|aside| (aside.entry, aside.revision)).collect::<Vec<_>>(), [(bad, 0)]);
}

pub(crate) async fn a_bundle_that_was_never_derived_is_void(engine: &impl Engine) {
    let store = opened(engine).await;
    bundle(engine, &*store, 0..10).await;
    assert!(recall(engine, &*store, &gaen(), 1).await.void);
    let derived = Derived { export_sha256: [1; 32], zip_sha256: [2; 32], zip_bytes: 3, signatures: vec![vec![4]] };
    let late = store.record_derived(&gaen(), 1, &derived).await;
    assert!(matches!(late, Err(StoreError::NotFound("bundle"))), "whoever derived it meanwhile comes too late");
    assert_eq!(engine.count("SELECT count(*) FROM bundle WHERE state = 'void'").await, 1);
    later(engine, QUARTER);
    seal(&*store, &gaen()).await;
    assert_eq!(listed(&*store, &gaen()).await, identities(0..10));
}

pub(crate) async fn a_rehearsal_changes_nothing_and_a_recall_is_written_down(engine: &impl Engine) {
    let store = opened(engine).await;
    bundle(engine, &*store, 0..10).await;
    let before = (engine.rows().await, store.number(&gaen()).await.expect("read"));
    let rehearsed = store.recall(&RecallOrder { act: None, ..order(engine, &gaen(), 1) }).await.expect("rehearsed");
    assert_eq!((engine.rows().await, store.number(&gaen()).await.expect("read")), before);
    assert!(store.acts(10).await.expect("read").is_empty());
    let done = store.recall(&order(engine, &gaen(), 1)).await.expect("recalled");
    assert_eq!(done, rehearsed);
    store.recall(&order(engine, &gaen(), 1)).await.expect("repeated");
    let acts = store.acts(10).await.expect("read");
    assert_eq!(acts.len(), 1, "a repeat does nothing");
    assert!(acts[0].act.outcome.contains("\"returned\":10"), "{:?}", acts[0]);
}

pub(crate) async fn a_recalled_bundle_is_put_nowhere_and_its_object_goes_a_day_later(engine: &impl Engine) {
    let store = opened(engine).await;
    let first = bundle(engine, &*store, 0..10).await;
    derive(&*store, &gaen(), 1).await;
    follow(&*store, &gaen(), "near").await;
    recall(engine, &*store, &gaen(), 1).await;
    let put = store.record_put(&gaen(), 1, "far").await;
    assert!(matches!(put, Err(StoreError::NotFound("bundle"))), "whoever put it meanwhile takes it away again");
    store.record_put(&gaen(), 1, "near").await.expect("there it stands for a day");
    assert!(store.puts(&gaen(), "near").await.expect("read").is_empty());

    for bucket in ["near", "far"] {
        assert!(follow(&*store, &gaen(), bucket).await.is_empty());
    }
    later(engine, DAY + QUARTER);
    for bucket in ["near", "far"] {
        assert_eq!(follow(&*store, &gaen(), bucket).await, [1], "from {bucket}, whoever put it there");
    }
    assert!(pass(&*store, &gaen()).await.bundles.is_empty(), "its row says for its time that it was recalled");
    assert!(matches!(store.recall(&order(engine, &gaen(), 1)).await, Ok(RecallOutcome::Before(_))));
    move_to(engine, first.end.plus(15 * DAY + QUARTER));
    assert_eq!(pass(&*store, &gaen()).await.bundles, [1]);
    assert_eq!(engine.rows().await["gaen_key"], 10, "what it carried waits still");
    seal(&*store, &gaen()).await;
    assert_eq!(listed(&*store, &gaen()).await, identities(0..10));
}

pub(crate) async fn what_returned_and_was_taken_back_stays_known_and_is_forgotten(engine: &impl Engine) {
    let store = opened(engine).await;
    let first = bundle(engine, &*store, 0..10).await;
    recall(engine, &*store, &gaen(), 1).await;
    let taken: Vec<_> = (0..4).map(|number| key_bytes(number).to_vec()).collect();
    store.withdraw(Kind::Gaen, &taken).await.expect("withdrawn");
    let now = engine.clock().now();
    store.accept_keys(&keys(0..10, now), &[gaen()], &provenance(now)).await.expect("accepted");
    later(engine, QUARTER);
    assert_eq!(seal(&*store, &gaen()).await.count, 6);
    assert_eq!(listed(&*store, &gaen()).await, identities(4..10));
    pass(&*store, &gaen()).await;
    assert_eq!(engine.rows().await["gaen_key"], 10);
    for day in [2, 14, 15, 16] {
        move_to(engine, first.end.plus(day * (DAY + QUARTER)));
        pass(&*store, &gaen()).await;
    }
    assert_eq!((engine.rows().await["gaen_key"], engine.rows().await["bundle"]), (0, 0));
}

pub(crate) async fn a_recall_beside_seals_and_uploads_loses_and_doubles_nothing(engine: &impl Engine) {
    let store = opened(engine).await;
    let mut programs = tokio::task::JoinSet::new();
    for round in 0..6_u64 {
        let (uploader, clock) = (engine.open().await, engine.clock().clone());
        programs.spawn(async move {
            let now = clock.now();
            let upload = keys(round * 20..round * 20 + 20, now);
            uploader.accept_keys(&upload, &[gaen()], &provenance(now)).await.expect("accepted");
            uploader.seal(&gaen(), &policy()).await.expect("sealed");
        });
        let (store, order) = (engine.open().await, order(engine, &gaen(), round / 2 + 1));
        programs.spawn(async move {
            match store.recall(&order).await {
                Ok(_) | Err(StoreError::NotFound("bundle")) => {}
                Err(why) => panic!("{why}"),
            }
        });
    }
    while let Some(ended) = programs.join_next().await {
        ended.expect("no panic");
    }
    later(engine, QUARTER);
    store.seal(&gaen(), &policy()).await.expect("sealed");
    assert_eq!(listed(&*store, &gaen()).await, identities(0..120));
    let states: BTreeMap<String, i64> = engine.rows().await;
    assert_eq!(states["gaen_waiting"], 0);
}
