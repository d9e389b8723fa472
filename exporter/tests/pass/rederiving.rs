//! Deriving again: rows, wherever they stand, give the bytes that were published.

use exporter::rederive::{Verdict, Which, rederive};
use proto::Kind;
use proto::bundle::SigningKeyId;
use store::SealPolicy;

use crate::commands::exporter;
use crate::world::{World, feed};

async fn published() -> World {
    let mut world = World::new().await;
    world.settings.maximum_keys = 7;
    for round in 0..2 {
        world.accept_keys(round * 10..round * 10 + 10).await;
        world.accept_reports(round * 3..round * 3 + 3).await;
        world.pass(&["main"]).await;
    }
    world
}

fn database(world: &World) -> rusqlite::Connection {
    rusqlite::Connection::open(world.directory.path().join("keys.db")).expect("the database")
}

#[tokio::test]
async fn a_copy_of_the_database_gives_the_bytes_that_were_published() {
    let world = published().await;
    let copy = world.directory.path().join("copy.db");
    database(&world).execute("VACUUM INTO ?1", [copy.to_str().expect("UTF-8")]).expect("a copy");
    let url = format!("sqlite:{}", copy.display());
    for (kind, bundles) in [(Kind::Gaen, 4), (Kind::Tcn, 2)] {
        let path = feed(kind).to_string();
        let again = exporter(&["rederive", "--database-url", &url, "--feed", &path, "--all", "--json"]);
        assert_eq!(again.status.code(), Some(0), "{again:?}");
        let found: serde_json::Value = serde_json::from_slice(&again.stdout).expect("JSON");
        let listed = world.manifest("main", kind).bundles;
        assert_eq!((listed.len(), found["bundles"].as_array().map(Vec::len)), (bundles, Some(bundles)));
        for (bundle, listed) in found["bundles"].as_array().expect("a list").iter().zip(listed) {
            assert_eq!(bundle["verdict"], "same");
            assert_eq!(bundle["zip_sha256"], hex::encode(listed.zip_sha256));
            assert_eq!(bundle["export_sha256"], hex::encode(listed.export_sha256));
        }
    }
    let one = exporter(&["rederive", "--database-url", &url, "--feed", "NO/gaen", "--bundle", "2"]);
    assert_eq!(String::from_utf8_lossy(&one.stdout), "NO/gaen: bundle 2: the same bytes (1 of 1)\n");
}

#[tokio::test]
async fn rows_that_were_changed_are_named() {
    for tampering in [
        "UPDATE gaen_publication SET days_since_onset = 3 WHERE sequence = 2",
        "DELETE FROM gaen_publication WHERE key = (SELECT max(key) FROM gaen_publication WHERE sequence = 2)",
        "UPDATE bundle SET export_sha256 = zeroblob(32) WHERE sequence = 2 AND feed = (SELECT id FROM feed WHERE kind = 'gaen')",
        "UPDATE bundle_signature SET signature = x'30060201010201ff' WHERE sequence = 2 AND feed = (SELECT id FROM feed WHERE kind = 'gaen')",
    ] {
        let world = published().await;
        assert!(database(&world).execute(tampering, []).expect("tampered") > 0);
        let mut told = Vec::new();
        let mut tell = |bundle: &exporter::rederive::Rederived, total: usize| told.push((bundle.sequence, total));
        let verdicts = rederive(world.store.as_ref(), &feed(Kind::Gaen), Which::Listed, &mut tell).await.expect("read");
        let differ = |verdict: Verdict| verdict == Verdict::Differs;
        let verdicts: Vec<_> = verdicts.iter().map(|bundle| differ(bundle.verdict)).collect();
        assert_eq!(verdicts, [false, true, false, false], "{tampering}");
        assert_eq!(told, [(1, 4), (2, 4), (3, 4), (4, 4)]);

        let url = format!("sqlite:{}", world.directory.path().join("keys.db").display());
        let shown = exporter(&["rederive", "--database-url", &url, "--feed", "NO/gaen", "--bundle", "2"]);
        assert_eq!(shown.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&shown.stdout).contains("bundle 2: DIFFERS: "), "{shown:?}");
    }
}

#[tokio::test]
async fn what_was_never_derived_has_nothing_to_differ_from() {
    let world = World::new().await;
    world.accept_keys(0..3).await;
    let policy = SealPolicy { signing: vec![SigningKeyId::new("NO", "v1").expect("an id")], ..SealPolicy::default() };
    world.store.seal(&feed(Kind::Gaen), &policy).await.expect("sealed");
    let mut silent = |_: &_, _| ();
    let verdicts = rederive(world.store.as_ref(), &feed(Kind::Gaen), Which::One(1), &mut silent).await.expect("read");
    assert_eq!((verdicts[0].verdict, &verdicts[0].zip_sha256), (Verdict::NotDerived, &None));
    let unknown = rederive(world.store.as_ref(), &feed(Kind::Gaen), Which::One(2), &mut silent).await;
    assert!(unknown.expect_err("no such bundle").to_string().contains("no rows of a bundle 2"));
}
