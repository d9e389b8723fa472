//! What is counted of uploads, and what is noticed of those that say something else of a known key.

use std::sync::Arc;

use proto::gaen::TemporaryExposureKey;
use proto::{Feed, Kind, ReportType, Timestamp};
use store::{
    Accepted, AcceptedKey, Day, KeyStore, ONSETS, OnsetSource, Origin, Provenance, RevisedKey, UploadDay, release_at,
};
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::samples::{feed, gaen, key, key_bytes, keys, opened, policy, provenance, region, report, sealed};

/// How many send the same upload at once.
const RACERS: usize = 20;

/// All that is counted for an authority.
async fn days_of(store: &dyn KeyStore, authority: &str) -> Vec<UploadDay> {
    store.upload_days(authority, Day::new(0), Day::new(i32::MAX)).await.expect("read")
}

/// The only day of the authority of most tests.
async fn day(store: &dyn KeyStore) -> UploadDay {
    let mut days = days_of(store, "fhi").await;
    assert_eq!(days.len(), 1, "{days:?}");
    days.remove(0)
}

/// A day with people who all uploaded keys that began three days before, on the day of their onset.
fn people(now: Timestamp, key_uploads: u64, keys: u64) -> UploadDay {
    let mut day = UploadDay { key_uploads, keys, ..UploadDay::new(Day::containing(now)) };
    day.ages[3] = key_uploads;
    day.onsets[3] = key_uploads;
    day
}

async fn accept(store: &dyn KeyStore, keys: &[AcceptedKey], provenance: &Provenance) -> Accepted {
    store.accept_keys(keys, &[gaen()], provenance).await.expect("accepted")
}

pub(crate) async fn an_upload_is_counted_with_its_keys_once_however_often_it_is_repeated(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    for _ in 0..3 {
        assert_eq!(accept(&*store, &keys(0..14, now), &provenance(now)).await, Accepted::default());
    }
    assert_eq!(day(&*store).await, people(now, 1, 14));
    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(accept(&*store, &keys(0..14, now), &provenance(now)).await, Accepted::default());
    assert_eq!(day(&*store).await, people(now, 1, 14), "sealed keys are known too");
    accept(&*store, &keys(20..34, now), &provenance(now)).await;
    assert_eq!(day(&*store).await, people(now, 2, 28));
}

pub(crate) async fn the_same_upload_twenty_times_at_once_is_one_persons(engine: &impl Engine) {
    let mut programs: Vec<Arc<dyn KeyStore>> = vec![opened(engine).await];
    programs.push(engine.open().await);
    let now = engine.clock().now();
    let mut racers = JoinSet::new();
    for racer in 0..RACERS {
        let store = Arc::clone(&programs[racer % 2]);
        let mut keys = keys(0..14, now);
        keys.rotate_left(racer % 14);
        racers.spawn(async move { accept(&*store, &keys, &provenance(now)).await });
    }
    assert!(racers.join_all().await.into_iter().all(|accepted| accepted == Accepted::default()));
    assert_eq!(day(&*programs[0]).await, people(now, 1, 14));
}

pub(crate) async fn who_adds_to_earlier_keys_was_counted_with_those(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    accept(&*store, &keys(0..14, now), &provenance(now)).await;
    accept(&*store, &keys(10..16, now), &provenance(now)).await;
    assert_eq!(day(&*store).await, people(now, 1, 16), "two keys were new, and nobody");
}

pub(crate) async fn an_upload_to_several_regions_is_counted_once(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let feeds = store.authority("fhi").await.expect("read").expect("known").feeds(Kind::Gaen);
    assert_eq!(feeds.len(), 2);
    store.accept_keys(&keys(0..14, now), &feeds, &provenance(now)).await.expect("accepted");
    assert_eq!(day(&*store).await, people(now, 1, 14));
}

pub(crate) async fn people_stand_in_one_cell_of_each_distribution(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let mut expected = UploadDay::new(Day::containing(now));
    // Each person's oldest key is three days older than their newest.
    for (person, (age, onset)) in
        [(3, Some(0)), (5, Some(28)), (5, Some(28)), (15, Some(29)), (17, None)].iter().enumerate()
    {
        let mut upload = Vec::new();
        for number in 0..4_u64 {
            let mut key = key(person as u64 * 10 + number, now);
            let today = key.raw.onset.plus(3 * 144);
            let start = today.plus(-144 * (age - number as i64)).number();
            key.published.key = TemporaryExposureKey::new(key.published.key.data(), start.into(), 144).expect("a key");
            key.release_at = release_at(key.published.key.validity_end(), now);
            key.raw.onset = today.plus(-144 * onset.unwrap_or(4));
            key.raw.onset_source = if onset.is_some() { OnsetSource::Request } else { OnsetSource::Assumed };
            upload.push(key);
        }
        accept(&*store, &upload, &provenance(now)).await;
        expected.key_uploads += 1;
        expected.keys += 4;
        expected.ages[(*age as usize).min(15)] += 1;
        match onset {
            Some(days) => expected.onsets[*days as usize] += 1,
            None => expected.onset_unknown += 1,
        }
    }
    let counted = day(&*store).await;
    assert_eq!(counted, expected);
    assert_eq!(counted.ages.iter().sum::<u64>(), counted.key_uploads);
    assert_eq!(counted.onsets.iter().sum::<u64>() + counted.onset_unknown, counted.key_uploads);
    assert_eq!(counted.onsets.len(), ONSETS);
}

pub(crate) async fn reports_are_counted_apart_from_keys(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let reports: Vec<_> = (0..5).map(|number| report(number, 10, now)).collect();
    let tcn = [feed(Kind::Tcn), Feed::verified(region("SJ"), Kind::Tcn)];
    for some in [&reports[..4], &reports[..4], &reports] {
        store.accept_reports(some, &tcn, &provenance(now)).await.expect("accepted");
    }
    let expected = UploadDay { report_uploads: 1, reports: 5, ..UploadDay::new(Day::containing(now)) };
    assert_eq!(day(&*store).await, expected);
    accept(&*store, &keys(0..14, now), &provenance(now)).await;
    assert_eq!(day(&*store).await, UploadDay { report_uploads: 1, reports: 5, ..people(now, 1, 14) });
}

pub(crate) async fn who_revises_is_counted_once(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let mut first = keys(0..14, now);
    for key in &mut first {
        (key.raw.report_type, key.published.report_type) = (ReportType::Likely, Some(ReportType::Likely));
    }
    accept(&*store, &first, &provenance(now)).await;
    let revised: Vec<_> =
        keys(0..14, now).into_iter().map(|key| RevisedKey { key, from: ReportType::Likely }).collect();
    for _ in 0..2 {
        let accepted = store.revise_keys(&revised, &[gaen()], &provenance(now)).await.expect("answered alike");
        assert_eq!(accepted, Accepted::default());
        assert_eq!(day(&*store).await, UploadDay { revisions: 1, ..people(now, 1, 14) });
    }
}

pub(crate) async fn what_is_not_stored_is_not_counted(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let unknown = Feed::verified(region("XX"), Kind::Gaen);
    store.accept_keys(&keys(0..14, now), &[gaen(), unknown], &provenance(now)).await.expect_err("no such feed");
    accept(&*store, &[], &provenance(now)).await;
    store.accept_keys(&keys(0..14, now), &[], &provenance(now)).await.expect("nobody wants them");
    let mut broken = keys(0..14, now);
    broken[13].release_at = broken[13].release_at.plus(1);
    store.accept_keys(&broken, &[gaen()], &provenance(now)).await.expect_err("no quarter of an hour");
    assert_eq!(days_of(&*store, "fhi").await, []);
}

pub(crate) async fn peers_and_people_without_a_certificate_are_not_counted(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let peer = Provenance { origin: Origin::Peer, ..provenance(now) };
    accept(&*store, &keys(0..14, now), &peer).await;
    let nobody = Provenance { kid: String::new(), ..provenance(now) };
    store.accept_reports(&[report(1, 10, now)], &[feed(Kind::Tcn)], &nobody).await.expect("accepted");
    assert_eq!(days_of(&*store, "fhi").await, []);
}

pub(crate) async fn days_and_authorities_are_counted_apart(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let midnight = Day::containing(now).start();
    let other = |received| Provenance { authority: "se".into(), ..provenance(received) };
    accept(&*store, &keys(0..1, now), &provenance(midnight.plus(-1))).await;
    accept(&*store, &keys(1..3, now), &provenance(midnight)).await;
    accept(&*store, &keys(3..6, now), &other(midnight)).await;
    let counted = async |authority, from, to| -> Vec<(Day, u64)> {
        let days = store.upload_days(authority, from, to).await.expect("read");
        days.into_iter().map(|day| (day.day, day.keys)).collect()
    };
    let (yesterday, today) = (Day::containing(now).plus(-1), Day::containing(now));
    assert_eq!(counted("fhi", yesterday, today).await, [(yesterday, 1), (today, 2)]);
    assert_eq!(counted("fhi", today, today.plus(9)).await, [(today, 2)]);
    assert_eq!(counted("fhi", yesterday.plus(-9), yesterday).await, [(yesterday, 1)]);
    assert_eq!(counted("se", yesterday, today).await, [(today, 3)]);
    assert_eq!(counted("dk", yesterday, today).await, []);
}

pub(crate) async fn old_days_are_forgotten_in_bounded_steps(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let today = Day::containing(now);
    for day in 0..5 {
        accept(&*store, &keys(day * 2..day * 2 + 2, now), &provenance(now.plus(-86_400 * day as i64))).await;
    }
    let mut steps = 0;
    loop {
        let gone = store.forget_upload_days(today.plus(-1), 2).await.expect("forgot");
        assert!(gone <= 2, "{gone} rows at once");
        if gone == 0 {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 2, "three days have at least three rows");
    let kept: Vec<_> = days_of(&*store, "fhi").await.into_iter().map(|day| day.day).collect();
    assert_eq!(kept, [today.plus(-1), today]);
}

/// A known key, but for what `change` says of it.
fn changed(now: Timestamp, start: i64, period: i64) -> AcceptedKey {
    let mut other = key(1, now);
    let first = i64::from(other.published.key.rolling_start().number());
    other.published.key = TemporaryExposureKey::new(&key_bytes(1), first + start, period).expect("a key");
    other
}

pub(crate) async fn another_start_period_or_origin_is_a_conflict_and_nothing_else_is(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    accept(&*store, &keys(0..14, now), &provenance(now)).await;
    conflicts_with_what_is_known(&*store, now).await;
    assert_eq!(day(&*store).await, people(now, 1, 14));
}

pub(crate) async fn a_sealed_key_conflicts_like_a_fresh_one(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    accept(&*store, &keys(0..14, now), &provenance(now)).await;
    sealed(&*store, &gaen(), &policy()).await;
    conflicts_with_what_is_known(&*store, now).await;
}

async fn conflicts_with_what_is_known(store: &dyn KeyStore, now: Timestamp) {
    let known = provenance(now);
    for (start, period, conflicts) in [(0, 144, 0), (-144, 144, 1), (0, 143, 1), (1, 1, 1)] {
        let accepted = accept(store, &[changed(now, start, period)], &known).await;
        assert_eq!(accepted.conflicts, conflicts, "{start} {period}");
    }
    let peer = Provenance { origin: Origin::Peer, ..known.clone() };
    assert_eq!(accept(store, &keys(1..3, now), &peer).await.conflicts, 2);
    // Beside keys that are known as they are.
    let mut mixed = keys(0..14, now);
    mixed[1] = changed(now, 0, 7);
    assert_eq!(accept(store, &mixed, &known).await.conflicts, 1);
    // What else is said of a key is for the first to say, and is no conflict.
    let elsewhere = Provenance { authority: "fhi".into(), kid: "another".into(), policy_version: 7, ..known.clone() };
    let mut other = key(1, now);
    other.raw.transmission_risk = 7;
    other.raw.onset_source = OnsetSource::Request;
    other.published.transmission_risk = 7;
    assert_eq!(accept(store, &[other], &elsewhere).await.conflicts, 0);
    // Who names no feed writes nothing, and learns nothing.
    let refused = store.accept_keys(&[changed(now, 0, 7)], &[], &known).await.expect("nobody wants it");
    assert_eq!(refused.conflicts, 0);
}

pub(crate) async fn another_report_of_a_known_verification_key_is_a_conflict(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let tcn = [feed(Kind::Tcn)];
    let accept = async |report| {
        let accepted = store.accept_reports(&[report], &tcn, &provenance(now)).await.expect("accepted");
        accepted.conflicts
    };
    assert_eq!(accept(report(1, 10, now)).await, 0);
    for is_sealed in [false, true] {
        if is_sealed {
            sealed(&*store, &tcn[0], &policy()).await;
        }
        assert_eq!(accept(report(1, 10, now)).await, 0, "the same again");
        assert_eq!(accept(report(1, 20, now)).await, 1);
        assert_eq!(accept(report(2, 20, now)).await, 0, "another verification key");
    }
}
