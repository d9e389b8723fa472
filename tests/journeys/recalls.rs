//! A bundle is recalled, and phones go on: those that have read it, those that come later, and those that slept.

use proto::{Kind, ReportType};
use tests::engine::Engine;
use tests::phone::Follower;
use tests::system::System;

on_both_engines! {
    phones_go_on_across_a_recall,
}

async fn phones_go_on_across_a_recall(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let (feed, reader) = (authority.feed(Kind::Gaen), system.outside_reader());
    let phone = system.phone(1_000, &authority)?;
    let (mut daily, mut asleep, mut late) = (system.follower(&feed)?, system.follower(&feed)?, system.follower(&feed)?);
    let mut uploaded = Vec::new();
    for round in 0..3 {
        let mut person = system.phone(round, &authority)?;
        let keys = person.past_keys(3).to_vec();
        person.report_keys(&authority.issue(ReportType::Confirmed, "").await?.code, &keys).await?;
        uploaded.extend(keys.iter().map(|key| key.data().to_vec()));
        system.export().await?;
        poll(&phone, &mut daily).await?;
        if round == 0 {
            poll(&phone, &mut asleep).await?;
        }
    }
    let before = reader.check(&feed)?.manifest;

    system.recall(&feed, 2).await?;
    let recalled = &before.bundles[1];
    let after = reader.check_after_recall(&feed, Some(recalled))?.manifest;
    assert!(after.number > before.number, "phones see one list after the other");
    assert_eq!(after.bundles.iter().map(|bundle| bundle.sequence).collect::<Vec<_>>(), [1, 3]);
    for follower in [&mut daily, &mut asleep, &mut late] {
        poll(&phone, follower).await?;
    }
    // What the bundle carried is published once more.
    system.export().await?;
    for follower in [&mut daily, &mut asleep, &mut late] {
        poll(&phone, follower).await?;
    }
    let checked = reader.check_after_recall(&feed, Some(recalled))?;
    checked.ensure_exactly(uploaded)?;
    let new = &checked.manifest.bundles[2];
    let standing = [&before.bundles[0].path, &before.bundles[2].path];
    assert_eq!(taken(&daily), [standing[0], &recalled.path, standing[1], &new.path], "what it has read it keeps");
    for follower in [&asleep, &late] {
        assert_eq!(taken(follower), [standing[0], standing[1], &new.path]);
    }
    Ok(())
}

/// Syncs; nothing may look wrong to the phone.
async fn poll(phone: &tests::phone::Phone, follower: &mut Follower) -> anyhow::Result<()> {
    let synced = phone.poll(follower).await?;
    assert!(synced.failed.is_empty() && synced.postponed.is_empty() && !synced.went_backwards);
    Ok(())
}

fn taken(follower: &Follower) -> Vec<&String> {
    follower.fetched.iter().map(|fetched| &fetched.path).collect()
}
