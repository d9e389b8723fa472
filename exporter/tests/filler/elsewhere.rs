//! Filler in other feeds, in withdrawals, and in numbers.

use std::collections::BTreeSet;

use exporter::filler::{FillerSecret, known_keys};
use proto::{Feed, Kind, ReportType};
use store::{Day, Selection, WithdrawalKind};

use crate::world::{HOUR, World, bytes, norway, region, ripe};

/// The identities of filler.
async fn filler(world: &World) -> BTreeSet<[u8; 16]> {
    let secret = FillerSecret::read(&world.settings.signing_key_dir).expect("read").expect("a secret");
    known_keys(&secret, &world.store.filler_marks().await.expect("read")).into_keys().collect()
}

pub(crate) async fn filler_reaches_the_second_region_and_travellers_at_their_share(mut world: World) {
    // Among so many synthetic people, chance cannot make the share another one.
    world.settings.minimum_keys = 1_500;
    world.register("health", &["NO", "SE"]).await;
    world.register("others", &["DK"]).await;
    let [sweden, denmark] = ["SE", "DK"].map(|name| Feed { region: region(name), ..norway() });
    world.store.set_travellers(&denmark, true).await.expect("set");
    // Of three people one has travelled.
    let at_home = [norway(), sweden.clone()];
    let travelled = [norway(), sweden.clone(), denmark.clone()];
    let mut real = BTreeSet::new();
    for feeds in [&at_home[..], &travelled, &at_home] {
        let keys = loop {
            let keys = crate::town::upload(world.clock.now(), &mut world.rng).unwrap_or_default();
            if keys.len() == 14 {
                break keys;
            }
        };
        world.accept(&keys, "health", feeds).await;
        real.extend(bytes(keys.iter().map(|key| &key.published)));
    }
    world.wait(4 * HOUR + 15 * 60);
    world.settings.feeds = vec![norway()];
    world.pass().await;
    let first = world.published(&norway());
    let found = bytes(&first[0].keys);
    assert!((1_500..=1_650).contains(&found.len()));

    // What is sealed in one region waits in the other, whoever it is, and the share of those who travelled is the same.
    let there = world.store.waiting(&sweden).await.expect("counted");
    assert_eq!(there.releasable, found.len() as u64);
    let travelled = world.store.waiting(&denmark).await.expect("counted").releasable;
    assert!(
        (found.len() as u64 / 8..found.len() as u64 * 3 / 5).contains(&travelled),
        "{travelled} of {}",
        found.len()
    );
    world.settings.feeds = vec![sweden.clone()];
    world.pass().await;
    assert_eq!(bytes(&world.published(&sweden)[0].keys), found, "the same keys, and no others");
    // The third is filled up with people who reach the first as well.
    world.settings.feeds = vec![denmark.clone()];
    world.pass().await;
    let abroad = bytes(&world.published(&denmark)[0].keys);
    assert!((1_500..=1_650).contains(&abroad.len()));
    let more = world.store.waiting(&norway()).await.expect("counted").releasable;
    assert_eq!(more, abroad.len() as u64 - travelled);
    let filler = filler(&world).await;
    assert!(real.is_disjoint(&filler) && abroad.iter().all(|key| real.contains(key) || filler.contains(key)));
}

pub(crate) async fn a_withdrawal_takes_filler_along(mut world: World) {
    world.settings.minimum_revised = Some(1);
    let real = world.uploads(2).await;
    world.wait(4 * HOUR + 15 * 60);
    world.pass().await;
    let now = world.clock.now();
    let selection = Selection {
        kind: WithdrawalKind::Gaen,
        authority: "health".into(),
        kid: Some("health-kid".into()),
        times: Some(now.floor(HOUR)..now.plus(HOUR).floor(HOUR)),
    };
    let published = bytes(&world.published(&norway())[0].keys);
    let picked = world.store.pick(&selection).await.expect("picked");
    let picked: BTreeSet<[u8; 16]> = picked.iter().map(|id| id.as_slice().try_into().expect("16 bytes")).collect();
    assert!(published.is_subset(&picked), "whoever is in the bundle of that hour");
    let identities: Vec<_> = picked.iter().map(|id| id.to_vec()).collect();
    world.store.withdraw(Kind::Gaen, &identities).await.expect("withdrawn");

    world.uploads(40).await;
    world.wait(15 * 60);
    world.pass().await;
    let bundles = world.published(&norway());
    let revoked = &bundles[1].revised;
    assert!(revoked.iter().all(|key| key.report_type == Some(ReportType::Negative)));
    assert_eq!(bytes(revoked), published, "the withdrawal does not tell who was filler");
    assert!(ripe(&real, now).is_subset(&published));
}

pub(crate) async fn filler_is_in_no_statistics(mut world: World) {
    let real = world.uploads(3).await;
    let today = Day::containing(world.clock.now());
    let before = world.store.upload_days("health", today.plus(-1), today.plus(1)).await.expect("read");
    assert_eq!((before[0].key_uploads, before[0].keys), (3, real.len() as u64));
    world.wait(4 * HOUR + 15 * 60);
    world.pass().await;
    assert_eq!(world.published(&norway()).len(), 1);
    assert_eq!(world.store.upload_days("health", today.plus(-1), today.plus(1)).await.expect("read"), before);
}
