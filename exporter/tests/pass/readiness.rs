//! The object `ready`, and buckets that keep others waiting.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use exporter::bucket::{Bucket, MemoryBucket, Object, ObjectPath, Put, Replaced, Version};
use exporter::steps::When;
use exporter::{ExportError, Exporter, Pace};
use proto::Kind;
use tokio::sync::watch;

use crate::world::{World, keys_of};

/// No longer than it takes: nobody who waits has anything to wait for.
const IMPATIENT: Pace = Pace { at_once: true, grace: Duration::from_millis(20), overtime: Duration::from_millis(20) };

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

fn main_number(world: &World) -> Option<String> {
    let ready = fs::read(world.tree("main").join("ready")).ok()?;
    number(&BTreeMap::from([("ready".to_owned(), ready)]))
}

async fn scene(bucket: impl Bucket + Clone + 'static) -> (World, Exporter) {
    let world = World::new().await;
    let exporter = world.exporter(&["main"]).await.with_bucket("other", Arc::new(bucket)).with_pace(IMPATIENT);
    world.accept_keys(0..10).await;
    let patient = exporter.clone().with_pace(Pace::default());
    assert_eq!(patient.once().await.expect("a pass").exit_code(), 0);
    (world, exporter)
}

#[tokio::test]
async fn a_bucket_is_ready_while_it_stands_where_the_foremost_stands() {
    let bucket = MemoryBucket::default();
    let (world, exporter) = scene(bucket.clone()).await;
    assert_eq!((main_number(&world), number(&bucket.objects())), (Some("2".to_owned()), Some("2".to_owned())));

    bucket.set_down(true);
    world.accept_keys(10..20).await;
    assert_eq!(exporter.once().await.expect("a pass").exit_code(), 1);
    // Nobody can take away what nobody can reach: it tells how old it is.
    assert_eq!((main_number(&world), number(&bucket.objects())), (Some("3".to_owned()), Some("2".to_owned())));

    bucket.set_down(false);
    assert_eq!(exporter.with_pace(Pace::default()).once().await.expect("a pass").exit_code(), 0);
    assert_eq!((main_number(&world), number(&bucket.objects())), (Some("3".to_owned()), Some("3".to_owned())));
}

#[tokio::test]
async fn a_bucket_that_stalls_keeps_no_other_from_its_index_and_is_healed_later() {
    let bucket = Stalling::new(false);
    let (world, exporter) = scene(bucket.clone()).await;
    bucket.stalls.send_replace(true);
    world.accept_keys(10..20).await;
    world.accept_reports(0..3).await;
    let report = exporter.once().await.expect("a pass that ends");
    assert_eq!(report.exit_code(), 1, "{report}");
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..20));
    assert!(report.to_string().contains("bucket other: FAILED, run again: the others have waited"), "{report}");
    assert_eq!(world.index("main", Kind::Tcn).len(), 1, "the next feed was not kept either");

    bucket.stalls.send_replace(false);
    let healed = exporter.with_pace(Pace::default()).once().await.expect("a pass");
    assert_eq!(healed.exit_code(), 0, "{healed}");
    assert_eq!(bucket.inner.objects()["NO/gaen/index.txt"], world.index("main", Kind::Gaen).join("\n").as_bytes());
    assert_eq!(number(&bucket.inner.objects()), main_number(&world));
}

#[tokio::test]
async fn a_bucket_that_takes_long_is_no_longer_ready_when_another_moves_ahead_of_it() {
    let bucket = Stalling::new(true);
    let (world, exporter) = scene(bucket.clone()).await;
    bucket.stalls.send_replace(true);
    world.accept_keys(10..20).await;
    let (looked, there) = (Arc::new(Mutex::new(Vec::new())), bucket.clone());
    let noted = Arc::clone(&looked);
    let observer = Arc::new(move |step: &exporter::steps::Step<'_>| {
        if step.name == "manifest.replace" && step.when == When::Before {
            noted.lock().expect("not poisoned").push((step.bucket.map(str::to_owned), number(&there.inner.objects())));
        }
    });
    let pace = Pace { grace: Duration::from_secs(2), ..IMPATIENT };
    let report = exporter.clone().with_steps(observer).with_pace(pace).once().await.expect("a pass that ends");
    assert_eq!(report.exit_code(), 1, "{report}");
    assert_eq!(*looked.lock().expect("not poisoned"), [(Some("main".to_owned()), None)]);
    assert_eq!((main_number(&world), number(&bucket.inner.objects())), (Some("3".to_owned()), None));

    bucket.stalls.send_replace(false);
    assert_eq!(exporter.with_pace(Pace::default()).once().await.expect("a pass").exit_code(), 0);
    assert_eq!(number(&bucket.inner.objects()), Some("3".to_owned()));
}

#[tokio::test]
async fn buckets_that_are_all_behind_the_database_alike_stay_ready() {
    let bucket = MemoryBucket::default();
    let (world, exporter) = scene(bucket.clone()).await;
    world.accept_keys(10..20).await;
    let broken = Arc::new(|step: &exporter::steps::Step<'_>| {
        if step.name == "bundle.derive" {
            step.fail();
        }
    });
    let report = exporter.clone().with_pace(Pace::default()).with_steps(broken).once().await.expect("a pass");
    assert_eq!(report.exit_code(), 1, "{report}");
    assert_eq!((main_number(&world), number(&bucket.objects())), (Some("2".to_owned()), Some("2".to_owned())));
}

#[tokio::test]
async fn an_exporter_of_some_feeds_calls_no_bucket_ready() {
    let mut world = World::new().await;
    world.settings.feeds = vec![crate::world::feed(Kind::Gaen)];
    world.accept_keys(0..10).await;
    world.pass(&["main"]).await;
    assert_eq!(main_number(&world), None);
    world.settings.feeds.clear();
    world.pass(&["main"]).await;
    assert_eq!(main_number(&world), Some("2".to_owned()));
}
