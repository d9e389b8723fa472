//! After a restore: what the buckets know is taken over, once.

use proto::bundle::{GaenEntry, SigningKeyId, TcnEntry};
use proto::manifest::{AnnouncedGateway, AnnouncedKey, GatewayService, KeyUse};
use proto::{Feed, Kind, ReportType, Timestamp};
use sha2::{Digest, Sha256};
use store::{
    Act, AdoptedBundle, Adoption, BundleRow, Derived, KeyStore, Listing, Member, MemberDigest, RevisedKey,
    RevisionProof, SealPolicy, StoreError,
};

use crate::engine::Engine;
use crate::samples::{
    feed, gaen, identities, key, keys, members, opened, policy, provenance, published, report, sealed,
};

/// The number that is taken over in these tests.
const NUMBER: u64 = 9;

/// A bundle as it would be read from a bucket.
fn bundle(
    feed: &Feed,
    sequence: u64,
    (start, end): (Timestamp, Timestamp),
    members: Vec<(bool, Member)>,
) -> AdoptedBundle {
    let mut digest = MemberDigest::new();
    members.iter().for_each(|(revised, member)| digest.push(*revised, member));
    let revised = members.iter().filter(|(revised, _)| *revised).count() as u64;
    let row = BundleRow {
        feed: feed.clone(),
        sequence,
        from_sequence: sequence,
        start,
        end,
        count: members.len() as u64 - revised,
        revised,
        member_digest: digest.finish(),
        signing: policy().signing,
        format: 1,
        derived: Some(Derived {
            export_sha256: [sequence as u8; 32],
            zip_sha256: [sequence as u8 + 100; 32],
            zip_bytes: 400,
            signatures: vec![vec![7; 70]],
        }),
    };
    AdoptedBundle { row, number: NUMBER, members }
}

/// Entries in bundle order.
fn ordered<E: proto::bundle::Entry>(
    mut entries: Vec<E>,
    member: fn(E) -> Member,
    revised: bool,
) -> Vec<(bool, Member)> {
    entries.sort_by(|a, b| (a.class(), a.order_bytes()).cmp(&(b.class(), b.order_bytes())));
    entries.into_iter().map(|entry| (revised, member(entry))).collect()
}

fn entries(engine: &impl Engine, numbers: std::ops::Range<u64>) -> Vec<(bool, Member)> {
    let now = engine.clock().now();
    let entries: Vec<GaenEntry> = keys(numbers, now).into_iter().map(|key| key.published).collect();
    ordered(entries, Member::Gaen, false)
}

/// A feed whose first bundle has the keys 0 to 9, and 10 to 15 wait.
async fn restored(engine: &impl Engine) -> (std::sync::Arc<dyn KeyStore>, BundleRow) {
    let store = opened(engine).await;
    let now = engine.clock().now();
    store.accept_keys(&keys(0..10, now), &[gaen()], &provenance(now)).await.expect("accepted");
    sealed(&*store, &gaen(), &policy()).await;
    let first = bundle(&gaen(), 1, (now, now), Vec::new()).row.derived.expect("derived");
    store.record_derived(&gaen(), 1, &first).await.expect("recorded");
    store.accept_keys(&keys(10..16, now), &[gaen()], &provenance(now)).await.expect("accepted");
    let row = store.bundle(&gaen(), 1).await.expect("read").expect("sealed");
    (store, row)
}

fn act(engine: &impl Engine) -> Act {
    Act {
        at: engine.clock().now(),
        act: "exporter adopt".into(),
        subject: r#"{"feed":"NO/gaen"}"#.into(),
        outcome: "{}".into(),
        reason: "the disk was lost".into(),
        os_user: "somebody".into(),
    }
}

fn adoption(engine: &impl Engine, bundles: Vec<BundleRow>) -> Adoption {
    let last = bundles.last().expect("a bundle");
    let announced = AnnouncedKey {
        usage: KeyUse::Current,
        key: SigningKeyId { id: "242".into(), version: "v1".into() },
        spki: vec![1, 2],
        not_before: Timestamp::from_unix(1_600_000_000),
    };
    let gateway = AnnouncedGateway { service: GatewayService::Server, sha256: [3; 32] };
    Adoption {
        next_sequence: last.sequence + 1,
        last_end: last.end,
        listing: Listing {
            number: NUMBER,
            time: engine.clock().now().plus(60),
            keys: vec![announced],
            gateways: vec![gateway],
            bundles,
        },
        expired: Vec::new(),
        recalled: Vec::new(),
    }
}

/// How many rows there are of known and of fresh keys.
async fn rows(engine: &impl Engine) -> (i64, i64) {
    let rows = engine.rows().await;
    (rows["gaen_key"], rows["gaen_fresh"])
}

pub(crate) async fn what_a_bundle_carries_is_known_and_no_longer_waits(engine: &impl Engine) {
    let (store, first) = restored(engine).await;
    let second = bundle(&gaen(), 2, (first.end, first.end.plus(900)), entries(engine, 10..20));
    for _ in 0..2 {
        store.adopt_bundle(&gaen(), &second).await.expect("adopted");
        assert_eq!(store.bundle(&gaen(), 2).await.expect("read").as_ref(), Some(&second.row));
        assert_eq!(members(&*store, &gaen(), 2, 3).await, second.members);
        assert_eq!(published(&*store, &gaen()).await, identities(0..20));
        assert_eq!(store.waiting(&gaen()).await.expect("read").releasable, 0);
        assert_eq!(rows(engine).await, (20, 0));
    }
    // Who waited and whom nobody remembers are not told apart.
    assert_eq!(engine.count("SELECT count(*) FROM gaen_key WHERE authority = 'fhi' AND proof IS NOT NULL").await, 10);
    let adopted = "SELECT count(*) FROM gaen_key WHERE authority = '' AND kid = 'adopted' AND proof IS NULL";
    assert_eq!(engine.count(adopted).await, 10);
    assert_eq!(
        engine.count("SELECT count(*) FROM gaen_publication WHERE sequence = 2 AND policy_version = 0").await,
        10
    );
    // Whoever uploads again, or for the first time, reaches the next bundle with what is new.
    let now = engine.clock().now();
    let accepted = store.accept_keys(&keys(8..24, now), &[gaen()], &provenance(now)).await.expect("accepted");
    assert_eq!(accepted.conflicts, 0);
    assert_eq!(store.waiting(&gaen()).await.expect("read").releasable, 4);
    // Nothing is listed yet.
    assert_eq!(store.number(&gaen()).await.expect("read"), 1);
    assert_eq!(store.listing(&gaen(), 1).await.expect("listed").bundles, [first]);
}

pub(crate) async fn what_was_taken_over_is_listed_as_the_manifest_says(engine: &impl Engine) {
    let (store, first) = restored(engine).await;
    let second = bundle(&gaen(), 2, (first.end, first.end.plus(900)), entries(engine, 10..20));
    store.adopt_bundle(&gaen(), &second).await.expect("adopted");
    let (adoption, act) = (adoption(engine, vec![first, second.row.clone()]), act(engine));
    for _ in 0..2 {
        store.adopt(&gaen(), &adoption, &act).await.expect("adopted");
        assert_eq!(store.listing(&gaen(), NUMBER).await.expect("listed"), adoption.listing);
        let standing = store.standing(&gaen()).await.expect("read");
        assert_eq!((standing.number, standing.next_sequence, standing.last_end), (NUMBER, 3, second.row.end));
    }
    assert!(matches!(store.listing(&gaen(), 1).await, Err(StoreError::NotFound("number"))));
    assert_eq!(store.acts(10).await.expect("read")[0].act, act);

    let now = engine.clock().now();
    store.accept_keys(&keys(16..30, now), &[gaen()], &provenance(now)).await.expect("accepted");
    assert_eq!(sealed(&*store, &gaen(), &policy()).await, [3]);
    let third = store.bundle(&gaen(), 3).await.expect("read").expect("sealed");
    assert_eq!((third.start, third.count), (second.row.end, 10));
    let listing = store.listing(&gaen(), NUMBER + 1).await.expect("listed");
    assert!(listing.time >= adoption.listing.time, "the manifest's time never runs backwards");
    assert_eq!(listing.bundles.len(), 3);
    assert_eq!(store.listing(&gaen(), NUMBER).await.expect("listed"), adoption.listing);
}

pub(crate) async fn what_is_told_of_a_key_lets_nobody_revise_it(engine: &impl Engine) {
    let (store, first) = restored(engine).await;
    let second = bundle(&gaen(), 2, (first.end, first.end.plus(900)), entries(engine, 10..20));
    store.adopt_bundle(&gaen(), &second).await.expect("adopted");
    let now = engine.clock().now();
    let revise = async |number: u64, proof: [u8; 8]| {
        let mut revised = key(number, now);
        (revised.raw.report_type, revised.published.report_type) = (ReportType::Negative, Some(ReportType::Negative));
        revised.raw.proof = RevisionProof(proof);
        let revised = RevisedKey { key: revised, from: ReportType::Confirmed };
        store.revise_keys(&[revised], &[gaen()], &provenance(now)).await.expect("answered");
    };
    for number in [12, 18_u64] {
        for proof in [[0; 8], [0xFF; 8], number.to_be_bytes()] {
            revise(number, proof).await;
        }
    }
    assert_eq!(engine.count("SELECT count(*) FROM gaen_waiting").await, 0);
    // What the copy had sealed, it knows as before.
    revise(2, 2_u64.to_be_bytes()).await;
    assert_eq!(engine.count("SELECT count(*) FROM gaen_waiting WHERE revision = 1").await, 1);
}

pub(crate) async fn a_bundle_of_the_databases_own_gives_way(engine: &impl Engine) {
    let (store, first) = restored(engine).await;
    // The database went on by itself.
    assert_eq!(sealed(&*store, &gaen(), &policy()).await, [2]);
    store.record_put(&gaen(), 2, "near").await.expect("recorded");
    let second = bundle(&gaen(), 2, (first.end, first.end.plus(900)), entries(engine, 13..20));
    store.adopt_bundle(&gaen(), &second).await.expect("adopted");
    assert_eq!(store.bundle(&gaen(), 2).await.expect("read").as_ref(), Some(&second.row));
    assert!(store.puts(&gaen(), "near").await.expect("read").is_empty());
    // 10 to 12 wait again, until the next quarter of an hour; 13 to 15 do not, since they are published.
    assert_eq!(store.waiting(&gaen()).await.expect("read").unripe, 3);
    engine.clock().set_offset(900);
    let adoption = adoption(engine, vec![first, second.row]);
    store.adopt(&gaen(), &adoption, &act(engine)).await.expect("adopted");
    assert_eq!(sealed(&*store, &gaen(), &policy()).await, [3]);
    assert_eq!(published(&*store, &gaen()).await, identities(0..20));
}

pub(crate) async fn what_no_bucket_lists_waits_again_and_what_is_too_old_does_not(engine: &impl Engine) {
    let (store, _) = restored(engine).await;
    for numbers in [16..17, 20..24, 30..33] {
        let now = engine.clock().now();
        store.accept_keys(&keys(numbers, now), &[gaen()], &provenance(now)).await.expect("accepted");
        sealed(&*store, &gaen(), &policy()).await;
    }
    for sequence in 2..=4 {
        let derived =
            bundle(&gaen(), sequence, (Timestamp::from_unix(0), Timestamp::from_unix(1)), Vec::new()).row.derived;
        store.record_derived(&gaen(), sequence, &derived.expect("derived")).await.expect("recorded");
    }
    let standing = store.standing_bundles(&gaen()).await.expect("read");
    let stood: Vec<_> = standing.iter().map(|one| (one.row.sequence, one.listed_number, one.delisted_number)).collect();
    assert_eq!(stood, [(1, 1, None), (2, 2, None), (3, 3, None), (4, 4, None)]);
    assert!(standing.iter().all(|one| !one.recalled));
    let listed = standing[1].row.clone();
    let newest = standing[3].row.end;
    let adoption = Adoption {
        expired: vec![1],
        recalled: vec![3, 4],
        next_sequence: 5,
        last_end: newest,
        ..adoption(engine, vec![listed])
    };
    store.adopt(&gaen(), &adoption, &act(engine)).await.expect("adopted");
    let standing = store.standing_bundles(&gaen()).await.expect("read");
    let stood: Vec<_> = standing.iter().map(|one| (one.recalled, one.delisted_number)).collect();
    assert_eq!(stood, [(false, Some(NUMBER)), (false, None), (true, Some(NUMBER)), (true, Some(NUMBER))]);
    assert_eq!(members(&*store, &gaen(), 1, 100).await.len(), 10);
    let gone = store.members(&gaen(), 3, None, 100).await;
    assert!(matches!(gone, Err(StoreError::NotFound("bundle"))), "what it had waits, and it has no members");
    assert_eq!(store.waiting(&gaen()).await.expect("read").unripe, 7);
    engine.clock().set_offset(900);
    assert_eq!(sealed(&*store, &gaen(), &SealPolicy { max_entries: 100, ..policy() }).await, [5]);
    assert_eq!(members(&*store, &gaen(), 5, 100).await.len(), 7);
}

pub(crate) async fn a_listing_that_the_rows_do_not_give_is_not_taken_over(engine: &impl Engine) {
    let (store, first) = restored(engine).await;
    let before = engine.rows().await;
    let standing = store.standing(&gaen()).await.expect("read");
    let mut other = adoption(engine, vec![first.clone()]);
    other.listing.bundles[0].count += 1;
    let unknown = bundle(&gaen(), 2, (first.end, first.end.plus(900)), entries(engine, 10..20)).row;
    for adoption in [other, adoption(engine, vec![first, unknown])] {
        let refused = store.adopt(&gaen(), &adoption, &act(engine)).await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
        assert_eq!(engine.rows().await, before);
        assert_eq!(store.standing(&gaen()).await.expect("read"), standing);
    }
}

pub(crate) async fn withdrawn_reports_are_found_by_their_digest(engine: &impl Engine) {
    let store = opened(engine).await;
    let (tcn, now) = (feed(Kind::Tcn), engine.clock().now());
    let reports: Vec<_> = (0..6).map(|number| report(number, 24, now)).collect();
    store.accept_reports(&reports[..4], std::slice::from_ref(&tcn), &provenance(now)).await.expect("accepted");
    sealed(&*store, &tcn, &policy()).await;
    store.accept_reports(&reports[4..5], std::slice::from_ref(&tcn), &provenance(now)).await.expect("accepted");
    let digest = |n: usize| <[u8; 32]>::from(Sha256::digest(reports[n].published.report.as_bytes()));
    let found = store.reports_by_digest(&[digest(1), digest(4), digest(5)]).await.expect("read");
    let mut found: Vec<Vec<u8>> = found.iter().map(|report| report.as_bytes().to_vec()).collect();
    let mut expected = [1, 4].map(|n| reports[n].published.report.as_bytes().to_vec());
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert!(store.reports_by_digest(&[]).await.expect("read").is_empty());

    // One bundle more, which withdraws the second report and has the fifth and the sixth.
    let entry = |n: usize| reports[n].published.clone();
    let withdrawn = TcnEntry { report_type: ReportType::Negative, ..entry(1) };
    let mut carried = ordered(vec![entry(4), entry(5)], Member::Tcn, false);
    carried.extend(ordered(vec![withdrawn], Member::Tcn, true));
    let first = store.bundle(&tcn, 1).await.expect("read").expect("sealed");
    let second = bundle(&tcn, 2, (first.end, first.end.plus(900)), carried);
    store.adopt_bundle(&tcn, &second).await.expect("adopted");
    assert_eq!(members(&*store, &tcn, 2, 2).await, second.members);
    assert_eq!(engine.count("SELECT count(*) FROM tcn_waiting").await, 0);
    assert_eq!(engine.count("SELECT count(*) FROM tcn_report WHERE kid = 'adopted'").await, 2);
    assert_eq!(engine.count("SELECT count(*) FROM tcn_publication WHERE revision = 1").await, 1);
}

pub(crate) async fn members_that_the_row_does_not_count_are_refused(engine: &impl Engine) {
    let (store, first) = restored(engine).await;
    let before = engine.rows().await;
    let whole = bundle(&gaen(), 2, (first.end, first.end.plus(900)), entries(engine, 10..20));
    let mut short = whole.clone();
    short.members.pop();
    let mut never = whole.clone();
    never.row.derived = None;
    let mut revised = whole.clone();
    revised.members[9].0 = true;
    let mut elsewhere = whole;
    elsewhere.row.feed = feed(Kind::Tcn);
    for bundle in [short, never, revised, elsewhere] {
        let refused = store.adopt_bundle(&gaen(), &bundle).await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
        assert_eq!(engine.rows().await, before);
    }
}

pub(crate) async fn another_number_says_the_same(engine: &impl Engine) {
    let (store, first) = restored(engine).await;
    assert_eq!(store.renumber(&gaen()).await.expect("taken"), 2);
    assert_eq!(store.listing(&gaen(), 2).await.expect("listed").bundles, [first]);
    assert_eq!(sealed(&*store, &gaen(), &policy()).await, [2]);
    assert_eq!(store.number(&gaen()).await.expect("read"), 3);
}
