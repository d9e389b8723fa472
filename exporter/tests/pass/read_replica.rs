//! Passes that read from a replica what they sign.

use std::time::Duration;

use cluster::{Cluster, Options};
use exporter::Exporter;
use proto::Kind;
use proto::bundle::SigningKeyId;
use store::{SealOutcome, SealPolicy};

use crate::world::{World, feed, keys_of};

#[tokio::test]
async fn what_is_signed_is_read_from_the_replica_if_there_is_one() {
    let cluster = Cluster::start(&Options::default()).expect("a cluster");
    let owner = cluster.url("postgres");
    store::migrate_key_store(&owner.parse().expect("a URL")).await.expect("migrated");
    let mut world = World::of(tempfile::tempdir().expect("a directory"), &owner).await;
    let standby = cluster.standby(&Options::default()).expect("a standby");
    world.settings.feeds = vec![feed(Kind::Gaen)];
    world.accept_keys(0..10).await;
    let signing = vec![SigningKeyId::new("NO", "v1").expect("an id")];
    let sealed = world.store.seal(&feed(Kind::Gaen), &SealPolicy { signing, ..SealPolicy::default() }).await;
    assert_eq!(sealed.expect("sealed"), SealOutcome::Sealed(vec![1]));

    // On the database itself an exporter sees no members any more.
    let client = cluster.connect("postgres").await.expect("connected");
    let hide = "ALTER TABLE gaen_publication ENABLE ROW LEVEL SECURITY;
        CREATE POLICY shown ON gaen_publication FOR SELECT TO pratique_exporter USING (pg_is_in_recovery())";
    client.batch_execute(hide).await.expect("hidden");
    let exporter = |cluster: &Cluster| format!("{}&options=-c%20role%3Dpratique_exporter", cluster.url("postgres"));
    world.settings.database_url = exporter(&cluster).parse().expect("a URL");
    let report = world.exporter(&["main"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 1, "{report}");

    world.settings.replica.read_database_url = Some(exporter(&standby).parse().expect("a URL"));
    world.settings.replica.read_wait = Duration::from_secs(60);
    world.pass(&["main"]).await;
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..10));
}

#[tokio::test]
async fn a_database_in_a_file_has_no_replica() {
    let mut world = World::new().await;
    world.settings.replica.read_database_url = Some("postgres://u:hunter2@db.example/keys".parse().expect("a URL"));
    let refused = Exporter::open(&world.settings, world.clock.clone()).await.err().expect("refused").to_string();
    assert!(refused.starts_with("read-database-url: ") && !refused.contains("hunter2"), "{refused}");
}
