//! The keys that sign bundles change, and no app needs an update.

use proto::manifest::KeyUse;
use proto::{Feed, Kind, ReportType};
use tests::authority::Authority;
use tests::engine::Engine;
use tests::phone::Follower;
use tests::system::System;

on_both_engines! {
    phones_follow_a_change_of_keys_without_an_update,
}

/// For how long the next keys are announced, in seconds: less than bundles are listed, so that phones meet bundles of both.
const OVERLAP: i64 = 7 * 86_400;

async fn phones_follow_a_change_of_keys_without_an_update(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let feeds = Kind::ALL.map(|kind| authority.feed(kind));
    let watcher = system.phone(1_000, &authority)?;
    let mut followers: Vec<Follower> = feeds.iter().map(|feed| system.follower(feed)).collect::<Result<_, _>>()?;
    let mut uploaded: [Vec<Vec<u8>>; 2] = Default::default();

    report(&system, &authority, (1, "2021-03-09"), &mut uploaded).await?;
    system.export().await?;
    let takes_over = system.rotate_signing_keys(&feeds[0].region, OVERLAP)?;
    report(&system, &authority, (2, "2021-03-09"), &mut uploaded).await?;
    system.export().await?;
    for (feed, follower) in feeds.iter().zip(&mut followers) {
        let synced = watcher.poll(follower).await?;
        assert_eq!((synced.fetched, synced.failed.len()), (2, 0), "both are signed by the first key");
        assert_eq!(usages(&system, feed)?, [KeyUse::Current, KeyUse::Next]);
    }

    system.set_time(takes_over);
    report(&system, &authority, (3, "2021-03-16"), &mut uploaded).await?;
    system.export().await?;
    for (feed, follower) in feeds.iter().zip(&mut followers) {
        let synced = watcher.poll(follower).await?;
        assert_eq!((synced.fetched, synced.failed.len()), (1, 0), "an app that pins the first key believes the second");
        let signed_by = &follower.fetched[2].bundle.header.signing;
        assert_eq!(signed_by.iter().map(|key| key.version.as_str()).collect::<Vec<_>>(), ["v2"]);

        // An app that is installed now and pins the first key reads all; and so does one that pins the second.
        let mut installed = system.follower(feed)?;
        assert_eq!(watcher.poll(&mut installed).await?.fetched, 3);
        let pem = format!("{}-{}-v2.pem", feed.region, feed.kind);
        let pem = std::fs::read_to_string(system.keys_directory().join(pem))?;
        let mut later = system.follower(feed)?;
        later.trust.keys = vec![proto::bundle::BundleKey::from_pem(&pem)?];
        assert_eq!(watcher.poll(&mut later).await?.fetched, 3);
        // Who pins no manifest key is told of no other key.
        let mut alone = system.follower(feed)?;
        alone.trust.manifest = None;
        let synced = watcher.poll(&mut alone).await?;
        assert_eq!((synced.fetched, synced.failed.len()), (2, 1));
    }

    // When nothing that the first key signed is listed any more, it is not announced either.
    system.set_time(takes_over.plus(15 * 86_400));
    report(&system, &authority, (4, "2021-03-31"), &mut uploaded).await?;
    system.export().await?;
    for ((feed, follower), uploaded) in feeds.iter().zip(&mut followers).zip(uploaded) {
        let synced = watcher.poll(follower).await?;
        assert_eq!((synced.fetched, synced.failed.len()), (1, 0));
        assert_eq!(usages(&system, feed)?, [KeyUse::Current]);
        let listed = uploaded.len() / 4;
        system.outside_reader().check(feed)?.ensure_exactly(uploaded.into_iter().skip(3 * listed))?;
    }
    Ok(())
}

/// A person uploads keys and a report.
async fn report(
    system: &System,
    authority: &Authority,
    (seed, onset): (u64, &str),
    uploaded: &mut [Vec<Vec<u8>>; 2],
) -> anyhow::Result<()> {
    let mut phone = system.phone(seed, authority)?;
    let keys = phone.past_keys(3).to_vec();
    let code = authority.issue(ReportType::Confirmed, onset).await?.code;
    assert_eq!(phone.report_keys(&code, &keys).await?.accepted, 3);
    uploaded[0].extend(keys.iter().map(|key| key.data().to_vec()));
    let report = phone.signed_report(24)?;
    let code = authority.issue(ReportType::Confirmed, onset).await?.code;
    assert_eq!(phone.report_numbers(&code, std::slice::from_ref(&report)).await?.accepted, 1);
    uploaded[1].push(report.as_bytes().to_vec());
    Ok(())
}

/// What a feed's manifest announces.
fn usages(system: &System, feed: &Feed) -> anyhow::Result<Vec<KeyUse>> {
    let checked = system.outside_reader().check(feed)?;
    Ok(checked.manifest.keys.iter().map(|key| key.usage).collect())
}
