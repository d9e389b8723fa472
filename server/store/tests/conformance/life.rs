//! How bundles end, and what outlives them.

use proto::bundle::SigningKeyId;
use proto::manifest::{AnnouncedKey, GatewayService, KeyUse};
use proto::{Feed, Kind, Timestamp};
use store::{BundleRow, Day, KeyStore, Purged, SolvedChallenge, StoreError};

use crate::engine::Engine;
use crate::samples::{feed, gaen, identities, keys, opened, policy, provenance, published, region, report, sealed};

/// A day, in seconds.
const DAY: i64 = 86_400;
/// For how long a test may stand still between two steps.
const HOUR: i64 = 3_600;
/// How much a purge may remove in these tests, unless they say otherwise.
const LIMIT: u32 = 1_000;
/// The buckets of these tests.
const BUCKETS: [&str; 2] = ["near", "far"];
/// The tables whose rows are about a person or the work of one, or go with a bundle. After everything has died they are empty.
const DYING: [&str; 17] = [
    "bundle",
    "bundle_bucket",
    "bundle_signature",
    "coepi_interval",
    "gaen_fresh",
    "gaen_key",
    "gaen_publication",
    "gaen_quarantine",
    "gaen_waiting",
    "self_report_tally",
    "spent_challenge",
    "tcn_fresh",
    "tcn_publication",
    "tcn_quarantine",
    "tcn_report",
    "tcn_waiting",
    "upload_count",
];
/// The tables whose rows are about authorities, feeds and the database itself, and the ring of those that are about nothing.
const KEPT: [&str; 13] = [
    "announced_gateway",
    "announced_key",
    "audit",
    "authority",
    "authority_key",
    "authority_region",
    "chaff",
    "denied_key",
    "feed",
    "feed_number",
    "fetched_key",
    "key_set",
    "key_set_fetch",
];
fn svalbard(kind: Kind) -> Feed {
    Feed::verified(region("SJ"), kind)
}

fn named(buckets: &[&str]) -> Vec<String> {
    buckets.iter().map(|&bucket| bucket.to_owned()).collect()
}

/// Moves the clock of all programs to `time`.
pub(crate) fn move_to(engine: &impl Engine, time: Timestamp) {
    let clock = engine.clock();
    clock.set_offset(clock.offset() + time.unix() - clock.now().unix());
}

/// Accepts keys for some feeds.
async fn accept(engine: &impl Engine, store: &dyn KeyStore, feeds: &[Feed], numbers: std::ops::Range<u64>) {
    let now = engine.clock().now();
    store.accept_keys(&keys(numbers, now), feeds, &provenance(now)).await.expect("accepted");
}

/// Makes the next bundle of Norway of these keys.
async fn bundle(engine: &impl Engine, store: &dyn KeyStore, numbers: std::ops::Range<u64>) -> BundleRow {
    accept(engine, store, &[gaen()], numbers).await;
    seal(store, &gaen()).await
}

/// Makes a feed's next bundle of what waits.
async fn seal(store: &dyn KeyStore, feed: &Feed) -> BundleRow {
    let sequences = sealed(store, feed, &policy()).await;
    store.bundle(feed, sequences[0]).await.expect("read").expect("there")
}

/// Notes what a bucket does in a pass: it gets what is listed, lists it, and loses what it may lose.
pub(crate) async fn follow(store: &dyn KeyStore, feed: &Feed, bucket: &str) -> Vec<u64> {
    let number = store.number(feed).await.expect("read");
    for bundle in store.listing(feed, number).await.expect("listed").bundles {
        store.record_put(feed, bundle.sequence, bucket).await.expect("recorded");
    }
    store.record_listed(feed, number, bucket).await.expect("recorded");
    let deletable = deletable(store, feed, bucket).await;
    for sequence in &deletable {
        store.record_deleted(feed, *sequence, bucket).await.expect("recorded");
    }
    deletable
}

async fn deletable(store: &dyn KeyStore, feed: &Feed, bucket: &str) -> Vec<u64> {
    let deletable = store.deletable(feed, bucket).await.expect("read");
    deletable.iter().map(|bundle| bundle.sequence).collect()
}

/// Removes all that has died.
async fn purge(store: &dyn KeyStore, feed: &Feed, limit: u32) -> Purged {
    let mut purged = Purged::default();
    loop {
        let batch = store.purge(feed, &named(&BUCKETS), limit).await.expect("purged");
        let together = batch.publications + batch.bundles.len() as u64;
        assert!(together <= u64::from(limit) && batch.numbers <= u64::from(limit), "{batch:?}");
        if batch.is_nothing() {
            return purged;
        }
        purged.add(batch);
    }
}

/// All that happens to a feed in a pass but for the seal.
pub(crate) async fn pass(store: &dyn KeyStore, feed: &Feed) -> Purged {
    store.delist(feed).await.expect("de-listed");
    for bucket in BUCKETS {
        follow(store, feed, bucket).await;
    }
    purge(store, feed, LIMIT).await
}

/// Lets a feed's bundles die, newest included.
async fn outlive(engine: &impl Engine, store: &dyn KeyStore, feed: &Feed, last: Timestamp) -> Purged {
    move_to(engine, last.plus(14 * DAY));
    assert!(pass(store, feed).await.is_nothing());
    move_to(engine, last.plus(15 * DAY + HOUR));
    pass(store, feed).await
}

async fn number(store: &dyn KeyStore) -> u64 {
    store.number(&gaen()).await.expect("read")
}

pub(crate) async fn a_bundle_is_listed_for_14_days_after_its_end(engine: &impl Engine) {
    let store = opened(engine).await;
    let first = bundle(engine, &*store, 0..14).await;
    move_to(engine, first.end.plus(7 * DAY));
    let second = bundle(engine, &*store, 14..28).await;
    let before = store.listing(&gaen(), 2).await.expect("listed");

    move_to(engine, first.end.plus(14 * DAY - HOUR));
    assert!(store.expired(&gaen()).await.expect("read").is_empty());
    assert!(store.delist(&gaen()).await.expect("nothing to do").is_empty());
    assert_eq!(number(&*store).await, 2, "nothing was done");

    move_to(engine, first.end.plus(14 * DAY));
    assert_eq!(store.expired(&gaen()).await.expect("read"), [1]);
    assert_eq!(store.delist(&gaen()).await.expect("de-listed"), [1]);
    assert!(store.delist(&gaen()).await.expect("done before").is_empty());
    assert_eq!(number(&*store).await, 3);
    let listing = store.listing(&gaen(), 3).await.expect("listed");
    assert_eq!(listing.bundles, [second]);
    assert!(listing.time >= first.end.plus(14 * DAY));
    assert_eq!(store.listing(&gaen(), 2).await.expect("listed"), before, "what was listed stays as it was");
}

pub(crate) async fn an_object_goes_a_day_after_its_bucket_ceased_to_list_it(engine: &impl Engine) {
    let store = opened(engine).await;
    let end = bundle(engine, &*store, 0..14).await.end;
    follow(&*store, &gaen(), "near").await;
    move_to(engine, end.plus(14 * DAY));
    assert_eq!(store.delist(&gaen()).await.expect("de-listed"), [1]);
    move_to(engine, end.plus(20 * DAY));
    assert!(deletable(&*store, &gaen(), "near").await.is_empty(), "near lists it still");

    // Of the other bucket nobody noted that it got the bundle; it may have, from somebody who died before saying so.
    for bucket in BUCKETS {
        store.record_listed(&gaen(), 2, bucket).await.expect("recorded");
    }
    move_to(engine, end.plus(21 * DAY - HOUR));
    store.record_listed(&gaen(), 2, "near").await.expect("recorded again");
    assert!(deletable(&*store, &gaen(), "near").await.is_empty(), "somebody may have its index of a day ago");
    move_to(engine, end.plus(21 * DAY + HOUR));
    for bucket in BUCKETS {
        assert_eq!(deletable(&*store, &gaen(), bucket).await, [1], "{bucket}");
        for _ in 0..2 {
            store.record_deleted(&gaen(), 1, bucket).await.expect("recorded");
        }
        assert!(deletable(&*store, &gaen(), bucket).await.is_empty(), "{bucket}");
    }
}

pub(crate) async fn rows_wait_for_every_bucket_that_is_named_and_for_no_other(engine: &impl Engine) {
    let store = opened(engine).await;
    let end = bundle(engine, &*store, 0..14).await.end;
    for bucket in ["near", "far", "gone"] {
        follow(&*store, &gaen(), bucket).await;
    }
    move_to(engine, end.plus(14 * DAY));
    store.delist(&gaen()).await.expect("de-listed");
    let dead = async |buckets: &[&str]| store.dead(&gaen(), &named(buckets)).await.expect("read");
    follow(&*store, &gaen(), "near").await;
    move_to(engine, end.plus(40 * DAY));
    assert_eq!(follow(&*store, &gaen(), "near").await, [1]);
    assert!(dead(&BUCKETS).await.is_empty(), "far has not confirmed");
    assert!(dead(&["gone"]).await.is_empty());
    assert!(dead(&[]).await.is_empty(), "nobody can have confirmed anything to somebody who knows no bucket");
    assert_eq!(dead(&["near"]).await, [1]);
    assert!(store.purge(&gaen(), &named(&BUCKETS), LIMIT).await.expect("nothing").is_nothing());

    follow(&*store, &gaen(), "far").await;
    move_to(engine, end.plus(41 * DAY + HOUR));
    assert_eq!(follow(&*store, &gaen(), "far").await, [1]);
    assert_eq!(dead(&BUCKETS).await, [1]);
    assert_eq!(purge(&*store, &gaen(), LIMIT).await.bundles, [1]);
    assert!(store.bundle(&gaen(), 1).await.expect("read").is_none());
    assert!(matches!(store.members(&gaen(), 1, None, 10).await, Err(StoreError::NotFound("bundle"))));
}

pub(crate) async fn what_is_gone_from_a_bucket_is_not_put_there_again(engine: &impl Engine) {
    let store = opened(engine).await;
    let end = bundle(engine, &*store, 0..14).await.end;
    pass(&*store, &gaen()).await;
    move_to(engine, end.plus(14 * DAY));
    pass(&*store, &gaen()).await;
    store.record_put(&gaen(), 1, "near").await.expect("it stands there still");
    move_to(engine, end.plus(15 * DAY + HOUR));
    follow(&*store, &gaen(), "near").await;
    let put = store.record_put(&gaen(), 1, "near").await;
    assert!(matches!(put, Err(StoreError::NotFound("bundle"))), "it was deleted there");
    store.record_put(&gaen(), 1, "far").await.expect("it stands there still");
    pass(&*store, &gaen()).await;
    assert!(matches!(store.record_put(&gaen(), 1, "far").await, Err(StoreError::NotFound("bundle"))), "it has died");
    store.record_deleted(&gaen(), 1, "far").await.expect("nothing to note");
}

pub(crate) async fn after_everything_has_died_only_feeds_and_authorities_remain(engine: &impl Engine) {
    let store = opened(engine).await;
    let (spki, not_before) = (vec![1], engine.clock().now());
    let announced = |version: &str| AnnouncedKey {
        usage: KeyUse::Current,
        key: SigningKeyId { id: "242".into(), version: version.into() },
        spki: spki.clone(),
        not_before,
    };
    let feeds = [gaen(), svalbard(Kind::Gaen), feed(Kind::Tcn), svalbard(Kind::Tcn)];
    let solved = SolvedChallenge { id: [1; 16], spent_on: [1; 32], forget_at: not_before.plus(HOUR) };
    store.spend_challenge(&solved).await.expect("spent");
    assert!(store.tally_self_report("fhi", 1, not_before).await.expect("counted"));
    let mut last = Vec::new();
    for round in 0..2 {
        let now = engine.clock().now();
        accept(engine, &*store, &feeds[..2], round * 50..round * 50 + 50).await;
        let reports: Vec<_> = (round * 20..round * 20 + 20).map(|number| report(number, 10, now)).collect();
        store.accept_reports(&reports, &feeds[2..], &provenance(now)).await.expect("accepted");
        last.clear();
        for feed in &feeds {
            let number = store.number(feed).await.expect("read");
            store.announce(feed, number, &[announced(&format!("v{round}"))]).await.expect("announced");
            let hash = [round as u8; 32];
            store.announce_gateways(feed, GatewayService::Server, &[hash]).await.expect("announced");
            last.push(seal(&*store, feed).await);
            pass(&*store, feed).await;
        }
        move_to(engine, now.plus(DAY));
    }
    for (feed, last) in feeds.iter().zip(&last) {
        let purged = outlive(engine, &*store, feed, last.end).await;
        assert_eq!(purged.bundles, [1, 2], "{feed}");
    }

    while store.forget_admissions(engine.clock().now(), 10).await.expect("forgot") > 0 {}
    while store.forget_upload_days(Day::containing(engine.clock().now()), 10).await.expect("forgot") > 0 {}
    let rows = engine.rows().await;
    let tables: Vec<_> = rows.keys().map(String::as_str).collect();
    let mut expected = [&DYING[..], &KEPT].concat();
    expected.sort_unstable();
    assert_eq!(tables, expected, "a new table belongs into one of the lists: dying or kept");
    let alive: Vec<_> = DYING.iter().filter(|table| rows[**table] > 0).collect();
    assert!(alive.is_empty(), "{rows:?}");
    assert_eq!(
        (rows["feed_number"], rows["announced_key"], rows["announced_gateway"]),
        (4, 4, 4),
        "the newest of each feed"
    );

    // The feeds go on where they are.
    for (feed, last) in feeds[..2].iter().zip(&last) {
        let number = store.number(feed).await.expect("read");
        accept(engine, &*store, std::slice::from_ref(feed), 100..110).await;
        if feed == &gaen() {
            let next = seal(&*store, feed).await;
            assert_eq!((next.sequence, next.start), (3, last.end));
            assert_eq!(store.number(feed).await.expect("read"), number + 1);
            assert_eq!(store.listing(feed, number + 1).await.expect("listed").keys, [announced("v1")]);
        }
    }
    assert_eq!(published_from(&*store, 3).await, identities(100..110));
}

/// What bundles from a sequence on hold, sorted.
async fn published_from(store: &dyn KeyStore, sequence: u64) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for sequence in sequence.. {
        if store.bundle(&gaen(), sequence).await.expect("read").is_none() {
            break;
        }
        let members = crate::samples::members(store, &gaen(), sequence, 1_000).await;
        found.extend(members.iter().map(|(_, member)| crate::samples::identity(member)));
    }
    found.sort();
    found
}

pub(crate) async fn nothing_is_kept_longer_than_its_time_and_what_waits_for_ever(engine: &impl Engine) {
    let store = opened(engine).await;
    let began = engine.clock().now();
    // Some wait for a minimum that nobody ever reaches, in a feed without bundles.
    accept(engine, &*store, &[svalbard(Kind::Gaen)], 1_000..1_010).await;
    for day in 0..24_u32 {
        // Days that are an hour longer: however long a step takes, what is a day old tomorrow is due then.
        move_to(engine, began.plus(i64::from(day) * (DAY + HOUR)));
        let first = u64::from(day) * 10;
        bundle(engine, &*store, first..first + 10).await;
        pass(&*store, &gaen()).await;
        pass(&*store, &svalbard(Kind::Gaen)).await;

        let rows = engine.rows().await;
        let listed = i64::from(day).min(13) + 1;
        let alive = i64::from(day).min(14) + 1;
        assert_eq!((rows["bundle"], rows["bundle_signature"], rows["bundle_bucket"]), (alive, alive, 2 * alive));
        assert_eq!((rows["gaen_publication"], rows["gaen_key"]), (10 * alive, 10 * alive), "day {day}");
        let number = number(&*store).await;
        assert_eq!(store.listing(&gaen(), number).await.expect("listed").bundles.len() as i64, listed, "day {day}");
        assert!(rows["feed_number"] <= 2 * alive + 4, "day {day}: {rows:?}");
        assert_eq!((rows["gaen_fresh"], rows["gaen_waiting"]), (10, 10), "day {day}");
    }
    assert_eq!(published_from(&*store, 10).await, identities(90..240));
    let everything = engine.everything().await;
    let there = |identity: &[u8]| everything.windows(identity.len()).any(|window| window == identity);
    assert!(identities(90..240).iter().chain(&identities(1_000..1_010)).all(|identity| there(identity)));
    assert!(!identities(0..90).iter().any(|identity| there(identity)), "not one byte of a dead key is left");

    // Months later those that waited are published, each once.
    move_to(engine, began.plus(200 * DAY));
    pass(&*store, &svalbard(Kind::Gaen)).await;
    sealed(&*store, &svalbard(Kind::Gaen), &policy()).await;
    assert_eq!(published(&*store, &svalbard(Kind::Gaen)).await, identities(1_000..1_010));
}

pub(crate) async fn a_key_of_two_regions_lives_as_long_as_its_last_publication(engine: &impl Engine) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    let both = [gaen(), svalbard(Kind::Gaen)];
    accept(engine, &*store, &both, 0..14).await;
    let first = seal(&*store, &gaen()).await;
    pass(&*store, &gaen()).await;
    let is_known = async || {
        // The same keys for a third feed: they would wait there if they were new.
        store.accept_keys(&keys(0..14, now), &[gaen()], &provenance(now)).await.expect("accepted");
        store.waiting(&gaen()).await.expect("counted").releasable == 0
    };
    let purged = outlive(engine, &*store, &gaen(), first.end).await;
    assert_eq!((purged.publications, purged.identities), (14, 0), "they wait in Svalbard");
    assert!(is_known().await);

    let second = seal(&*store, &both[1]).await;
    pass(&*store, &both[1]).await;
    assert!(is_known().await);
    let purged = outlive(engine, &*store, &both[1], second.end).await;
    assert_eq!((purged.publications, purged.identities), (14, 14));
    assert_eq!(engine.rows().await["gaen_key"], 0);
}

pub(crate) async fn a_report_of_two_regions_lives_as_long_as_its_last_bundle(engine: &impl Engine) {
    let store = opened(engine).await;
    let (now, feeds) = (engine.clock().now(), [feed(Kind::Tcn), svalbard(Kind::Tcn)]);
    let reports: Vec<_> = (0..20).map(|number| report(number, 10, now)).collect();
    store.accept_reports(&reports, &feeds, &provenance(now)).await.expect("accepted");
    let first = seal(&*store, &feeds[0]).await;
    pass(&*store, &feeds[0]).await;
    move_to(engine, first.end.plus(7 * DAY));
    let second = seal(&*store, &feeds[1]).await;
    pass(&*store, &feeds[1]).await;

    let purged = outlive(engine, &*store, &feeds[0], first.end).await;
    assert_eq!((purged.publications, purged.identities), (20, 0), "they are published in Svalbard");
    store.accept_reports(&reports, &feeds, &provenance(now)).await.expect("accepted, as far as it is new");
    assert_eq!(store.waiting(&feeds[0]).await.expect("counted").releasable, 0, "a verification key is known");
    assert_eq!(store.members(&feeds[1], 1, None, 100).await.expect("a page").members.len(), 20);

    let purged = outlive(engine, &*store, &feeds[1], second.end).await;
    assert_eq!((purged.publications, purged.identities), (20, 20));
    assert_eq!(engine.rows().await["tcn_report"], 0);
}

pub(crate) async fn a_purge_removes_no_more_at_a_time_than_it_may(engine: &impl Engine) {
    let store = opened(engine).await;
    for first in [0, 25] {
        bundle(engine, &*store, first..first + 25).await;
    }
    let last = store.bundle(&gaen(), 2).await.expect("read").expect("there");
    pass(&*store, &gaen()).await;
    for days in [14, 15] {
        move_to(engine, last.end.plus(days * (DAY + HOUR)));
        store.delist(&gaen()).await.expect("de-listed");
        for bucket in BUCKETS {
            follow(&*store, &gaen(), bucket).await;
        }
    }
    let mut batches = Vec::new();
    loop {
        let batch = store.purge(&gaen(), &named(&BUCKETS), 10).await.expect("purged");
        if batch.is_nothing() {
            break;
        }
        // Whatever is left is found again, by whoever comes next.
        assert_eq!(store.dead(&gaen(), &named(&BUCKETS)).await.expect("read").is_empty(), batch.bundles.contains(&2));
        batches.push((batch.publications, batch.bundles));
    }
    let expected = [(10, vec![]), (10, vec![]), (9, vec![1]), (10, vec![]), (10, vec![]), (1, vec![2])];
    assert_eq!(batches, expected);
}

pub(crate) async fn programs_that_purge_at_once_leave_nothing_behind(engine: &impl Engine) {
    let store = opened(engine).await;
    let feeds = [gaen(), svalbard(Kind::Gaen)];
    accept(engine, &*store, &feeds, 0..200).await;
    for feed in &feeds {
        seal(&*store, feed).await;
        pass(&*store, feed).await;
    }
    let end = store.bundle(&feeds[1], 1).await.expect("read").expect("there").end;
    for days in [14, 15] {
        move_to(engine, end.plus(days * (DAY + HOUR)));
        for feed in &feeds {
            store.delist(feed).await.expect("de-listed");
            for bucket in BUCKETS {
                follow(&*store, feed, bucket).await;
            }
        }
    }
    let mut programs = Vec::new();
    for program in 0..4 {
        let (store, feed) = (engine.open().await, feeds[program % 2].clone());
        programs.push(tokio::spawn(async move { purge(&*store, &feed, 7).await }));
    }
    let mut all = Purged::default();
    for program in programs {
        all.add(program.await.expect("no panic"));
    }
    assert_eq!((all.publications, all.identities, all.bundles.len()), (400, 200, 2), "each row went once");
    while store.forget_upload_days(Day::containing(engine.clock().now()), 10).await.expect("forgot") > 0 {}
    let rows = engine.rows().await;
    assert!(DYING.iter().all(|table| rows[*table] == 0), "{rows:?}");
}

pub(crate) async fn what_was_listed_before_a_death_can_no_longer_be_told(engine: &impl Engine) {
    let store = opened(engine).await;
    let first = bundle(engine, &*store, 0..14).await;
    move_to(engine, first.end.plus(10 * DAY));
    bundle(engine, &*store, 14..28).await;
    pass(&*store, &gaen()).await;
    move_to(engine, first.end.plus(14 * DAY));
    pass(&*store, &gaen()).await;
    let third = store.listing(&gaen(), 3).await.expect("listed");
    assert_eq!(store.listing(&gaen(), 2).await.expect("listed").bundles.len(), 2);

    move_to(engine, first.end.plus(15 * DAY + HOUR));
    assert_eq!(pass(&*store, &gaen()).await.bundles, [1]);
    for number in 0..3 {
        let told = store.listing(&gaen(), number).await;
        assert!(matches!(told, Err(StoreError::NotFound("number"))), "{number}: {told:?}");
    }
    assert_eq!(store.listing(&gaen(), 3).await.expect("listed"), third);
}
