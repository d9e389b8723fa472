//! The object `ready`, and buckets that keep others waiting.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use exporter::bucket::{Bucket, MemoryBucket, Object, ObjectPath, Put, Replaced, Version};
use exporter::steps::When;
use exporter::{ExportError, Exporter, Pace, Report};
use proto::Kind;
use tokio::sync::watch;

use crate::world::{World, feed};

/// Short, and long enough for a busy machine: the buckets that answer do so at once, so nobody who waits has anything to wait for.
const IMPATIENT: Pace = Pace { at_once: true, grace: Duration::from_secs(1), overtime: Duration::from_millis(20) };

/// A bucket that answers nothing while it stalls, and does nothing either.
#[derive(Clone)]
struct Stalling {
    inner: MemoryBucket,
    stalls: watch::Sender<bool>,
    /// Whether only puts stall.
    puts_only: bool,
}

impl Stalling {
    fn new(puts_only: bool) -> Self {
        Self { inner: MemoryBucket::default(), stalls: watch::Sender::new(false), puts_only }
    }

    async fn wait(&self, is_put: bool) {
        if is_put || !self.puts_only {
            // The sender is in this very bucket.
            let _ = self.stalls.subscribe().wait_for(|stalls| !*stalls).await;
        }
    }
}

#[async_trait]
impl Bucket for Stalling {
    async fn put_if_absent(&self, path: &ObjectPath, bytes: &[u8]) -> Result<Put, ExportError> {
        self.wait(true).await;
        self.inner.put_if_absent(path, bytes).await
    }

    async fn get(&self, path: &ObjectPath) -> Result<Option<Object>, ExportError> {
        self.wait(false).await;
        self.inner.get(path).await
    }

    async fn replace(
        &self,
        path: &ObjectPath,
        bytes: &[u8],
        expected: Option<&Version>,
    ) -> Result<Replaced, ExportError> {
        self.wait(false).await;
        self.inner.replace(path, bytes, expected).await
    }

    async fn delete(&self, path: &ObjectPath) -> Result<(), ExportError> {
        self.wait(false).await;
        self.inner.delete(path).await
    }

    async fn list(&self, under: &ObjectPath) -> Result<BTreeMap<ObjectPath, u64>, ExportError> {
        self.wait(false).await;
        self.inner.list(under).await
    }
}

/// What a `ready` object says of the GAEN feed, if there is one.
fn number(objects: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    let text = String::from_utf8(objects.get("ready")?.clone()).expect("text");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("pratique/ready/v1"));
    assert!(lines.next().is_some_and(|line| line.starts_with("time 1")), "{text}");
    lines.find_map(|line| line.strip_prefix("feed NO/gaen ")).map(str::to_owned)
}

/// A world with ten keys published in the buckets `main` and `other`, of which the latter is given.
struct Scene {
    world: World,
    main: MemoryBucket,
    exporter: Exporter,
}

impl Scene {
    async fn new(other: impl Bucket + 'static) -> Self {
        let (world, main) = (World::new().await, MemoryBucket::default());
        let exporter = world.exporter(&[]).await.with_bucket("main", Arc::new(main.clone()));
        let exporter = exporter.with_bucket("other", Arc::new(other));
        world.accept_keys(0..10).await;
        assert_eq!(exporter.once().await.expect("a pass").exit_code(), 0);
        Self { world, main, exporter }
    }

    /// Ten keys more, and a pass that waits for nobody.
    async fn go_on(&self) -> Report {
        self.world.accept_keys(10..20).await;
        self.exporter.clone().with_pace(IMPATIENT).once().await.expect("a pass that ends")
    }

    /// A pass that leaves nothing undone.
    async fn heal(&self) {
        let report = self.exporter.once().await.expect("a pass");
        assert_eq!(report.exit_code(), 0, "{report}");
    }

    /// What `ready` says in the main bucket.
    fn main_number(&self) -> Option<String> {
        number(&self.main.objects())
    }
}

/// How many bundles an index lists.
fn listed(bucket: &MemoryBucket, feed: &str) -> usize {
    let index = bucket.objects()[&format!("{feed}/index.txt")].clone();
    proto::index::parse(&index).expect("an index").len()
}

#[tokio::test]
async fn a_bucket_is_ready_while_it_stands_where_the_foremost_stands() {
    let bucket = MemoryBucket::default();
    let scene = Scene::new(bucket.clone()).await;
    assert_eq!((scene.main_number(), number(&bucket.objects())), (Some("2".to_owned()), Some("2".to_owned())));

    bucket.set_down(true);
    assert_eq!(scene.go_on().await.exit_code(), 1);
    // Nobody can take away what nobody can reach: it tells how old it is.
    assert_eq!((scene.main_number(), number(&bucket.objects())), (Some("3".to_owned()), Some("2".to_owned())));

    bucket.set_down(false);
    scene.heal().await;
    assert_eq!((scene.main_number(), number(&bucket.objects())), (Some("3".to_owned()), Some("3".to_owned())));
}

#[tokio::test]
async fn a_bucket_that_stalls_keeps_no_other_from_its_index_and_is_healed_later() {
    let bucket = Stalling::new(false);
    let scene = Scene::new(bucket.clone()).await;
    bucket.stalls.send_replace(true);
    scene.world.accept_reports(0..3).await;
    let report = scene.go_on().await;
    assert_eq!(report.exit_code(), 1, "{report}");
    assert!(report.to_string().contains("bucket other: FAILED, run again: the others have waited"), "{report}");
    // The next feed was not kept either.
    assert_eq!((listed(&scene.main, "NO/gaen"), listed(&scene.main, "NO/tcn")), (2, 1));

    bucket.stalls.send_replace(false);
    scene.heal().await;
    let lasting = |mut objects: BTreeMap<String, Vec<u8>>| objects.remove("ready").map(|_| objects);
    assert_eq!(lasting(bucket.inner.objects()), lasting(scene.main.objects()));
}

#[tokio::test]
async fn a_bucket_that_takes_long_is_no_longer_ready_when_another_moves_ahead_of_it() {
    let bucket = Stalling::new(true);
    let mut scene = Scene::new(bucket.clone()).await;
    bucket.stalls.send_replace(true);
    let (looked, there) = (Arc::new(Mutex::new(Vec::new())), bucket.clone());
    let noted = Arc::clone(&looked);
    let observer = Arc::new(move |step: &exporter::steps::Step<'_>| {
        if step.name == "manifest.replace" && step.when == When::Before {
            noted.lock().expect("not poisoned").push((step.bucket.map(str::to_owned), number(&there.inner.objects())));
        }
    });
    scene.exporter = scene.exporter.clone().with_steps(observer);
    let report = scene.go_on().await;
    assert_eq!(report.exit_code(), 1, "{report}");
    assert_eq!(*looked.lock().expect("not poisoned"), [(Some("main".to_owned()), None)]);
    assert_eq!((scene.main_number(), number(&bucket.inner.objects())), (Some("3".to_owned()), None));

    bucket.stalls.send_replace(false);
    scene.heal().await;
    assert_eq!(number(&bucket.inner.objects()), Some("3".to_owned()));
}

#[tokio::test]
async fn buckets_that_are_all_behind_the_database_alike_stay_ready() {
    let bucket = MemoryBucket::default();
    let scene = Scene::new(bucket.clone()).await;
    scene.world.accept_keys(10..20).await;
    let broken = Arc::new(|step: &exporter::steps::Step<'_>| {
        if step.name == "bundle.derive" {
            step.fail();
        }
    });
    let report = scene.exporter.clone().with_steps(broken).once().await.expect("a pass");
    assert_eq!(report.exit_code(), 1, "{report}");
    assert_eq!((scene.main_number(), number(&bucket.objects())), (Some("2".to_owned()), Some("2".to_owned())));
}

#[tokio::test]
async fn an_exporter_of_some_feeds_calls_no_bucket_ready() {
    let mut world = World::new().await;
    world.settings.feeds = vec![feed(Kind::Gaen)];
    world.accept_keys(0..10).await;
    world.pass(&["main"]).await;
    let ready = world.tree("main").join("ready");
    assert!(!ready.exists());
    world.settings.feeds.clear();
    world.pass(&["main"]).await;
    assert!(ready.exists());
}
