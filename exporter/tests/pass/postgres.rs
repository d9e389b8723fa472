//! The same passes with the database on a PostgreSQL server, where the exporter has its own role.

use cluster::Database;
use exporter::recall::RecallSpec;
use proto::Kind;

use crate::world::{World, feed, keys_of, reports_of};

/// A world whose server is the database's owner, and whose exporters are not.
pub(crate) async fn world() -> (Database, World) {
    let migrate = async |url: &str| migrate(url).await;
    let database = Database::from_template("keys", migrate).await.expect("a database");
    let (owner, directory) = (database.url(), tempfile::tempdir().expect("a temporary directory"));
    let mut world = World::of(directory, &owner).await;
    let exporter = of_exporter(&owner);
    world.settings.database_url = exporter.parse().expect("a URL");
    world.url = exporter;
    (database, world)
}

/// The URL under which exporters connect, given the owner's.
pub(crate) fn of_exporter(owner: &str) -> String {
    let separator = if owner.contains('?') { '&' } else { '?' };
    format!("{owner}{separator}options=-c%20role%3Dpratique_exporter")
}

async fn migrate(url: &str) {
    store::migrate_key_store(&url.parse().expect("a URL")).await.expect("migrated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_exporters_on_one_server_give_one_truth() {
    let (_database, mut world) = world().await;
    world.settings.maximum_keys = 7;
    for round in 0..3_u16 {
        world.accept_keys(round * 25..round * 25 + 25).await;
        world.accept_reports(round * 3..round * 3 + 3).await;
        let mut tasks = Vec::new();
        for _ in 0..3 {
            let exporter = world.exporter(&["main", "other"]).await;
            tasks.push(tokio::spawn(async move { exporter.once().await.expect("a pass") }));
        }
        for task in tasks {
            let report = task.await.expect("no panic");
            assert_eq!(report.exit_code(), 0, "{report}");
        }
    }
    for bucket in ["main", "other"] {
        assert_eq!(world.published(bucket, Kind::Gaen), keys_of(0..75));
        assert_eq!(world.published(bucket, Kind::Tcn), reports_of(0..9));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_exporters_on_one_server_end_the_life_of_bundles_together() {
    let (database, mut world) = world().await;
    world.settings.maximum_keys = 7;
    world.accept_keys(0..25).await;
    world.accept_reports(0..3).await;
    world.pass(&["main", "other"]).await;
    for day in 14..16 {
        world.clock.set_offset(day * (86_400 + 60));
        let exporter = world.exporter(&["main", "other"]).await;
        let passes = (0..3).map(|_| {
            let exporter = exporter.clone();
            tokio::spawn(async move { exporter.once().await.expect("a pass") })
        });
        for pass in passes.collect::<Vec<_>>() {
            let report = pass.await.expect("no panic");
            assert_eq!(report.exit_code(), 0, "{report}");
        }
        assert!(world.index("main", Kind::Gaen).is_empty() && world.index("other", Kind::Tcn).is_empty());
    }
    let client = database.connect().await.expect("connected");
    for table in ["bundle", "bundle_bucket", "gaen_publication", "gaen_key", "tcn_publication", "tcn_report"] {
        let rows = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.expect("counted");
        assert_eq!(rows.get::<_, i64>(0), 0, "{table}");
    }
    for bucket in ["main", "other"] {
        let files = crate::world::snapshot(&world.tree(bucket)).into_keys();
        assert!(files.into_iter().all(|path| path.extension().is_none_or(|end| end != "zip")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_server_the_exporters_role_recalls_a_bundle_and_several_exporters_heal_the_buckets() {
    let (_database, world) = world().await;
    for ten in 0..3_u16 {
        world.accept_keys(ten * 10..ten * 10 + 10).await;
        world.pass(&["main", "other"]).await;
    }
    let reason = Some("a test".parse().expect("a reason"));
    let spec = RecallSpec { feed: feed(Kind::Gaen), sequence: 2, without: Vec::new(), reason };
    let recalls = (0..3).map(|_| {
        let (exporter, spec) = (world.exporter(&["main", "other"]), spec.clone());
        async move { exporter.await.recall(&spec).await.expect("recalled") }
    });
    let reports = futures_util::future::join_all(recalls).await;
    assert_eq!(reports.iter().filter(|report| report.members.is_some()).count(), 1, "once");
    assert!(reports.iter().all(|report| report.exit_code() == 0));
    world.clock.set_offset(world.clock.offset() + 960);
    world.pass(&["main", "other"]).await;
    for bucket in ["main", "other"] {
        assert_eq!(world.published(bucket, Kind::Gaen), keys_of(0..30));
        assert_eq!(
            world.manifest(bucket, Kind::Gaen).bundles.iter().map(|b| b.sequence).collect::<Vec<_>>(),
            [1, 3, 4]
        );
    }
    assert_eq!(world.store.acts(10).await.expect("read").len(), 1);
}

#[tokio::test]
async fn a_database_that_nobody_migrated_is_for_somebody_to_look_at() {
    let (_other, mut world) = world().await;
    let database = Database::empty().await.expect("a database");
    world.settings.database_url = database.url().parse().expect("a URL");
    let refused = exporter::Exporter::open(&world.settings, world.clock.clone()).await;
    let refused = refused.err().expect("no tables").to_string();
    assert!(refused.contains("server migrate"), "{refused}");
}
