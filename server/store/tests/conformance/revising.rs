//! Revising keys: what waits changes, what is sealed is followed, and once is all.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::bundle::GaenEntry;
use proto::gaen::TemporaryExposureKey;
use proto::{Feed, Kind, ReportType, Timestamp};
use store::{AcceptedKey, KeyStore, Member, RevisedKey, RevisionProof, SealOutcome, SealPolicy};
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::samples::{gaen, key, key_bytes, members, opened, policy, provenance, published, region, sealed};

fn svalbard() -> Feed {
    Feed::verified(region("SJ"), Kind::Gaen)
}

/// A key that was uploaded with a report type.
fn said(number: u64, report_type: ReportType, now: Timestamp) -> AcceptedKey {
    let mut key = key(number, now);
    (key.raw.report_type, key.published.report_type) = (report_type, Some(report_type));
    key
}

fn likely(number: u64, now: Timestamp) -> AcceptedKey {
    said(number, ReportType::Likely, now)
}

/// The same key, of which something else is said in everything that may change.
fn revised(number: u64, to: ReportType, now: Timestamp) -> RevisedKey {
    let mut key = said(number, to, now);
    key.published.transmission_risk = 7;
    key.published.days_since_onset = Some(5);
    RevisedKey { key, from: ReportType::Likely }
}

async fn accept(store: &dyn KeyStore, keys: &[AcceptedKey], feeds: &[Feed], now: Timestamp) {
    store.accept_keys(keys, feeds, &provenance(now)).await.expect("accepted");
}

async fn revise(store: &dyn KeyStore, keys: &[RevisedKey], now: Timestamp) {
    store.revise_keys(keys, &[gaen(), svalbard()], &provenance(now)).await.expect("answered alike");
}

/// Everything that was published of a key in a feed, oldest first, with whether it is a revised one.
async fn story(store: &dyn KeyStore, feed: &Feed, number: u64) -> Vec<(bool, GaenEntry)> {
    let mut story = Vec::new();
    for sequence in 1.. {
        let Some(_) = store.bundle(feed, sequence).await.expect("read") else { break };
        for (revised, member) in members(store, feed, sequence, 1_000).await {
            match member {
                Member::Gaen(entry) if *entry.key.data() == key_bytes(number) => story.push((revised, entry)),
                _ => {}
            }
        }
    }
    story
}

pub(crate) async fn what_waits_says_what_is_said_last(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    accept(&*store, &[likely(1, now), likely(2, now)], &[gaen(), svalbard()], now).await;
    let change = revised(1, ReportType::Confirmed, now);
    revise(&*store, std::slice::from_ref(&change), now).await;
    for feed in [gaen(), svalbard()] {
        sealed(&*store, &feed, &policy()).await;
        assert_eq!(story(&*store, &feed, 1).await, [(false, change.key.published)]);
        assert_eq!(story(&*store, &feed, 2).await, [(false, likely(2, now).published)], "another key stays as it was");
    }
}

pub(crate) async fn what_was_disproved_before_it_was_sealed_is_never_published(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    accept(&*store, &[likely(1, now), likely(2, now)], &[gaen(), svalbard()], now).await;
    revise(&*store, &[revised(1, ReportType::Negative, now)], now).await;
    // Neither a repeat of the upload nor another revision brings it back.
    accept(&*store, &[likely(1, now)], &[gaen(), svalbard()], now).await;
    revise(&*store, &[revised(1, ReportType::Confirmed, now)], now).await;
    for feed in [gaen(), svalbard()] {
        sealed(&*store, &feed, &policy()).await;
        assert_eq!(published(&*store, &feed).await, [key_bytes(2)]);
    }
    accept(&*store, &[likely(1, now)], &[gaen()], now).await;
    assert_eq!(store.seal(&gaen(), &policy()).await.expect("sealed"), SealOutcome::Nothing);
}

pub(crate) async fn what_is_sealed_is_followed_by_what_is_said_now(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    accept(&*store, &[likely(1, now), likely(2, now)], &[gaen(), svalbard()], now).await;
    sealed(&*store, &gaen(), &policy()).await;
    let change = revised(1, ReportType::Confirmed, now);
    revise(&*store, std::slice::from_ref(&change), now).await;
    let waiting = store.waiting(&gaen()).await.expect("counted");
    assert_eq!((waiting.releasable, waiting.revised), (0, 1));

    accept(&*store, &[likely(3, now)], &[gaen()], now).await;
    sealed(&*store, &gaen(), &policy()).await;
    let second = store.bundle(&gaen(), 2).await.expect("read").expect("there");
    assert_eq!((second.count, second.revised), (1, 1));
    let before = likely(1, now).published;
    assert_eq!(story(&*store, &gaen(), 1).await, [(false, before), (true, change.key.published)]);
    // Where nothing was sealed, nothing has to be followed.
    sealed(&*store, &svalbard(), &policy()).await;
    assert_eq!(story(&*store, &svalbard(), 1).await, [(false, change.key.published)]);
}

pub(crate) async fn what_is_disproved_is_revoked_where_it_was_sealed_and_gone_where_it_waits(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    accept(&*store, &[likely(1, now)], &[gaen(), svalbard()], now).await;
    sealed(&*store, &gaen(), &policy()).await;
    let change = revised(1, ReportType::Negative, now);
    revise(&*store, std::slice::from_ref(&change), now).await;

    accept(&*store, &[likely(3, now)], &[gaen(), svalbard()], now).await;
    for feed in [gaen(), svalbard()] {
        sealed(&*store, &feed, &policy()).await;
    }
    let before = likely(1, now).published;
    assert_eq!(story(&*store, &gaen(), 1).await, [(false, before), (true, change.key.published)]);
    assert!(story(&*store, &svalbard(), 1).await.is_empty());
}

pub(crate) async fn a_key_is_revised_once(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let (change, other) = (revised(1, ReportType::Confirmed, now), revised(1, ReportType::Negative, now));
    accept(&*store, &[likely(1, now)], &[gaen(), svalbard()], now).await;
    sealed(&*store, &gaen(), &policy()).await;
    for revision in [&change, &change, &other] {
        revise(&*store, std::slice::from_ref(revision), now).await;
    }
    accept(&*store, &[likely(3, now)], &[gaen(), svalbard()], now).await;
    for feed in [gaen(), svalbard()] {
        sealed(&*store, &feed, &policy()).await;
    }
    for revision in [&change, &other] {
        revise(&*store, std::slice::from_ref(revision), now).await;
    }
    for feed in [gaen(), svalbard()] {
        assert_eq!(store.seal(&feed, &policy()).await.expect("sealed"), SealOutcome::Nothing);
    }
    assert_eq!(story(&*store, &gaen(), 1).await.last(), Some(&(true, change.key.published)));
    assert_eq!(story(&*store, &svalbard(), 1).await, [(false, change.key.published)]);
}

pub(crate) async fn a_key_is_revised_as_it_was_uploaded_by_who_uploaded_it(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    accept(&*store, &[likely(1, now)], &[gaen()], now).await;
    let change = revised(1, ReportType::Confirmed, now);
    let tek = |start: i64, period| {
        let start = i64::from(change.key.published.key.rolling_start().number()) + start;
        TemporaryExposureKey::new(&key_bytes(1), start, period).expect("a key")
    };
    let strange = |alter: &dyn Fn(&mut RevisedKey)| {
        let mut strange = change.clone();
        alter(&mut strange);
        strange
    };
    let strange = [
        strange(&|revised| revised.key.raw.proof = RevisionProof([9; 8])),
        strange(&|revised| revised.from = ReportType::UserReport),
        strange(&|revised| revised.key.published.key = tek(-144, 144)),
        strange(&|revised| revised.key.published.key = tek(0, 143)),
    ];
    for (sealed_already, revision) in
        [false, true].into_iter().flat_map(|sealed| strange.iter().map(move |r| (sealed, r)))
    {
        if sealed_already && store.bundle(&gaen(), 1).await.expect("read").is_none() {
            sealed(&*store, &gaen(), &policy()).await;
        }
        revise(&*store, std::slice::from_ref(revision), now).await;
        assert_eq!(store.waiting(&gaen()).await.expect("counted").revised, 0);
    }
    assert_eq!(story(&*store, &gaen(), 1).await, [(false, likely(1, now).published)]);
    revise(&*store, &[change], now).await;
    assert_eq!(store.waiting(&gaen()).await.expect("counted").revised, 1, "and by nobody else");
}

pub(crate) async fn what_is_not_known_is_new_unless_it_is_negative(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let change = revised(1, ReportType::Confirmed, now);
    revise(&*store, &[change.clone(), revised(2, ReportType::Negative, now)], now).await;
    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(published(&*store, &gaen()).await, [key_bytes(1)]);
    assert_eq!(story(&*store, &gaen(), 1).await, [(false, change.key.published)]);
    // What was disproved before it was known may still be said later.
    accept(&*store, &[likely(2, now)], &[gaen()], now).await;
    sealed(&*store, &gaen(), &policy()).await;
    assert_eq!(story(&*store, &gaen(), 2).await.len(), 1);
}

pub(crate) async fn few_revisions_wait_until_there_are_enough(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    accept(&*store, &[likely(1, now), likely(2, now)], &[gaen()], now).await;
    sealed(&*store, &gaen(), &policy()).await;
    revise(&*store, &[revised(1, ReportType::Confirmed, now)], now).await;
    accept(&*store, &[likely(3, now)], &[gaen()], now).await;
    let policy = SealPolicy { revised_minimum: 2, ..policy() };
    sealed(&*store, &gaen(), &policy).await;
    assert_eq!(store.waiting(&gaen()).await.expect("counted").revised, 1);
    revise(&*store, &[revised(2, ReportType::Confirmed, now)], now).await;
    accept(&*store, &[likely(4, now)], &[gaen()], now).await;
    sealed(&*store, &gaen(), &policy).await;
    assert_eq!(store.bundle(&gaen(), 3).await.expect("read").expect("there").revised, 2);
}

/// How many people revise one key each while bundles are sealed.
const PEOPLE: u64 = 60;

pub(crate) async fn no_revision_is_lost_to_a_seal_or_an_upload_at_the_same_time(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let mut people = JoinSet::new();
    for person in 0..PEOPLE {
        let store = engine_store(engine, &store, person).await;
        people.spawn(async move {
            accept(&*store, &[likely(person, now)], &[gaen()], now).await;
            let other = store.clone();
            let again = tokio::spawn(async move { accept(&*other, &[likely(person, now)], &[gaen()], now).await });
            revise(&*store, &[revised(person, ReportType::Confirmed, now)], now).await;
            again.await.expect("accepted again");
        });
    }
    // Each seal finds a key of somebody else beside the revisions.
    let mut somebody = PEOPLE;
    loop {
        let done = people.is_empty();
        somebody += 1;
        accept(&*store, &[likely(somebody, now)], &[gaen()], now).await;
        sealed(&*store, &gaen(), &policy()).await;
        while people.try_join_next().map(|person| person.expect("revised")).is_some() {}
        if done {
            break;
        }
    }
    let (before, after) = (Some(ReportType::Likely), Some(ReportType::Confirmed));
    let stories = all_stories(&*store).await;
    for person in 0..PEOPLE {
        let story = &stories[&key_bytes(person)];
        let told: Vec<_> = story.iter().map(|(revised, entry)| (*revised, entry.report_type)).collect();
        let whole = told == [(false, after)] || told == [(false, before), (true, after)];
        assert!(whole, "{person}: {told:?}");
    }
}

/// A program of its own for some, the same one for others.
async fn engine_store(engine: &impl Engine, store: &Arc<dyn KeyStore>, person: u64) -> Arc<dyn KeyStore> {
    if person.is_multiple_of(10) { engine.open().await } else { Arc::clone(store) }
}

async fn all_stories(store: &dyn KeyStore) -> BTreeMap<[u8; 16], Vec<(bool, GaenEntry)>> {
    let mut stories = BTreeMap::<_, Vec<_>>::new();
    for sequence in 1.. {
        let Some(_) = store.bundle(&gaen(), sequence).await.expect("read") else { break };
        for (revised, member) in members(store, &gaen(), sequence, 1_000).await {
            let Member::Gaen(entry) = member else { panic!("a report among keys") };
            stories.entry(*entry.key.data()).or_default().push((revised, entry));
        }
    }
    stories
}

pub(crate) async fn of_many_revisions_at_once_one_counts(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    // Half of them is sealed in one feed and waits in the other.
    let keys: Vec<_> = (0..20).map(|number| likely(number, now)).collect();
    accept(&*store, &keys[..10], &[gaen(), svalbard()], now).await;
    sealed(&*store, &gaen(), &policy()).await;
    accept(&*store, &keys[10..], &[gaen(), svalbard()], now).await;

    let mut revisions = JoinSet::new();
    for attempt in 0..12_usize {
        let store = Arc::clone(&store);
        let to = [ReportType::Confirmed, ReportType::Negative][attempt % 2];
        revisions.spawn(async move {
            let mut keys: Vec<_> = (0..20).map(|number| revised(number, to, now)).collect();
            keys.rotate_left(attempt);
            revise(&*store, &keys, now).await;
        });
    }
    while let Some(revision) = revisions.join_next().await {
        revision.expect("answered");
    }
    accept(&*store, &[likely(99, now)], &[gaen(), svalbard()], now).await;
    for feed in [gaen(), svalbard()] {
        sealed(&*store, &feed, &policy()).await;
    }
    let told = async |feed, number| {
        story(&*store, &feed, number).await.iter().map(|(_, entry)| entry.report_type).collect::<Vec<_>>()
    };
    for number in 0..20 {
        let (first, second) = (told(gaen(), number).await, told(svalbard(), number).await);
        let disproved = second.is_empty();
        let last = if disproved { ReportType::Negative } else { ReportType::Confirmed };
        if !disproved {
            assert_eq!(second, [Some(last)], "{number}");
        }
        let expected = match (number < 10, disproved) {
            (true, _) => vec![Some(ReportType::Likely), Some(last)],
            (false, true) => vec![],
            (false, false) => vec![Some(last)],
        };
        assert_eq!(first, expected, "{number}");
    }
}
