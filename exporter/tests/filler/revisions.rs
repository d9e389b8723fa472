//! Few revisions leave among those of filler.

use std::collections::BTreeSet;

use proto::{Kind, ReportType, Timestamp};
use store::{AcceptedKey, RevisedKey};

use crate::town;
use crate::world::{DAY, HOUR, World, bytes, norway};

/// How long it takes to the next pass.
const TO_PASS: i64 = 4 * HOUR + 15 * 60;

/// Somebody uploads a likely diagnosis with many keys, all of which leave together.
async fn likely(world: &mut World) -> Vec<AcceptedKey> {
    let now = world.clock.now();
    let keys = loop {
        let keys = town::upload_of(ReportType::Likely, now, &mut world.rng).unwrap_or_default();
        if keys.len() >= 13 && keys.iter().all(|key| key.release_at <= now.plus(TO_PASS)) {
            break keys;
        }
    };
    world.accept(&keys, "health", &[norway()]).await;
    keys
}

/// Four hours and a quarter go by, and a pass is made.
async fn pass(world: &World) {
    world.wait(TO_PASS);
    world.pass().await;
}

/// The bundle with revised keys, if there is one.
fn revised(world: &World) -> Option<(usize, BTreeSet<[u8; 16]>)> {
    let bundles = world.published(&norway());
    let mut found = bundles.iter().enumerate().filter(|(_, bundle)| !bundle.revised.is_empty());
    let (place, bundle) = found.next()?;
    assert!(found.next().is_none(), "one bundle has them all");
    assert!(bundle.keys.len() >= 300, "never alone: {}", bundle.keys.len());
    let (mut first, mut earlier) = (BTreeSet::new(), BTreeSet::new());
    for before in &bundles[..place] {
        earlier.extend(bytes(&before.keys));
    }
    first.extend(bytes(&bundle.revised));
    assert!(first.is_subset(&earlier), "whoever is revised was published earlier");
    Some((place, first))
}

pub(crate) async fn one_persons_revision_leaves_within_a_day_and_a_period_among_others(mut world: World) {
    let keys = likely(&mut world).await;
    // So many keys of likely diagnoses, and none of another kind, that whoever is drawn beside them has one as well: about twenty people, of whom
    // two in ten have a key of the day, which leaves later. That not one of them can be revised as somebody of this bundle happens less than once in 10^10 times.
    for _ in 0..4 {
        likely(&mut world).await;
    }
    pass(&world).await;
    assert_eq!(world.published(&norway()).len(), 1);
    // Later the test is there.
    world.wait(DAY);
    let now = world.clock.now();
    let said = town::revised(&keys, ReportType::Confirmed, now);
    let mut mine = bytes(said.iter().map(|key| &key.published));
    let say: Vec<_> = said.into_iter().map(|key| RevisedKey { key, from: ReportType::Likely }).collect();
    world.store.revise_keys(&say, &[norway()], &world.provenance("health", now)).await.expect("revised");
    mine.retain(|key| keys.iter().any(|known| known.published.key.data() == key && known.release_at <= now));

    // Meanwhile others come, one by one, and leave with filler: the revision does not, until its day is over.
    let mut left = None;
    for _ in 0..8 {
        assert!(left.is_none(), "too late");
        world.uploads(1).await;
        pass(&world).await;
        if let Some((_, revised)) = revised(&world) {
            assert!(world.clock.now() >= now.plus(DAY), "too early");
            left = Some(revised);
            break;
        }
    }
    let left = left.expect("within a day and a period");
    // A fifth of the minimum.
    assert!(left.len() >= 60, "{}", left.len());
    let published = world.published(&norway());
    let here: BTreeSet<_> = published.iter().flat_map(|bundle| bytes(&bundle.keys)).collect();
    mine.retain(|key| here.contains(key));
    assert!(mine.len() >= 12 && mine.intersection(&left).count() + 1 >= mine.len(), "{}", mine.len());
    look_alike(&world, &mine);
}

/// The others say what the person says: the same report type, of keys that were likely ones.
fn look_alike(world: &World, mine: &BTreeSet<[u8; 16]>) {
    let bundles = world.published(&norway());
    let last = bundles.iter().find(|bundle| !bundle.revised.is_empty()).expect("there is one");
    let firsts = |data: &[u8; 16]| {
        let keys = bundles.iter().enumerate().flat_map(|(at, bundle)| bundle.keys.iter().map(move |key| (at, key)));
        keys.into_iter().find(|(_, key)| key.key.data() == data).expect("published before")
    };
    let mut beside = 0;
    for key in &last.revised {
        assert_eq!(key.report_type, Some(ReportType::Confirmed));
        let (bundle, first) = firsts(key.key.data());
        assert_eq!(first.report_type, Some(ReportType::Likely));
        assert_eq!(first.key, key.key, "start and period stay");
        let is_mine = mine.contains(key.key.data());
        beside += usize::from(!is_mine && bundle == 0);
    }
    assert!(beside > 0, "some were published beside the person's keys");
}

pub(crate) async fn few_withdrawn_keys_leave_among_others(mut world: World) {
    let real = world.uploads(1).await;
    pass(&world).await;
    let now: Timestamp = world.clock.now();
    let ripe: Vec<_> = real.iter().filter(|key| key.release_at <= now).collect();
    let identities: Vec<_> = ripe.iter().map(|key| key.published.key.data().to_vec()).collect();
    // As somebody does who withdraws one upload: by kid and hour it would take filler along.
    world.store.withdraw(Kind::Gaen, &identities).await.expect("withdrawn");
    let mine = bytes(ripe.into_iter().map(|key| &key.published));
    let mut left = None;
    for _ in 0..7 {
        pass(&world).await;
        left = left.or_else(|| revised(&world));
    }
    let (_, left) = left.expect("within a day and a period, though nobody else reported");
    assert!(mine.is_subset(&left) && left.len() >= 60, "{} of {}", mine.len(), left.len());
    let bundles = world.published(&norway());
    let revoked = bundles.iter().flat_map(|bundle| &bundle.revised);
    assert!(revoked.into_iter().all(|key| key.report_type == Some(ReportType::Negative)));
}
