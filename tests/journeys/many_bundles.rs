//! Many small bundles, made while the clock steps back and forth: every kind of client gets each of them exactly once.

use proto::{Kind, ReportType, Timestamp};
use tests::engine::Engine;
use tests::system::{NOON, System};

use crate::apps::{ByLastLine, BySince, index_of};

on_both_engines! {
    every_client_gets_thirty_bundles_once_while_the_clock_steps,
}

/// How the clock moves before each export, in seconds.
const STEPS: [i64; 10] = [3_600, 0, -1_800, 1, 7_200, -7_200, 0, 0, 600, -1];

async fn every_client_gets_thirty_bundles_once_while_the_clock_steps(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let (feed, reader) = (authority.feed(Kind::Gaen), system.outside_reader());
    let watcher = system.phone(1_000, &authority)?;
    let mut follower = system.follower(&feed)?;
    let (mut by_since, mut by_last_line) = (BySince::default(), ByLastLine::default());
    let (mut now, mut expected): (Timestamp, Vec<Vec<u8>>) = (NOON, Vec::new());

    for round in 0..30 {
        now = now.plus(STEPS[round % STEPS.len()]);
        system.set_time(now);
        let mut phone = system.phone(round as u64, &authority)?;
        let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
        let keys = phone.past_keys(1 + round % 5).to_vec();
        phone.report_keys(&code, &keys).await?;
        expected.extend(keys.iter().map(|key| key.data().to_vec()));
        system.export().await?;

        // Not every client polls after every bundle.
        let index = index_of(&reader.check(&feed)?);
        if round % 3 != 1 {
            by_since.poll(&index);
            by_last_line.poll(&index);
            let synced = watcher.poll(&mut follower).await?;
            assert!(synced.failed.is_empty() && synced.postponed.is_empty() && !synced.went_backwards);
        }
    }

    let checked = reader.check(&feed)?;
    checked.ensure_exactly(expected)?;
    assert_eq!(checked.bundles.len(), 30);
    let index = index_of(&checked);
    assert_eq!(by_since.taken, index);
    assert_eq!(by_last_line.taken, index);
    let fetched: Vec<&String> = follower.fetched.iter().map(|fetched| &fetched.path).collect();
    assert_eq!(fetched, index.iter().collect::<Vec<_>>());

    // Nothing new: another poll costs two conditional requests and brings nothing.
    let synced = watcher.poll(&mut follower).await?;
    assert_eq!((synced.fetched, follower.fetched.len()), (0, 30));
    Ok(())
}
