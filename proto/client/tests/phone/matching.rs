//! Finding out who was near, over bundles as they came.

use std::collections::HashSet;

use client::{FeedState, KeyExposures, ReportExposures};
use proto::ReportType::{Confirmed, Likely, Negative};
use proto::bundle::{Bundle, TcnClass, TcnEntry};
use proto::gaen::{Observation, Observations};
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};

use crate::shelf::{Shelf, key};

async fn bundles(shelf: &mut Shelf) -> Vec<Bundle> {
    shelf.publish_lists();
    let mut bundles = Vec::new();
    let subscription = shelf.subscription(shelf.trust());
    let synced = subscription.sync(&mut FeedState::default(), |fetched| bundles.push(fetched.bundle)).await;
    assert!(synced.expect("synced").failed.is_empty());
    bundles
}

/// What a phone heard that was near the owner of key `byte` during its intervals 60 to 63.
fn heard(byte: u8) -> Observations {
    let key = key(byte, Confirmed).key;
    let near = key.identifiers().enumerate().skip(60).take(4);
    Observations::new(near.map(|(i, identifier)| {
        let heard = key.rolling_start().plus(i64::try_from(i).expect("small"));
        Observation { identifier, heard }
    }))
}

#[tokio::test]
async fn whoever_was_near_finds_out_and_nobody_else() {
    let mut shelf = Shelf::new("NO/gaen");
    shelf.put_keys(&[key(1, Confirmed), key(2, Confirmed)], &[]);
    let bundles = bundles(&mut shelf).await;
    let (mut contact, mut stranger) = (KeyExposures::default(), KeyExposures::default());
    for bundle in &bundles {
        contact.take_in(bundle, &heard(2));
        stranger.take_in(bundle, &heard(3));
    }
    let exposures: Vec<_> = contact.iter().collect();
    assert_eq!(exposures.len(), 1);
    assert_eq!((exposures[0].entry.key.data(), exposures[0].matches.len()), (&[2; 16], 4));
    assert!(stranger.is_empty());
}

#[tokio::test]
async fn a_revision_replaces_what_was_said_and_a_negative_one_takes_it_back() {
    let mut shelf = Shelf::new("NO/gaen");
    shelf.put_keys(&[key(1, Likely)], &[]);
    shelf.put_keys(&[], &[key(1, Confirmed)]);
    shelf.put_keys(&[], &[key(1, Negative)]);
    let bundles = bundles(&mut shelf).await;
    let mut exposures = KeyExposures::default();
    let mut said = Vec::new();
    for bundle in &bundles {
        exposures.take_in(bundle, &heard(1));
        said.push(exposures.iter().next().and_then(|exposure| exposure.entry.report_type));
    }
    assert_eq!(said, [Some(Likely), Some(Confirmed), None]);
}

#[tokio::test]
async fn a_bundle_that_comes_late_says_nothing_about_keys_that_were_revised_since() {
    let mut shelf = Shelf::new("NO/gaen");
    shelf.put_keys(&[key(2, Confirmed), key(1, Likely)], &[]);
    shelf.put_keys(&[], &[key(1, Confirmed)]);
    shelf.put_keys(&[], &[key(1, Negative)]);
    let bundles = bundles(&mut shelf).await;
    let both = || {
        let observed = [1, 2].map(|byte| {
            let key = key(byte, Confirmed).key;
            let identifier = key.identifiers().nth(60).expect("a day has 144");
            Observation { identifier, heard: key.rolling_start().plus(60) }
        });
        Observations::new(observed)
    };
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut exposures = KeyExposures::default();
        order.iter().for_each(|&position| exposures.take_in(&bundles[position], &both()));
        let left: Vec<_> = exposures.iter().map(|exposure| *exposure.entry.key.data()).collect();
        assert_eq!(left, [[2; 16]], "{order:?}");
    }
    let mut exposures = KeyExposures::default();
    [1, 0].iter().for_each(|&position| exposures.take_in(&bundles[position], &both()));
    let said = exposures.iter().next().and_then(|exposure| exposure.entry.report_type);
    assert_eq!(said, Some(Confirmed));
}

fn report(seed: u8, tampered: bool) -> TcnEntry {
    let memo = Memo::new(MemoType::CoEpiV1, &[]).expect("valid");
    let key = ReportAuthorizationKey::from_seed([seed; 32]);
    let mut bytes = SignedReport::create(&key, &memo, 1, 40).expect("valid").as_bytes().to_vec();
    if tampered {
        *bytes.last_mut().expect("signed") ^= 1;
    }
    let report = SignedReport::decode(&bytes).expect("well formed");
    TcnEntry { report, report_type: Confirmed, class: TcnClass::Verified }
}

#[tokio::test]
async fn a_report_counts_if_a_number_was_heard_its_signature_holds_and_nobody_withdrew_it() {
    let mut shelf = Shelf::new("NO/tcn");
    let mut reports = vec![report(1, false), report(2, true), report(3, false)];
    reports.sort_by(|a, b| a.report.as_bytes().cmp(b.report.as_bytes()));
    shelf.put_reports(&reports, &[]);
    shelf.put_reports(&[], &[report(3, false)]);
    let bundles = bundles(&mut shelf).await;
    let near = |seed| report(seed, false).report.numbers().skip(10).take(3).collect::<Vec<_>>();
    let heard: HashSet<_> = [1, 2, 3].into_iter().flat_map(near).collect();
    let mut exposures = ReportExposures::default();
    exposures.take_in(&bundles[0], &heard);
    assert_eq!(exposures.iter().count(), 2);
    exposures.take_in(&bundles[1], &heard);
    let left: Vec<_> = exposures.iter().collect();
    assert_eq!(left.len(), 1);
    assert_eq!((&left[0].entry, &left[0].numbers), (&report(1, false), &near(1)));

    // A withdrawal that comes before what it withdraws holds as well.
    let mut late = ReportExposures::default();
    bundles.iter().rev().for_each(|bundle| late.take_in(bundle, &heard));
    assert_eq!(late.iter().map(|exposure| &exposure.entry).collect::<Vec<_>>(), [&report(1, false)]);

    let mut stranger = ReportExposures::default();
    stranger.take_in(&bundles[0], &report(4, false).report.numbers().collect());
    assert!(stranger.is_empty());
}
