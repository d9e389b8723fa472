//! Numbers, and what is listed at each.

use proto::bundle::SigningKeyId;
use proto::manifest::{AnnouncedGateway, AnnouncedKey, GatewayService, KeyUse};
use proto::{Feed, Kind, Timestamp};
use store::{KeyStore, SealPolicy, StoreError};

use crate::engine::Engine;
use crate::samples::{gaen, keys, opened, policy, provenance, sealed};

fn announced(usage: KeyUse, version: &str) -> AnnouncedKey {
    let key = SigningKeyId { id: "242".into(), version: version.into() };
    AnnouncedKey { usage, key, spki: version.as_bytes().to_vec(), not_before: Timestamp::from_unix(1_600_000_000) }
}

async fn number(store: &dyn KeyStore) -> u64 {
    store.number(&gaen()).await.expect("read")
}

async fn seal(engine: &impl Engine, store: &dyn KeyStore, numbers: std::ops::Range<u64>, policy: &SealPolicy) {
    let now = engine.clock().now();
    store.accept_keys(&keys(numbers, now), &[gaen()], &provenance(now)).await.expect("accepted");
    sealed(store, &gaen(), policy).await;
}

pub(crate) async fn a_feed_begins_at_number_zero_with_nothing(engine: &impl Engine) {
    let store = opened(engine).await;
    assert_eq!(number(&*store).await, 0);
    let listing = store.listing(&gaen(), 0).await.expect("listed");
    assert!(listing.keys.is_empty() && listing.bundles.is_empty());
    assert!(matches!(store.listing(&gaen(), 1).await, Err(StoreError::NotFound("number"))));
}

pub(crate) async fn a_seal_takes_one_number_however_many_bundles_it_makes(engine: &impl Engine) {
    let store = opened(engine).await;
    seal(engine, &*store, 0..28, &SealPolicy { max_entries: 10, ..policy() }).await;
    assert_eq!(number(&*store).await, 1);
    let listing = store.listing(&gaen(), 1).await.expect("listed");
    assert_eq!(listing.bundles.iter().map(|b| b.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(listing.time >= engine.clock().now().plus(-60));
}

/// Announces keys in the place of those at the newest number.
async fn announce(store: &dyn KeyStore, keys: &[AnnouncedKey]) {
    store.announce(&gaen(), number(store).await, keys).await.expect("announced");
}

pub(crate) async fn a_listing_at_an_old_number_does_not_change(engine: &impl Engine) {
    let store = opened(engine).await;
    announce(&*store, &[announced(KeyUse::Current, "v1")]).await;
    seal(engine, &*store, 0..14, &policy()).await;
    let mut before = Vec::new();
    for number in 0..=2 {
        before.push(store.listing(&gaen(), number).await.expect("listed"));
    }

    seal(engine, &*store, 14..28, &policy()).await;
    announce(&*store, &[announced(KeyUse::Current, "v2")]).await;
    store.record_put(&gaen(), 1, "near").await.expect("recorded");
    store.record_listed(&gaen(), 4, "near").await.expect("recorded");
    for listing in before {
        assert_eq!(store.listing(&gaen(), listing.number).await.expect("listed"), listing);
    }
    assert_eq!(store.listing(&gaen(), 4).await.expect("listed").bundles.len(), 2);
}

pub(crate) async fn announcing_the_same_keys_again_takes_no_number(engine: &impl Engine) {
    let store = opened(engine).await;
    let (current, next) = (announced(KeyUse::Current, "v1"), announced(KeyUse::Next, "v2"));
    announce(&*store, &[current.clone(), next.clone()]).await;
    announce(&*store, &[next.clone(), current.clone(), next.clone()]).await;
    assert_eq!(number(&*store).await, 1);
    let listing = store.listing(&gaen(), 1).await.expect("listed");
    assert_eq!(listing.keys, [current, next], "current keys stand first");
}

pub(crate) async fn who_read_an_older_number_announces_nothing(engine: &impl Engine) {
    let store = opened(engine).await;
    let (v1, v2) = (announced(KeyUse::Current, "v1"), announced(KeyUse::Current, "v2"));
    announce(&*store, std::slice::from_ref(&v1)).await;
    announce(&*store, std::slice::from_ref(&v2)).await;
    // Somebody who slept since number 1, and somebody who never read anything.
    for read in [0, 1] {
        store.announce(&gaen(), read, std::slice::from_ref(&v1)).await.expect("nothing to do any more");
    }
    assert_eq!(number(&*store).await, 2);
    assert_eq!(store.listing(&gaen(), 2).await.expect("listed").keys, [v2]);
}

pub(crate) async fn keys_are_announced_from_one_number_to_another(engine: &impl Engine) {
    let store = opened(engine).await;
    let (v1, v2) = (announced(KeyUse::Current, "v1"), announced(KeyUse::Current, "v2"));
    let moved = AnnouncedKey { not_before: v2.not_before.plus(60), ..v2.clone() };
    let steps = [vec![v1.clone()], vec![v1, v2.clone()], vec![moved], vec![], vec![v2]];
    for (taken, keys) in (1..).zip(&steps) {
        announce(&*store, keys).await;
        assert_eq!(number(&*store).await, taken);
    }
    for (taken, keys) in (1..).zip(steps) {
        assert_eq!(store.listing(&gaen(), taken).await.expect("listed").keys, keys, "at number {taken}");
    }
}

/// What is announced of whom, and what stands there then.
type Step = (GatewayService, &'static [[u8; 32]], &'static [(GatewayService, [u8; 32])]);

/// Two keys of the server's gateway, and one that the gateway of verification has too.
const HASHES: [[u8; 32]; 2] = [[1; 32], [0xFF; 32]];

pub(crate) async fn gateways_are_announced_from_one_number_to_another(engine: &impl Engine) {
    use GatewayService::{Server, Verification};
    let store = opened(engine).await;
    const OLD: [u8; 32] = HASHES[0];
    const NEW: [u8; 32] = HASHES[1];
    let steps: [Step; 6] = [
        (Verification, &[OLD], &[(Verification, OLD)]),
        (Server, &[OLD], &[(Server, OLD), (Verification, OLD)]),
        (Server, &[NEW, OLD], &[(Server, OLD), (Server, NEW), (Verification, OLD)]),
        (Server, &[NEW], &[(Server, NEW), (Verification, OLD)]),
        (Server, &[], &[(Verification, OLD)]),
        (Server, &[OLD], &[(Server, OLD), (Verification, OLD)]),
    ];
    for (taken, (service, hashes, _)) in (1..).zip(&steps) {
        store.announce_gateways(&gaen(), *service, hashes).await.expect("announced");
        assert_eq!(number(&*store).await, taken);
    }
    for (taken, (.., expected)) in (1..).zip(steps) {
        let listing = store.listing(&gaen(), taken).await.expect("listed");
        let announced =
            |(service, sha256): &(GatewayService, [u8; 32])| AnnouncedGateway { service: *service, sha256: *sha256 };
        assert_eq!(listing.gateways, expected.iter().map(announced).collect::<Vec<_>>(), "at number {taken}");
        assert!(listing.keys.is_empty());
    }
    assert!(store.listing(&gaen(), 0).await.expect("listed").gateways.is_empty());
}

pub(crate) async fn announcing_the_same_gateways_again_takes_no_number(engine: &impl Engine) {
    let store = opened(engine).await;
    let [old, new] = HASHES;
    for hashes in [&[old, new][..], &[new, old], &[new, old, new]] {
        store.announce_gateways(&gaen(), GatewayService::Server, hashes).await.expect("announced");
    }
    store.announce_gateways(&gaen(), GatewayService::Verification, &[]).await.expect("there was nothing");
    assert_eq!(number(&*store).await, 1);
    // Keys that sign, and other feeds, are another matter.
    announce(&*store, &[announced(KeyUse::Current, "v1")]).await;
    let before = store.listing(&gaen(), 1).await.expect("listed");
    let after = store.listing(&gaen(), 2).await.expect("listed");
    assert_eq!((&before.gateways, after.keys.len()), (&after.gateways, 1));
    let other = Feed::verified(gaen().region, Kind::Tcn);
    assert_eq!(store.number(&other).await.expect("read"), 0);
}

pub(crate) async fn programs_that_announce_at_once_announce_once(engine: &impl Engine) {
    opened(engine).await;
    let mut programs = Vec::new();
    for _ in 0..4 {
        let store = engine.open().await;
        programs.push(tokio::spawn(async move {
            store.announce_gateways(&gaen(), GatewayService::Server, &HASHES).await.expect("announced");
        }));
    }
    for program in programs {
        program.await.expect("no panic");
    }
    assert_eq!(number(&*engine.open().await).await, 1);
}

pub(crate) async fn the_time_of_a_listing_never_runs_backwards(engine: &impl Engine) {
    let store = opened(engine).await;
    seal(engine, &*store, 0..14, &policy()).await;
    engine.clock().set_offset(-7_200);
    seal(engine, &*store, 14..28, &policy()).await;
    let first = store.listing(&gaen(), 1).await.expect("listed").time;
    assert_eq!(store.listing(&gaen(), 2).await.expect("listed").time, first);
}
