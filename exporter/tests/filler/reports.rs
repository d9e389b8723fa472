//! The same of TCN reports.

use std::collections::BTreeSet;

use proto::bundle::{Entry as _, TcnClass, TcnEntry};
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport};
use proto::{Feed, Kind, ReportType};
use rand::RngExt;
use store::{AcceptedReport, report_release_at};

use crate::world::{HOUR, World, region};

fn norway() -> Feed {
    Feed::verified(region("NO"), Kind::Tcn)
}

/// People report, some over a day and some over six hours.
async fn report(world: &mut World, people: usize) -> Vec<TcnEntry> {
    let now = world.clock.now();
    let mut reports = Vec::new();
    for person in 0..people {
        let (kind, memo): (_, &[u8]) =
            if person % 2 == 0 { (MemoType::CoEpiV1, &[]) } else { (MemoType::CovidWatchV1, &[3]) };
        let memo = Memo::new(kind, memo).expect("a memo");
        let key = ReportAuthorizationKey::from_seed(world.rng.random());
        let report = SignedReport::create(&key, &memo, 1, if person % 2 == 0 { 24 } else { 96 }).expect("a report");
        reports.push(TcnEntry { report, report_type: ReportType::Confirmed, class: TcnClass::Verified });
    }
    let accept = |entry: &TcnEntry| AcceptedReport { published: entry.clone(), release_at: report_release_at(now) };
    let accepted: Vec<_> = reports.iter().map(accept).collect();
    world.store.accept_reports(&accepted, &[norway()], &world.provenance("health", now)).await.expect("accepted");
    reports
}

async fn pass(world: &World) {
    world.wait(4 * HOUR + 15 * 60);
    world.pass().await;
}

fn rvks<'a>(entries: impl IntoIterator<Item = &'a TcnEntry>) -> BTreeSet<[u8; 32]> {
    entries.into_iter().map(|entry| *entry.report.verification_key()).collect()
}

pub(crate) async fn few_reports_leave_among_others_that_verify(mut world: World) {
    let real = report(&mut world, 2).await;
    world.wait(3 * HOUR);
    world.pass().await;
    assert!(world.bundles(&norway()).is_empty(), "held");
    pass(&world).await;
    let bundles = world.published_reports(&norway());
    let [bundle] = &bundles[..] else { panic!("{} bundles", bundles.len()) };
    assert!((30..=33).contains(&bundle.reports.len()), "{}", bundle.reports.len());
    assert!(rvks(&real).is_subset(&rvks(&bundle.reports)));
    for entry in &bundle.reports {
        assert_eq!(entry.report.verify(), Ok(()));
        assert_eq!(entry.class, TcnClass::Verified);
        // Whoever reads the bundle sees memo and span, and each of them is that of somebody real.
        let seen = |entry: &TcnEntry| entry.class() & 0xffff_ffff;
        assert!(real.iter().any(|known| seen(known) == seen(entry)));
    }
}

pub(crate) async fn few_withdrawn_reports_leave_among_others(mut world: World) {
    let real = report(&mut world, 1).await;
    pass(&world).await;
    let identities: Vec<_> = real.iter().map(|entry| entry.report.verification_key().to_vec()).collect();
    world.store.withdraw(Kind::Tcn, &identities).await.expect("withdrawn");
    for _ in 0..7 {
        pass(&world).await;
    }
    let bundles = world.published_reports(&norway());
    let withdrawn: Vec<_> = bundles.iter().filter(|bundle| !bundle.withdrawn.is_empty()).collect();
    let [bundle] = &withdrawn[..] else { panic!("{} of {} bundles", withdrawn.len(), bundles.len()) };
    assert!(bundle.withdrawn.len() >= 6 && bundle.reports.len() >= 30, "{}", bundle.withdrawn.len());
    let digests: BTreeSet<_> = bundle.withdrawn.iter().copied().collect();
    let published = bundles.iter().flat_map(|bundle| &bundle.reports);
    let all: BTreeSet<_> = published.filter_map(proto::bundle::Entry::withdrawal).collect();
    assert!(digests.is_subset(&all), "each of them was published");
    assert!(digests.contains(&real[0].withdrawal().expect("a digest")));
}
