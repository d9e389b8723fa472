//! Withdrawing: what waits is never published, what is sealed is revoked once, and nobody brings it back.

use std::ops::Range;

use proto::bundle::TcnClass;
use proto::{Feed, Kind, ReportType, Timestamp};
use store::{
    AcceptedKey, FeedTally, KEY_REMEMBERED, KeyStore, Member, Provenance, REPORT_REMEMBERED, RevisedKey, Selection,
    WithdrawalKind, WithdrawalTally,
};

use crate::engine::Engine;
use crate::samples::{
    feed, gaen, identities, identity, keys, members, opened, policy, provenance, region, report, sealed,
};

/// The key that was stolen.
const STOLEN: &str = "stolen-kid";
/// A day, in seconds.
const DAY: i64 = 86_400;

/// What comes under certificates of the stolen key.
fn stolen(received: Timestamp) -> Provenance {
    Provenance { kid: STOLEN.into(), ..provenance(received) }
}

fn svalbard() -> Feed {
    Feed::verified(region("SJ"), Kind::Gaen)
}

/// All of a kind that came under the stolen key.
fn by_kid(kind: WithdrawalKind) -> Selection {
    Selection { kind, authority: "fhi".into(), kid: Some(STOLEN.into()), times: None }
}

/// Accepts keys for some feeds.
async fn accept(engine: &impl Engine, store: &dyn KeyStore, feeds: &[Feed], numbers: Range<u64>, by: &Provenance) {
    store.accept_keys(&keys(numbers, engine.clock().now()), feeds, by).await.expect("accepted");
}

/// Picks and withdraws.
async fn withdraw(store: &dyn KeyStore, selection: &Selection) -> WithdrawalTally {
    let picked = store.pick(selection).await.expect("picked");
    let foreseen = store.tally(selection.kind.kind(), &picked).await.expect("counted");
    let done = store.withdraw(selection.kind.kind(), &picked).await.expect("withdrawn");
    assert_eq!(done, foreseen, "what is done is what was foreseen");
    done
}

fn tally(of_feeds: &[(Feed, [u64; 3])], tombstones: u64) -> WithdrawalTally {
    let feeds = of_feeds.iter().map(|(feed, [waiting, sealed, revoked])| {
        (feed.clone(), FeedTally { waiting: *waiting, sealed: *sealed, revoked: *revoked })
    });
    WithdrawalTally { feeds: feeds.collect(), tombstones }
}

/// The revised members of all bundles of a feed: bundle and identity, with the report type of keys.
async fn revised(store: &dyn KeyStore, feed: &Feed) -> Vec<(u64, Vec<u8>, Option<ReportType>)> {
    let mut found = Vec::new();
    for sequence in 1.. {
        if store.bundle(feed, sequence).await.expect("read").is_none() {
            break;
        }
        for (_, member) in members(store, feed, sequence, 100).await.iter().filter(|(revised, _)| *revised) {
            let report_type = match member {
                Member::Gaen(entry) => entry.report_type,
                Member::Tcn(entry) => Some(entry.report_type),
            };
            found.push((sequence, identity(member), report_type));
        }
    }
    found.sort_by(|a, b| a.1.cmp(&b.1));
    found
}

/// The ordinary members of all bundles of a feed, sorted.
async fn ordinary(store: &dyn KeyStore, feed: &Feed) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for sequence in 1.. {
        if store.bundle(feed, sequence).await.expect("read").is_none() {
            break;
        }
        let members = members(store, feed, sequence, 100).await;
        found.extend(members.iter().filter(|(revised, _)| !revised).map(|(_, member)| identity(member)));
    }
    found.sort();
    found
}

pub(crate) async fn what_waits_is_never_published_and_no_repeat_brings_it_back(engine: &impl Engine) {
    let store = opened(engine).await;
    let (now, both) = (engine.clock().now(), [gaen(), svalbard()]);
    accept(engine, &*store, &both, 0..20, &stolen(now)).await;
    accept(engine, &*store, &both, 100..110, &provenance(now)).await;

    let expected = tally(&[(gaen(), [20, 0, 0]), (svalbard(), [20, 0, 0])], 0);
    assert_eq!(withdraw(&*store, &by_kid(WithdrawalKind::Gaen)).await, expected);
    for by in [stolen(now), provenance(now)] {
        accept(engine, &*store, &both, 0..20, &by).await;
    }
    assert_eq!(store.waiting(&gaen()).await.expect("counted").releasable, 10);
    for feed in &both {
        sealed(&*store, feed, &policy()).await;
        assert_eq!(ordinary(&*store, feed).await, identities(100..110));
    }
    let again = withdraw(&*store, &by_kid(WithdrawalKind::Gaen)).await;
    assert_eq!(again, tally(&[], 20));
    assert_eq!(engine.rows().await["gaen_fresh"], 20, "they are known still");
}

pub(crate) async fn what_is_sealed_is_revoked_once_however_often_it_is_withdrawn(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    accept(engine, &*store, &[gaen()], 0..20, &stolen(now)).await;
    accept(engine, &*store, &[gaen()], 100..110, &provenance(now)).await;
    sealed(&*store, &gaen(), &policy()).await;
    let frozen = members(&*store, &gaen(), 1, 100).await;

    let selection = by_kid(WithdrawalKind::Gaen);
    assert_eq!(withdraw(&*store, &selection).await, tally(&[(gaen(), [0, 20, 0])], 0));
    assert_eq!(withdraw(&*store, &selection).await, tally(&[(gaen(), [0, 0, 20])], 0));
    engine.clock().set_offset(engine.clock().offset() + 900);
    accept(engine, &*store, &[gaen()], 110..112, &provenance(now)).await;
    assert_eq!(store.waiting(&gaen()).await.expect("counted").revised, 20);
    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(withdraw(&*store, &selection).await, tally(&[(gaen(), [0, 0, 20])], 0));
    // Nothing of it waits anywhere, and what was uploaded again changes nothing.
    accept(engine, &*store, &[gaen()], 0..20, &stolen(now)).await;
    let waiting = store.waiting(&gaen()).await.expect("counted");
    assert_eq!((waiting.releasable, waiting.revised, waiting.unripe), (0, 0, 0));

    let expected: Vec<_> = identities(0..20).into_iter().map(|key| (2, key, Some(ReportType::Negative))).collect();
    assert_eq!(revised(&*store, &gaen()).await, expected);
    assert_eq!(members(&*store, &gaen(), 1, 100).await, frozen, "what is sealed stays as it is");
    let bundle = store.bundle(&gaen(), 2).await.expect("read").expect("there");
    assert_eq!((bundle.count, bundle.revised), (2, 20));
}

pub(crate) async fn what_is_sealed_here_and_waits_there_is_revoked_here_and_gone_there(engine: &impl Engine) {
    let store = opened(engine).await;
    let (now, both) = (engine.clock().now(), [gaen(), svalbard()]);
    accept(engine, &*store, &both, 0..14, &stolen(now)).await;
    sealed(&*store, &gaen(), &policy()).await;
    let expected = tally(&[(gaen(), [0, 14, 0]), (svalbard(), [14, 0, 0])], 0);
    assert_eq!(withdraw(&*store, &by_kid(WithdrawalKind::Gaen)).await, expected);

    accept(engine, &*store, &both, 0..14, &provenance(now)).await;
    accept(engine, &*store, &both, 100..110, &provenance(now)).await;
    engine.clock().set_offset(engine.clock().offset() + 900);
    for feed in &both {
        sealed(&*store, feed, &policy()).await;
    }
    assert_eq!(revised(&*store, &gaen()).await.len(), 14);
    assert_eq!(ordinary(&*store, &svalbard()).await, identities(100..110));
    assert!(revised(&*store, &svalbard()).await.is_empty(), "there is nothing to take back there");
}

pub(crate) async fn a_withdrawn_report_stands_in_the_list_of_withdrawn_ones(engine: &impl Engine) {
    let store = opened(engine).await;
    let (now, tcn) = (engine.clock().now(), feed(Kind::Tcn));
    let reports = |numbers: Range<u64>| numbers.map(|number| report(number, 10, now)).collect::<Vec<_>>();
    let feeds = std::slice::from_ref(&tcn);
    store.accept_reports(&reports(0..10), feeds, &stolen(now)).await.expect("accepted");
    sealed(&*store, &tcn, &policy()).await;
    store.accept_reports(&reports(10..14), feeds, &stolen(now)).await.expect("accepted");
    store.accept_reports(&reports(20..25), feeds, &provenance(now)).await.expect("accepted");

    assert_eq!(withdraw(&*store, &by_kid(WithdrawalKind::Gaen)).await, tally(&[], 0), "no keys");
    let selection = by_kid(WithdrawalKind::Tcn);
    assert_eq!(withdraw(&*store, &selection).await, tally(&[(tcn.clone(), [4, 10, 0])], 0));
    store.accept_reports(&reports(0..14), feeds, &stolen(now)).await.expect("accepted");
    engine.clock().set_offset(engine.clock().offset() + 900);
    sealed(&*store, &tcn, &policy()).await;
    let bundle = store.bundle(&tcn, 2).await.expect("read").expect("there");
    assert_eq!((bundle.count, bundle.revised), (5, 10));
    assert_eq!(withdraw(&*store, &selection).await, tally(&[(tcn.clone(), [0, 0, 10])], 4));
    let withdrawn: Vec<_> = revised(&*store, &tcn).await.into_iter().map(|(_, identity, _)| identity).collect();
    let mut expected: Vec<_> =
        reports(0..10).iter().map(|report| report.published.report.verification_key().to_vec()).collect();
    expected.sort();
    assert_eq!(withdrawn, expected);
}

pub(crate) async fn reports_with_and_without_certificate_are_selected_apart(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let mut authority = crate::samples::authority("fhi", &["NO", "SJ"]);
    authority.self_reports = store::SelfReporting::ProofOfWork;
    store.register(&authority, now).await.expect("registered");
    let alone = Feed::self_reported(region("NO"), Kind::Tcn);
    let mut by_themselves: Vec<_> = (0..3).map(|number| report(number, 10, now)).collect();
    for report in &mut by_themselves {
        (report.published.class, report.published.report_type) = (TcnClass::SelfReported, ReportType::UserReport);
    }
    let nobody = Provenance { kid: String::new(), ..provenance(now) };
    store.accept_reports(&by_themselves, std::slice::from_ref(&alone), &nobody).await.expect("accepted");
    let certified: Vec<_> = (10..15).map(|number| report(number, 10, now)).collect();
    store.accept_reports(&certified, &[feed(Kind::Tcn)], &provenance(now)).await.expect("accepted");

    let all = |kind| Selection { kind, authority: "fhi".into(), kid: None, times: None };
    assert_eq!(withdraw(&*store, &all(WithdrawalKind::TcnSelf)).await, tally(&[(alone.clone(), [3, 0, 0])], 0));
    assert_eq!(store.waiting(&feed(Kind::Tcn)).await.expect("counted").releasable, 5);
    assert_eq!(withdraw(&*store, &all(WithdrawalKind::Tcn)).await, tally(&[(feed(Kind::Tcn), [5, 0, 0])], 0));
}

pub(crate) async fn a_day_is_that_of_receipt_or_that_of_the_seal(engine: &impl Engine) {
    let store = opened(engine).await;
    let midnight = engine.clock().now().floor(DAY);
    let of_day = |day: i64| midnight.plus(day * DAY)..midnight.plus((day + 1) * DAY);
    let selection = |times| Selection { times: Some(times), ..by_kid(WithdrawalKind::Gaen) };
    accept(engine, &*store, &[gaen()], 0..10, &stolen(midnight.plus(-1))).await;
    accept(engine, &*store, &[gaen()], 10..14, &stolen(midnight)).await;
    let picked = async |times| {
        let picked = store.pick(&selection(times)).await.expect("picked");
        assert!(picked.is_sorted());
        picked
    };
    assert_eq!(picked(of_day(-1)).await, identities(0..10));
    assert_eq!(picked(of_day(0)).await, identities(10..14));
    assert_eq!(picked(midnight.plus(-DAY)..midnight.plus(DAY)).await, identities(0..14));
    assert!(picked(of_day(1)).await.is_empty());

    // After the seal nobody knows any more when each was received.
    let sealed_on = store::Day::containing(engine.clock().now()).start();
    sealed(&*store, &gaen(), &policy()).await;
    let day = sealed_on..sealed_on.plus(2 * DAY);
    assert_eq!(picked(day).await, identities(0..14));
    assert!(picked(of_day(-1)).await.is_empty());
}

pub(crate) async fn who_is_not_selected_is_left_alone(engine: &impl Engine) {
    let store = opened(engine).await;
    store.register(&crate::samples::authority("sst", &["DK"]), engine.clock().now()).await.expect("registered");
    let now = engine.clock().now();
    let denmark = Feed::verified(region("DK"), Kind::Gaen);
    let theirs = Provenance { authority: "sst".into(), ..stolen(now) };
    accept(engine, &*store, std::slice::from_ref(&denmark), 0..5, &theirs).await;
    accept(engine, &*store, &[gaen()], 10..15, &provenance(now)).await;
    accept(engine, &*store, &[gaen()], 20..25, &stolen(now)).await;
    let selection = by_kid(WithdrawalKind::Gaen);
    assert_eq!(store.pick(&selection).await.expect("picked"), identities(20..25));
    let unknown = Selection { authority: "nobody".into(), ..selection.clone() };
    assert!(store.pick(&unknown).await.expect("picked").is_empty());
    assert_eq!(store.withdraw(Kind::Gaen, &[]).await.expect("nothing"), WithdrawalTally::default());
    withdraw(&*store, &selection).await;
    for (feed, left) in [(denmark, 0..5), (gaen(), 10..15)] {
        sealed(&*store, &feed, &policy()).await;
        assert_eq!(ordinary(&*store, &feed).await, identities(left));
    }
}

pub(crate) async fn a_tombstone_dies_when_nobody_can_upload_it_any_more_and_what_waits_never(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    // In a feed of its own somebody waits for ever.
    accept(engine, &*store, &[svalbard()], 50..55, &provenance(now)).await;
    accept(engine, &*store, &[gaen()], 0..10, &stolen(now)).await;
    let reports: Vec<_> = (0..4).map(|number| report(number, 10, now)).collect();
    store.accept_reports(&reports, &[feed(Kind::Tcn)], &stolen(now)).await.expect("accepted");
    withdraw(&*store, &by_kid(WithdrawalKind::Gaen)).await;
    withdraw(&*store, &by_kid(WithdrawalKind::Tcn)).await;

    let validity_end = keys(0..1, now)[0].published.key.validity_end().start();
    let due = async |at: Timestamp| {
        let clock = engine.clock();
        clock.set_offset(clock.offset() + at.unix() - clock.now().unix());
        store.due_tombstones().await.expect("counted")
    };
    assert_eq!(due(validity_end.plus(KEY_REMEMBERED - 3_600)).await, 0);
    assert_eq!(store.forget_tombstones(100).await.expect("nothing to do"), 0);
    assert_eq!(due(validity_end.plus(KEY_REMEMBERED)).await, 10);
    for expected in [7, 3, 0] {
        assert_eq!(store.forget_tombstones(7).await.expect("forgotten"), expected);
    }
    assert_eq!(due(now.floor(3_600).plus(REPORT_REMEMBERED - 3_600)).await, 0);
    assert_eq!(due(now.floor(3_600).plus(REPORT_REMEMBERED)).await, 4);
    assert_eq!(store.forget_tombstones(100).await.expect("forgotten"), 4);
    assert_eq!(due(now.plus(400 * DAY)).await, 0, "what waits is no tombstone");
    let rows = engine.rows().await;
    assert_eq!((rows["gaen_fresh"], rows["gaen_waiting"], rows["tcn_fresh"]), (5, 5, 0));
    let everything = engine.everything().await;
    let there = |identity: &[u8]| everything.windows(identity.len()).any(|window| window == identity);
    assert!(!identities(0..10).iter().any(|identity| there(identity)), "not one byte of a dead key is left");
}

pub(crate) async fn a_withdrawal_beside_seals_and_repeats_loses_and_revives_nothing(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    accept(engine, &*store, &[gaen()], 0..600, &stolen(now)).await;
    let picked = store.pick(&by_kid(WithdrawalKind::Gaen)).await.expect("picked");
    assert_eq!(picked.len(), 600);
    let small = store::SealPolicy { max_entries: 50, ..policy() };

    let mut programs = tokio::task::JoinSet::new();
    // Two withdraw the same, in the same steps; one seals again and again; two upload all of it once more.
    for _ in 0..2 {
        let (store, picked) = (engine.open().await, picked.clone());
        programs.spawn(async move {
            for some in picked.chunks(40) {
                store.withdraw(Kind::Gaen, some).await.expect("withdrawn");
            }
        });
    }
    for first in [0, 300] {
        let store = engine.open().await;
        programs.spawn(async move {
            for number in (first..first + 300).step_by(30) {
                let again = keys(number..number + 30, now);
                store.accept_keys(&again, &[gaen()], &stolen(now)).await.expect("accepted");
            }
        });
    }
    let seals = engine.open().await;
    programs.spawn(async move {
        for _ in 0..10 {
            seals.seal(&gaen(), &small).await.expect("sealed");
            tokio::task::yield_now().await;
        }
    });
    while let Some(finished) = programs.join_next().await {
        finished.expect("no panic");
    }

    let again = store.tally(Kind::Gaen, &picked).await.expect("counted");
    let of_feed = again.feeds.get(&gaen()).copied().unwrap_or_default();
    assert_eq!((of_feed.waiting, of_feed.sealed), (0, 0), "each is withdrawn");
    assert_eq!(of_feed.revoked + again.tombstones, 600, "none is lost");
    accept(engine, &*store, &[gaen()], 0..600, &stolen(now)).await;
    engine.clock().set_offset(engine.clock().offset() + 900);
    accept(engine, &*store, &[gaen()], 1_000..1_001, &provenance(now)).await;
    sealed(&*store, &gaen(), &policy()).await;
    let revised = revised(&*store, &gaen()).await;
    assert!(revised.windows(2).all(|pair| pair[0].1 != pair[1].1), "none is revoked twice");
    let mut published = ordinary(&*store, &gaen()).await;
    published.retain(|key| picked.contains(key));
    assert_eq!(published, revised.iter().map(|revoked| revoked.1.clone()).collect::<Vec<_>>());
    assert_eq!(published.len() as u64, of_feed.revoked);
}

/// The same keys with another word: from likely to what is said now.
fn said(numbers: Range<u64>, now: Timestamp, report_type: ReportType) -> Vec<RevisedKey> {
    let say = |mut key: AcceptedKey| {
        (key.raw.report_type, key.published.report_type) = (report_type, Some(report_type));
        RevisedKey { key, from: ReportType::Likely }
    };
    keys(numbers, now).into_iter().map(say).collect()
}

/// Uploads keys that are likely to be of somebody ill.
async fn accept_likely(store: &dyn KeyStore, feeds: &[Feed], numbers: Range<u64>, by: &Provenance, now: Timestamp) {
    let likely: Vec<_> = said(numbers, now, ReportType::Likely).into_iter().map(|revised| revised.key).collect();
    store.accept_keys(&likely, feeds, by).await.expect("accepted");
}

pub(crate) async fn after_a_withdrawal_nobodys_revision_changes_anything(engine: &impl Engine) {
    let store = opened(engine).await;
    let (now, both) = (engine.clock().now(), [gaen(), svalbard()]);
    accept_likely(&*store, &both, 0..10, &stolen(now), now).await;
    sealed(&*store, &gaen(), &policy()).await;
    accept_likely(&*store, &[gaen()], 10..14, &stolen(now), now).await;
    withdraw(&*store, &by_kid(WithdrawalKind::Gaen)).await;
    for report_type in [ReportType::Confirmed, ReportType::Negative] {
        let revision = said(0..14, now, report_type);
        store.revise_keys(&revision, &both, &stolen(now)).await.expect("answered alike");
    }
    accept(engine, &*store, &both, 100..103, &provenance(now)).await;
    engine.clock().set_offset(engine.clock().offset() + 900);
    for feed in &both {
        sealed(&*store, feed, &policy()).await;
    }
    let expected: Vec<_> = identities(0..10).into_iter().map(|key| (2, key, Some(ReportType::Negative))).collect();
    assert_eq!(revised(&*store, &gaen()).await, expected);
    assert_eq!(ordinary(&*store, &svalbard()).await, identities(100..103));
    let again = withdraw(&*store, &by_kid(WithdrawalKind::Gaen)).await;
    assert_eq!(again, tally(&[(gaen(), [0, 0, 10])], 4));
}

pub(crate) async fn what_a_person_revised_is_withdrawn_and_what_they_took_back_is_left_alone(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let feeds = [gaen()];
    accept_likely(&*store, &feeds, 0..10, &stolen(now), now).await;
    sealed(&*store, &gaen(), &policy()).await;
    accept_likely(&*store, &feeds, 10..14, &stolen(now), now).await;
    // Confirmed, and taken back; of each some are sealed and some wait. One revision waits still when it is withdrawn.
    for (numbers, report_type) in [
        (0..4, ReportType::Confirmed),
        (4..6, ReportType::Negative),
        (10..12, ReportType::Confirmed),
        (12..14, ReportType::Negative),
    ] {
        let revision = said(numbers, now, report_type);
        store.revise_keys(&revision, &feeds, &stolen(now)).await.expect("revised");
    }
    let expected = tally(&[(gaen(), [2, 8, 2])], 2);
    assert_eq!(withdraw(&*store, &by_kid(WithdrawalKind::Gaen)).await, expected);
    engine.clock().set_offset(engine.clock().offset() + 900);
    accept(engine, &*store, &feeds, 100..103, &provenance(now)).await;
    sealed(&*store, &gaen(), &policy()).await;
    let revoked: Vec<_> = identities(0..10).into_iter().map(|key| (2, key, Some(ReportType::Negative))).collect();
    assert_eq!(revised(&*store, &gaen()).await, revoked, "each is revoked once, and no other word reaches anybody");
}

pub(crate) async fn a_withdrawal_beside_revisions_revokes_each_key_once(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    accept_likely(&*store, &[gaen()], 0..200, &stolen(now), now).await;
    sealed(&*store, &gaen(), &policy()).await;
    accept_likely(&*store, &[gaen()], 200..400, &stolen(now), now).await;
    let picked = store.pick(&by_kid(WithdrawalKind::Gaen)).await.expect("picked");
    let mut programs = tokio::task::JoinSet::new();
    for report_type in [ReportType::Confirmed, ReportType::Negative] {
        let store = engine.open().await;
        programs.spawn(async move {
            for first in (0..400).step_by(20) {
                let revision = said(first..first + 20, now, report_type);
                store.revise_keys(&revision, &[gaen()], &stolen(now)).await.expect("answered");
            }
        });
    }
    let all = picked.clone();
    let withdrawing = engine.open().await;
    programs.spawn(async move {
        for some in all.chunks(30) {
            withdrawing.withdraw(Kind::Gaen, some).await.expect("withdrawn");
        }
    });
    while let Some(finished) = programs.join_next().await {
        finished.expect("no panic");
    }
    let after = store.tally(Kind::Gaen, &picked).await.expect("counted");
    assert_eq!(after, tally(&[(gaen(), [0, 0, 200])], 200));
    engine.clock().set_offset(engine.clock().offset() + 900);
    accept(engine, &*store, &[gaen()], 1_000..1_001, &provenance(now)).await;
    sealed(&*store, &gaen(), &policy()).await;
    let revoked: Vec<_> = identities(0..200).into_iter().map(|key| (2, key, Some(ReportType::Negative))).collect();
    assert_eq!(revised(&*store, &gaen()).await, revoked);
}
