//! After a restore: everything that the buckets know is taken over, nothing that phones have changes, and every key is published exactly once.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cluster::Database;
use proto::Kind;
use store::{Selection, WithdrawalKind};

use crate::commands::exporter;
use crate::world::{World, feed, keys_of, reports_of, snapshot};

/// A world, and where its database stands if that is no file.
struct Place {
    database: Option<Database>,
    world: World,
}

impl Place {
    async fn on_sqlite() -> Self {
        Self { database: None, world: World::new().await }
    }

    async fn on_postgres() -> Self {
        let (database, world) = crate::postgres::world().await;
        Self { database: Some(database), world }
    }

    /// Copies the database as operators do.
    async fn backup(&self) -> Option<Database> {
        match &self.database {
            Some(database) => Some(database.loaded_from_dump().await.expect("a copy")),
            None => {
                crate::restoring::copy(&self.world, "backup.db");
                None
            }
        }
    }

    /// Puts the copy in its place.
    async fn restore(&mut self, backup: Option<Database>) {
        match backup {
            None => crate::restoring::restore(&mut self.world, "backup.db").await,
            Some(database) => {
                let url = database.url();
                let clock = self.world.clock.clone();
                self.world.store = store::open_key_store(&url.parse().expect("a URL"), clock).await.expect("the copy");
                self.world.url = crate::postgres::of_exporter(&url);
                self.world.settings.database_url = self.world.url.parse().expect("a URL");
                self.database = Some(database);
            }
        }
    }

    /// `exporter adopt` as a process of its own; its report.
    fn adopt(&self, buckets: &[&str], more: &[&str]) -> (Option<i32>, serde_json::Value) {
        let keys = self.world.settings.signing_key_dir.to_str().expect("UTF-8").to_owned();
        let buckets: Vec<String> =
            buckets.iter().map(|name| format!("{name}=file:{}", self.world.tree(name).display())).collect();
        let mut arguments = vec!["adopt", "--database-url", &self.world.url, "--signing-key-dir", &keys, "--json"];
        buckets.iter().for_each(|bucket| arguments.extend(["--bucket", bucket]));
        arguments.extend(["--reason", "the disk was lost"]);
        let output = exporter(&[&arguments[..], more].concat());
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}")))
    }

    /// What stands in the buckets.
    fn objects(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        ["main", "other"].iter().flat_map(|name| snapshot(&self.world.tree(name))).collect()
    }
}

/// Withdraws a report that was published.
async fn withdraw_one_report(world: &World) {
    let all = Selection { kind: WithdrawalKind::Tcn, authority: "health".into(), kid: None, times: None };
    let picked = world.store.pick(&all).await.expect("picked");
    let tally = world.store.withdraw(Kind::Tcn, &picked[..1]).await.expect("withdrawn");
    assert_eq!(tally.feeds[&feed(Kind::Tcn)].sealed, 1);
    world.clock.set_offset(world.clock.offset() + 900);
}

#[tokio::test]
async fn after_a_restore_every_key_is_published_once_on_sqlite() {
    every_key_is_published_once(Place::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_every_key_is_published_once_on_postgres() {
    every_key_is_published_once(Place::on_postgres().await).await;
}

async fn every_key_is_published_once(mut place: Place) {
    let buckets = ["main", "other"];
    place.world.settings.maximum_keys = 8;
    place.world.settings.minimum_revised = Some(1);
    place.world.accept_keys(0..10).await;
    place.world.accept_reports(0..3).await;
    place.world.pass(&buckets).await;
    // Five of each wait when the copy is made.
    place.world.accept_keys(10..15).await;
    place.world.accept_reports(3..5).await;
    let backup = place.backup().await;
    place.world.pass(&buckets).await;
    withdraw_one_report(&place.world).await;
    place.world.accept_keys(15..25).await;
    place.world.accept_reports(5..8).await;
    place.world.pass(&buckets).await;
    // Uploaded, and lost with the database.
    place.world.accept_keys(25..30).await;

    let (before, manifests) = (place.objects(), Kind::ALL.map(|kind| place.world.manifest("main", kind)));
    place.restore(backup).await;
    let refused = place.world.exporter(&buckets).await.once().await.expect("a pass");
    assert_eq!(refused.exit_code(), 2, "{refused}");
    assert_eq!(place.objects(), before);
    let number = async |place: &Place| place.world.store.number(&feed(Kind::Gaen)).await.expect("read");
    let stood = number(&place).await;

    let (code, said) = place.adopt(&buckets, &["--dry-run"]);
    assert_eq!((code, &said["dry_run"]), (Some(0), &true.into()), "{said:#}");
    assert_eq!(said["feeds"][0]["bundles"].as_array().map(Vec::len), Some(3), "{said:#}");
    assert_eq!((number(&place).await, place.objects()), (stood, before.clone()));
    assert!(place.world.store.acts(9).await.expect("read").is_empty());

    let (code, said) = place.adopt(&buckets, &[]);
    assert_eq!(code, Some(0), "{said:#}");
    assert_eq!(place.objects(), before, "no object is touched");
    let acts = place.world.store.acts(9).await.expect("read");
    assert_eq!(acts.iter().map(|act| act.act.act.as_str()).collect::<Vec<_>>(), ["exporter adopt"; 2]);
    let (code, said) = place.adopt(&buckets, &[]);
    assert_eq!((code, &said["feeds"][0]["bucket"]), (Some(0), &serde_json::Value::Null), "{said:#}");

    // A new bucket is filled from rows alone, and manifests of the number that was taken over come out the same.
    place.world.pass(&["main", "other", "new"]).await;
    for (kind, manifest) in Kind::ALL.into_iter().zip(manifests) {
        assert_eq!(place.world.manifest("new", kind), manifest);
    }

    // Phones upload again, and others for the first time.
    place.world.accept_keys(8..35).await;
    place.world.accept_reports(0..10).await;
    place.world.pass(&["main", "other", "new"]).await;
    for name in ["main", "other", "new"] {
        assert_eq!(place.world.published(name, Kind::Gaen), keys_of(0..35), "{name}");
        assert_eq!(place.world.published(name, Kind::Tcn), reports_of(0..10), "{name}");
        for kind in Kind::ALL {
            let bundles = place.world.manifest(name, kind).bundles;
            let sequences: Vec<u64> = bundles.iter().map(|bundle| bundle.sequence).collect();
            assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
        }
    }
    let after = place.objects();
    let changed = before
        .iter()
        .filter(|(path, bytes)| path.extension().is_some_and(|end| end == "zip") && after.get(*path) != Some(bytes));
    assert_eq!(changed.count(), 0, "published objects never change");
}

#[tokio::test]
async fn what_a_database_sealed_on_its_own_waits_again_and_is_published_once() {
    let mut place = Place::on_sqlite().await;
    place.world.accept_keys(0..10).await;
    place.world.pass(&["main"]).await;
    place.backup().await;
    place.world.accept_keys(10..20).await;
    place.world.pass(&["main"]).await;
    place.restore(None).await;
    // Somebody goes on with the copy and a bucket of its own, further than the lost database was.
    for round in 0..3 {
        place.world.accept_keys(15 + round * 5..20 + round * 5).await;
        place.world.pass(&["elsewhere"]).await;
    }
    let before = snapshot(&place.world.tree("main"));
    let (code, said) = place.adopt(&["main"], &[]);
    assert_eq!(code, Some(0), "{said:#}");
    assert_eq!(snapshot(&place.world.tree("main")), before);
    place.world.clock.set_offset(900);
    place.world.pass(&["main"]).await;
    assert_eq!(place.world.published("main", Kind::Gaen), keys_of(0..30));
    let manifest = place.world.manifest("main", Kind::Gaen);
    assert!(manifest.bundles.iter().any(|bundle| bundle.sequence == 2));
}

#[tokio::test]
async fn two_truths_at_one_number_are_for_somebody_to_decide() {
    let mut place = Place::on_sqlite().await;
    place.world.accept_keys(0..10).await;
    place.world.pass(&["main"]).await;
    place.backup().await;
    place.world.accept_keys(10..20).await;
    place.world.pass(&["main"]).await;
    place.restore(None).await;
    place.world.accept_keys(20..30).await;
    place.world.pass(&["elsewhere"]).await;
    let before = (snapshot(&place.world.tree("main")), snapshot(&place.world.tree("elsewhere")));
    let (code, said) = place.adopt(&["main", "elsewhere"], &[]);
    assert_eq!(code, Some(2), "{said:#}");
    assert!(
        said["feeds"][0]["failures"][0]["message"].as_str().expect("why").contains("say different things at number 3")
    );
    assert_eq!((snapshot(&place.world.tree("main")), snapshot(&place.world.tree("elsewhere"))), before);
}

#[tokio::test]
async fn a_bundle_that_no_bucket_has_as_listed_is_not_made_up() {
    let mut place = Place::on_sqlite().await;
    place.world.accept_keys(0..10).await;
    place.world.pass(&["main", "other"]).await;
    place.backup().await;
    place.world.accept_keys(10..20).await;
    place.world.pass(&["main", "other"]).await;
    place.restore(None).await;
    let newest = place.world.manifest("main", Kind::Gaen).bundles.pop().expect("a bundle").path;
    std::fs::write(place.world.tree("main").join(&newest), b"not ours").expect("spoilt");
    // One bucket that has it is enough.
    let (code, said) = place.adopt(&["main", "other"], &["--dry-run"]);
    assert_eq!(code, Some(0), "{said:#}");
    std::fs::remove_file(place.world.tree("other").join(&newest)).expect("gone");
    let (code, said) = place.adopt(&["main", "other"], &[]);
    assert_eq!(code, Some(2), "{said:#}");
    assert!(said["feeds"][0]["failures"][0]["message"].as_str().expect("why").contains(&newest), "{said:#}");
    assert_eq!(place.world.store.bundle(&feed(Kind::Gaen), 2).await.expect("read"), None);
}
