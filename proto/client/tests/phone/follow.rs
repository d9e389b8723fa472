//! Following a feed: what is fetched, what is kept, what is refused.

use client::{ClientError, FeedState, Fetched, Synced, Trust};
use proto::Kind;
use proto::ReportType::Confirmed;
use proto::bundle::{Limits, SigningKeyId};
use proto::index::index_path;
use proto::manifest::{AnnouncedKey, KeyUse, manifest_path};

use crate::host::Scripted;
use crate::shelf::{Shelf, bundle, key, signer};

/// Syncs and answers with what was handed over.
async fn sync(shelf: &Shelf, state: &mut FeedState) -> (Synced, Vec<Fetched>) {
    sync_with(shelf, shelf.trust(), state).await.expect("synced")
}

async fn sync_with(shelf: &Shelf, trust: Trust, state: &mut FeedState) -> Result<(Synced, Vec<Fetched>), ClientError> {
    let mut kept = Vec::new();
    let synced = shelf.subscription(trust).sync(state, |fetched| kept.push(fetched)).await?;
    Ok((synced, kept))
}

fn two_bundles() -> Shelf {
    let mut shelf = Shelf::new("NO/gaen");
    shelf.put_keys(&[key(1, Confirmed), key(2, Confirmed)], &[]);
    shelf.put_keys(&[key(3, Confirmed)], &[]);
    shelf.publish_lists();
    shelf
}

#[tokio::test]
async fn only_new_bundles_are_fetched_and_each_once() {
    let mut shelf = two_bundles();
    let mut state = FeedState::default();
    let (synced, kept) = sync(&shelf, &mut state).await;
    assert_eq!((synced.fetched, synced.failed.len()), (2, 0));
    assert_eq!(kept.iter().map(|f| &f.path).collect::<Vec<_>>(), state.held.iter().collect::<Vec<_>>());
    shelf.host.exchanges();

    let (synced, _) = sync(&shelf, &mut state).await;
    assert_eq!(synced.fetched, 0);
    assert_eq!(shelf.host.asked(), ["304 NO/gaen/index.txt", "304 NO/gaen/manifest"]);

    let third = shelf.put_keys(&[key(4, Confirmed)], &[]);
    shelf.publish_lists();
    let (_, kept) = sync(&shelf, &mut state).await;
    assert_eq!(kept.iter().map(|f| &f.path).collect::<Vec<_>>(), [&third]);
    let expected = ["200 NO/gaen/index.txt".to_owned(), "200 NO/gaen/manifest".to_owned(), format!("200 {third}")];
    assert_eq!(shelf.host.asked(), expected);
}

#[tokio::test]
async fn the_state_of_a_phone_survives_storage() {
    let shelf = two_bundles();
    let mut state = FeedState::default();
    sync(&shelf, &mut state).await;
    let stored = serde_json::to_string(&state).expect("plain data");
    let mut restored: FeedState = serde_json::from_str(&stored).expect("stored");
    assert_eq!(restored, state);
    assert_eq!(sync(&shelf, &mut restored).await.0.fetched, 0);
}

#[tokio::test]
async fn an_empty_feed_is_in_order() {
    let mut shelf = Shelf::new("NO/tcn");
    shelf.publish_lists();
    let mut state = FeedState::default();
    assert_eq!(sync(&shelf, &mut state).await.0.fetched, 0);
    sync(&shelf, &mut state).await;
    assert_eq!(shelf.host.asked().last().map(String::as_str), Some("304 NO/tcn/manifest"));
}

#[tokio::test]
async fn a_bundle_changed_on_the_way_is_not_kept_and_fetched_again() {
    let shelf = two_bundles();
    let path = shelf.listed[0].path.clone();
    let subscription = shelf.subscription(shelf.trust());
    let mut good = Vec::new();
    subscription.sync(&mut FeedState::default(), |fetched| good.push(fetched)).await.expect("synced");
    let mut broken = good[0].zip.clone();
    let middle = broken.len() / 2;
    broken[middle] ^= 1;
    shelf.host.publish(&path, broken);

    let mut state = FeedState::default();
    let (synced, kept) = sync(&shelf, &mut state).await;
    assert_eq!((synced.fetched, kept.len()), (1, 1));
    assert!(matches!(synced.failed[0].error, ClientError::NotAsListed("SHA-256 of the zip")), "{synced:?}");
    assert_eq!(synced.failed[0].path, path);
    assert!(!state.held.contains(&path));

    shelf.host.publish(&path, good[0].zip.clone());
    let (synced, kept) = sync(&shelf, &mut state).await;
    assert_eq!((synced.fetched, &kept[0].path), (1, &path));
}

#[tokio::test]
async fn every_flipped_byte_of_a_bundle_is_noticed_without_a_manifest_too() {
    let shelf = two_bundles();
    let trust = Trust { manifest: None, ..shelf.trust() };
    let mut kept = Vec::new();
    shelf.subscription(trust.clone()).sync(&mut FeedState::default(), |f| kept.push(f)).await.expect("synced");
    let (path, good) = (kept[0].path.clone(), kept[0].zip.clone());
    for at in (0..good.len()).step_by(7) {
        let mut broken = good.clone();
        broken[at] ^= 0x10;
        shelf.host.publish(&path, broken);
        let (synced, again) = sync_with(&shelf, trust.clone(), &mut FeedState::default()).await.expect("synced");
        // A byte that no phone reads (a date in the zip's directory) may change; what it holds may not.
        let same = again.iter().find(|f| f.path == path).is_none_or(|f| f.bundle.digest == kept[0].bundle.digest);
        assert!(same, "byte {at}: {synced:?}");
    }
}

#[tokio::test]
async fn a_bundle_that_no_pinned_key_signed_is_not_kept() {
    let shelf = two_bundles();
    let stranger = signer(Kind::Gaen, 6).public_key();
    for keys in [vec![], vec![stranger.clone()]] {
        let trust = Trust { keys, ..shelf.trust() };
        let (synced, kept) = sync_with(&shelf, trust, &mut FeedState::default()).await.expect("synced");
        assert!(kept.is_empty());
        assert!(synced.failed.iter().all(|f| matches!(f.error, ClientError::NotSigned(_))), "{synced:?}");
    }
    // During a rotation two keys are pinned, and one of them is enough.
    let trust = Trust { keys: vec![stranger, signer(Kind::Gaen, 5).public_key()], ..shelf.trust() };
    let (synced, _) = sync_with(&shelf, trust, &mut FeedState::default()).await.expect("synced");
    assert_eq!(synced.fetched, 2);
}

#[tokio::test]
async fn a_phone_follows_an_announced_change_of_keys_from_its_moment_on() {
    let mut shelf = two_bundles();
    let trust = shelf.trust();
    let mut state = FeedState::default();
    sync_with(&shelf, trust.clone(), &mut state).await.expect("synced");
    let end = shelf.header().end;
    let announced = |usage, seed, not_before| AnnouncedKey {
        usage,
        key: SigningKeyId::new("demo", &format!("v{seed}")).expect("valid"),
        spki: signer(Kind::Gaen, seed).public_key().to_spki(),
        not_before,
    };

    // Signed by a key that nobody announced, that is announced for later, that is announced for now; and then by the first again.
    shelf.change_signer(6);
    shelf.put_keys(&[key(4, Confirmed)], &[]);
    for (keys, kept) in [
        (vec![], 0),
        (vec![announced(KeyUse::Next, 6, end.plus(1))], 0),
        (vec![announced(KeyUse::Current, 7, end)], 0),
        (vec![announced(KeyUse::Current, 7, end), announced(KeyUse::Current, 6, end)], 1),
    ] {
        shelf.keys = keys;
        shelf.publish_lists();
        // Whoever pins no manifest key has nobody to believe.
        let unpinned = Trust { manifest: None, ..trust.clone() };
        let (synced, _) = sync_with(&shelf, unpinned, &mut state.clone()).await.expect("synced");
        assert_eq!((synced.fetched, synced.failed.len()), (0, 1));
        let (synced, fetched) = sync_with(&shelf, trust.clone(), &mut state).await.expect("synced");
        assert_eq!((fetched.len(), synced.failed.len()), (kept, 1 - kept));
    }
    shelf.change_signer(5);
    shelf.put_keys(&[key(5, Confirmed)], &[]);
    shelf.publish_lists();
    let (synced, _) = sync_with(&shelf, trust, &mut state).await.expect("synced");
    assert_eq!(synced.fetched, 1, "what is pinned is believed whatever is announced");
}

#[tokio::test]
async fn an_old_bundle_under_a_new_name_is_not_kept() {
    let mut shelf = two_bundles();
    let trust = Trust { manifest: None, ..shelf.trust() };
    let mut state = FeedState::default();
    let (_, kept) = sync_with(&shelf, trust.clone(), &mut state).await.expect("synced");
    let third = shelf.put_keys(&[key(4, Confirmed)], &[]);
    shelf.publish_index();
    shelf.host.publish(&third, kept[0].zip.clone());
    let (synced, _) = sync_with(&shelf, trust, &mut state).await.expect("synced");
    assert!(matches!(synced.failed[0].error, ClientError::NotAsListed("the name")), "{synced:?}");
}

#[tokio::test]
async fn a_bundle_of_another_region_is_not_kept() {
    let mut shelf = two_bundles();
    let trust = Trust { manifest: None, ..shelf.trust() };
    let mut header = shelf.header();
    header.region = "SE".parse().expect("a region");
    let (zip, _) = bundle(&header, &signer(Kind::Gaen, 5), &[key(9, Confirmed)], &[]);
    let third = shelf.put_keys(&[key(4, Confirmed)], &[]);
    shelf.publish_index();
    shelf.host.publish(&third, zip);
    let (synced, _) = sync_with(&shelf, trust, &mut FeedState::default()).await.expect("synced");
    assert!(matches!(synced.failed[0].error, ClientError::NotAsListed("the region")), "{synced:?}");
}

#[tokio::test]
async fn more_bytes_than_the_manifest_says_are_not_read() {
    let shelf = two_bundles();
    let (path, bytes) = (shelf.listed[1].path.clone(), shelf.listed[1].bytes);
    shelf.host.publish(&path, vec![0; 3_000_000]);
    let (synced, _) = sync(&shelf, &mut FeedState::default()).await;
    let ClientError::TooLarge { limit, .. } = synced.failed[0].error else { panic!("{synced:?}") };
    assert_eq!(limit, bytes);
    // Without a manifest the phone's own limit holds.
    let limits = Limits { zip_bytes: 100_000, ..Limits::default() };
    let trust = Trust { manifest: None, limits, ..shelf.trust() };
    let (synced, _) = sync_with(&shelf, trust, &mut FeedState::default()).await.expect("synced");
    assert!(matches!(synced.failed[0].error, ClientError::TooLarge { limit: 100_000, .. }), "{synced:?}");
}

#[tokio::test]
async fn a_manifest_that_goes_backwards_changes_nothing() {
    let mut shelf = two_bundles();
    shelf.publish_lists();
    let mut state = FeedState::default();
    sync(&shelf, &mut state).await;
    let before = state.clone();
    let newest = shelf.listed.pop();
    shelf.publish_manifest_at(1, proto::Timestamp::from_unix(1_795_000_000));
    shelf.publish_index();
    let (synced, kept) = sync(&shelf, &mut state).await;
    assert!(synced.went_backwards && kept.is_empty());
    assert_eq!(state, before);
    // The replica catches up: nothing is fetched twice.
    shelf.listed.extend(newest);
    shelf.publish_lists();
    assert_eq!(sync(&shelf, &mut state).await.0.fetched, 0);
}

#[tokio::test]
async fn two_manifests_of_one_number_raise_the_alarm() {
    let shelf = two_bundles();
    let mut state = FeedState::default();
    sync(&shelf, &mut state).await;
    let before = state.clone();
    shelf.publish_manifest_at(shelf.number, proto::Timestamp::from_unix(1_795_000_001));
    let error = sync_with(&shelf, shelf.trust(), &mut state).await.expect_err("an alarm");
    assert!(matches!(error, ClientError::Forked { number: 1 }), "{error}");
    assert_eq!(state, before);
    // The same manifest again, read anew, is none.
    shelf.publish_manifest_at(shelf.number, proto::Timestamp::from_unix(1_795_000_000));
    sync(&shelf, &mut state).await;
}

#[tokio::test]
async fn a_forged_manifest_is_refused() {
    let shelf = two_bundles();
    shelf.host.answer(&manifest_path(&shelf.feed), 200, "pratique/manifest/v1\nfeed NO/gaen\nnumber 9\ntime 1\n\n");
    let error = sync_with(&shelf, shelf.trust(), &mut FeedState::default()).await.expect_err("refused");
    assert!(matches!(error, ClientError::Malformed(_)), "{error}");
    // A phone without a manifest key does not ask for one.
    let trust = Trust { manifest: None, ..shelf.trust() };
    assert_eq!(sync_with(&shelf, trust, &mut FeedState::default()).await.expect("synced").0.fetched, 2);
}

#[tokio::test]
async fn a_bundle_waits_until_index_and_manifest_both_list_it() {
    let mut shelf = two_bundles();
    let mut state = FeedState::default();
    sync(&shelf, &mut state).await;

    // The index is ahead.
    let third = shelf.put_keys(&[key(4, Confirmed)], &[]);
    shelf.publish_index();
    let (synced, kept) = sync(&shelf, &mut state).await;
    assert_eq!((synced.postponed, kept.len()), (vec![third.clone()], 0));
    shelf.publish_manifest();
    assert_eq!(sync(&shelf, &mut state).await.0.fetched, 1);

    // The manifest is ahead.
    shelf.put_keys(&[key(5, Confirmed)], &[]);
    shelf.publish_manifest();
    assert_eq!(sync(&shelf, &mut state).await.0.fetched, 0);
    shelf.publish_index();
    assert_eq!(sync(&shelf, &mut state).await.0.fetched, 1);
    assert_eq!(state.held.len(), 4);
}

#[tokio::test]
async fn bundles_that_left_the_list_at_its_old_end_are_forgotten() {
    let mut shelf = two_bundles();
    let mut state = FeedState::default();
    sync(&shelf, &mut state).await;
    let old = shelf.listed.remove(0).path;
    shelf.publish_lists();
    sync(&shelf, &mut state).await;
    assert!(!state.held.contains(&old) && state.held.len() == 1);
}

/// Whoever holds the CDN but no key can list what they like; phones that pinned a manifest key take nothing twice for that.
#[tokio::test]
async fn a_forged_index_makes_a_phone_forget_nothing() {
    let shelf = two_bundles();
    let mut state = FeedState::default();
    sync(&shelf, &mut state).await;
    let held = state.held.clone();
    for forged in ["NO/gaen/9999999998-9999999999-00001.zip", "NO/gaen/zzz.zip", ""] {
        shelf.host.publish(&index_path(&shelf.feed), forged);
        let (_, kept) = sync(&shelf, &mut state).await;
        assert_eq!((kept.len(), &state.held), (0, &held), "{forged}");
        shelf.publish_index();
        let (_, kept) = sync(&shelf, &mut state).await;
        assert_eq!((kept.len(), &state.held), (0, &held), "{forged}");
    }
}

#[tokio::test]
async fn a_sync_downloads_no_more_than_its_budget() {
    let shelf = two_bundles();
    let subscription = shelf.subscription(shelf.trust()).with_budget(1);
    let mut state = FeedState::default();
    for (fetched, postponed) in [(1, 1), (1, 0), (0, 0)] {
        let synced = subscription.sync(&mut state, drop).await.expect("synced");
        assert_eq!((synced.fetched, synced.postponed.len()), (fetched, postponed));
    }
    // What a phone downloads in vain counts as well.
    for bundle in &shelf.listed {
        shelf.host.publish(&bundle.path, vec![0; 100]);
    }
    let synced = subscription.sync(&mut FeedState::default(), drop).await.expect("synced");
    assert_eq!((synced.failed.len(), synced.postponed.len()), (1, 1));
}

#[tokio::test]
async fn when_the_cdn_is_gone_the_rest_waits() {
    let shelf = two_bundles();
    let lost = Scripted { status: 0, headers: Vec::new(), body: Vec::new() };
    shelf.host.script_as(&shelf.listed[0].path, lost);
    let mut state = FeedState::default();
    let (synced, kept) = sync(&shelf, &mut state).await;
    assert_eq!((synced.failed.len(), kept.len(), state.held.len()), (1, 0, 0));
    assert!(synced.failed[0].error.may_retry());
}

#[tokio::test]
async fn an_index_of_another_feed_is_refused() {
    let shelf = two_bundles();
    for index in ["SE/gaen/0000000001-0000000002-00001.zip", "NO/gaen/../../x.zip", "<html>"] {
        shelf.host.publish(&index_path(&shelf.feed), index);
        let error = sync_with(&shelf, shelf.trust(), &mut FeedState::default()).await.expect_err("refused");
        assert!(matches!(error, ClientError::Malformed(_)), "{index}: {error}");
    }
    shelf.host.answer(&index_path(&shelf.feed), 404, "");
    let error = sync_with(&shelf, shelf.trust(), &mut FeedState::default()).await.expect_err("refused");
    assert!(matches!(error, ClientError::Refused { status: 404, .. }), "{error}");
}
