//! What phones download: one bundle and one of CoEpi's intervals, published by the exporter into a directory and into an object store.

use std::sync::Arc;

use exporter::bucket::DirectoryBucket;
use proto::bundle::GaenEntry;
use proto::{Feed, Interval, Kind, ReportType, Timestamp};
use store::{AcceptedKey, OnsetSource, Origin, Provenance, RawKey, RevisionProof};

use crate::world::{World, feed};
use crate::{generator, s3};

/// Reports in the interval: the fewest that a feed is sealed with, unless its operator says otherwise.
const REPORTS: u16 = 50;
/// CoEpi's intervals, in seconds.
const LENGTH: i64 = 21_600;
/// How many keys are accepted at a time.
const BATCH: usize = 5_000;

/// Where it stands.
pub(crate) struct Published {
    /// Holds the directory, named `main`.
    pub(crate) world: World,
    /// The same behind HTTP: `http://HOST:PORT/BUCKET/PREFIX`.
    pub(crate) bucket: String,
    /// The path of the bundle.
    pub(crate) bundle: String,
    /// And what an app made from CoEpi's asks for.
    pub(crate) interval: String,
}

impl Published {
    /// Publishes a bundle of so many keys, and an interval.
    pub(crate) async fn new(keys: usize) -> Self {
        let mut world = World::new().await;
        world.settings.coepi = vec![feed(Kind::Tcn)];
        let name = s3::new_bucket().await;
        s3::store().open_to_readers(&name).expect("taken");
        let interval = world.clock.now().unix() / LENGTH + 1;
        move_to(&world, interval * LENGTH);
        let mut entries = generator::keys().take(keys).map(recent(&world)).peekable();
        while entries.peek().is_some() {
            let batch: Vec<AcceptedKey> = entries.by_ref().take(BATCH).collect();
            world.store.accept_keys(&batch, &[feed(Kind::Gaen)], &provenance(&world)).await.expect("accepted");
        }
        drop(entries);
        world.accept_reports(0..REPORTS).await;
        publish(&world, &name).await;
        move_to(&world, (interval + 1) * LENGTH);
        publish(&world, &name).await;
        let bundle = world.index("main", Kind::Gaen).pop().expect("a bundle");
        let next = interval + 1;
        Self {
            bucket: format!("http://{}/{name}/live", s3::server()),
            bundle: format!("/{bundle}"),
            interval: format!("/tcnreport/0.4.0?intervalNumber={next}&intervalLength={LENGTH}"),
            world,
        }
    }

    /// The feed that is rendered by intervals.
    pub(crate) fn rendered(&self) -> Feed {
        feed(Kind::Tcn)
    }
}

fn move_to(world: &World, seconds: i64) {
    let now = world.clock.now().unix();
    world.clock.set_offset(world.clock.offset() + Timestamp::from_unix(seconds).unix() - now);
}

/// One pass that must succeed.
async fn publish(world: &World, bucket: &str) {
    let far = s3::open(&s3::url(bucket, s3::server(), "")).await.expect("a bucket");
    let near = DirectoryBucket::open(&world.tree("main")).expect("a bucket");
    let exporter = world.exporter(&[]).await.with_bucket("main", Arc::new(near)).with_bucket("far", Arc::new(far));
    let report = exporter.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 0, "{report}");
}

/// Takes keys of 2020 for keys of the last two weeks, which may be released.
fn recent(world: &World) -> impl Fn(GaenEntry) -> AcceptedKey + use<> {
    let today = Interval::containing(world.clock.now()).midnight();
    let received = world.clock.now().plus(-store::RELEASE_GRAIN);
    let first = generator::keys().next().map_or(0, |entry| entry.key.rolling_start().number());
    move |entry| {
        let start = today.plus(i64::from(entry.key.rolling_start().number()) - i64::from(first) - 15 * 144);
        let data = entry.key.data();
        let key = proto::gaen::TemporaryExposureKey::new(data, i64::from(start.number()), 144).expect("a key");
        let raw = RawKey {
            transmission_risk: entry.transmission_risk,
            report_type: entry.report_type.unwrap_or(ReportType::Confirmed),
            onset: today.plus(-5 * 144),
            onset_source: OnsetSource::Certificate,
            proof: RevisionProof::default(),
        };
        let release_at = store::release_at(key.validity_end(), received);
        AcceptedKey { raw, published: GaenEntry { key, ..entry }, release_at }
    }
}

fn provenance(world: &World) -> Provenance {
    let received = world.clock.now();
    Provenance { authority: "health".into(), kid: "kid".into(), origin: Origin::Ours, received, policy_version: 1 }
}
