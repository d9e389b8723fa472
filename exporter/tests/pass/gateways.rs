//! Keys of gateways in the manifests.

use std::fs;

use exporter::config::GatewaySpec;
use proto::Kind;
use proto::manifest::{GatewayService, Manifest};
use proto::ohttp::{PrivateKey, encode_keys};

use crate::world::World;

fn spec(text: &str) -> GatewaySpec {
    text.parse().expect("a setting")
}

/// A list as the service's operator hands it over.
fn hand_over(world: &World, keys: &[u8]) -> (GatewaySpec, Vec<[u8; 32]>) {
    let path = world.directory.path().join("server.public");
    let keys: Vec<_> = keys.iter().map(|id| PrivateKey::new(*id, &[*id; 32]).expect("a key")).collect();
    fs::write(&path, encode_keys(keys.iter().map(PrivateKey::config))).expect("written");
    let mut hashes: Vec<_> = keys.iter().map(|key| key.config().sha256()).collect();
    hashes.sort_unstable();
    (spec(&format!("server={}", path.display())), hashes)
}

fn announced(manifest: &Manifest) -> (Vec<[u8; 32]>, Vec<[u8; 32]>) {
    (manifest.gateway_hashes(GatewayService::Server), manifest.gateway_hashes(GatewayService::Verification))
}

#[tokio::test]
async fn gateway_keys_stand_in_every_manifest_until_they_are_named_anew() {
    let mut world = World::new().await;
    world.accept_keys(0..20).await;
    let (list, old) = hand_over(&world, &[1]);
    world.settings.gateways = vec![list.clone(), spec(&format!("verification={}", "0a".repeat(32)))];
    world.pass(&["main"]).await;
    for kind in Kind::ALL {
        assert_eq!(announced(&world.manifest("main", kind)), (old.clone(), vec![[10; 32]]));
    }
    // Nothing is new, so no number is taken; and what stands there is what would be written now, or the pass would fail.
    let first = world.manifest("main", Kind::Gaen);
    world.pass(&["main"]).await;
    assert_eq!(world.manifest("main", Kind::Gaen), first);

    // The next key is announced beside the old one. An exporter that knows of no gateway leaves them where they are.
    let (_, both) = hand_over(&world, &[2, 1]);
    world.pass(&["main"]).await;
    world.settings.gateways.clear();
    world.accept_keys(20..40).await;
    world.pass(&["main", "new"]).await;
    for bucket in ["main", "new"] {
        let manifest = world.manifest(bucket, Kind::Gaen);
        assert_eq!(announced(&manifest), (both.clone(), vec![[10; 32]]), "{bucket}");
        assert_eq!(manifest.bundles.len(), 2);
    }
    world.settings.gateways = vec![spec("server=none")];
    world.pass(&["main"]).await;
    assert_eq!(announced(&world.manifest("main", Kind::Tcn)), (vec![], vec![[10; 32]]));
}

#[tokio::test]
async fn a_list_that_cannot_be_read_holds_up_no_bundle() {
    let mut world = World::new().await;
    let (list, hashes) = hand_over(&world, &[1]);
    world.settings.gateways = vec![list];
    world.pass(&["main"]).await;
    fs::write(world.directory.path().join("server.public"), b"no list").expect("written");
    world.accept_keys(0..20).await;
    let report = world.exporter(&["main"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "somebody has to look");
    assert!(report.failures().all(|failure| failure.to_string().contains("server.public")), "{report}");
    let manifest = world.manifest("main", Kind::Gaen);
    assert_eq!((announced(&manifest).0, manifest.bundles.len()), (hashes, 1));
}
