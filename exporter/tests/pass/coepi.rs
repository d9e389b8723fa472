//! The renderings for apps made from CoEpi's: what was sealed in an interval, before the next one begins.

use std::fs;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exporter::Report;
use exporter::bucket::{Bucket, MemoryBucket};
use proto::{Kind, Timestamp};

use crate::world::{World, feed, reports_of};

const LENGTH: i64 = 21_600;
const QUIET: i64 = 900;
const DAY: i64 = 86_400;

impl World {
    /// A world that renders its reports, an hour before the end of an interval; and that interval.
    async fn with_coepi() -> (Self, i64) {
        let mut world = Self::new().await;
        world.settings.feeds = vec![feed(Kind::Tcn)];
        world.settings.coepi = vec![feed(Kind::Tcn)];
        let interval = world.clock.now().unix() / LENGTH + 1;
        world.move_into(interval, LENGTH - 3_600);
        (world, interval)
    }

    fn move_into(&self, interval: i64, seconds: i64) {
        let moment = Timestamp::from_unix(interval * LENGTH + seconds);
        self.clock.set_offset(self.clock.offset() + moment.unix() - self.clock.now().unix());
    }

    /// The reports of an interval in a bucket, in their order; none if it is not rendered.
    fn rendered(&self, bucket: &str, interval: i64) -> Option<Vec<Vec<u8>>> {
        let json = fs::read(self.tree(bucket).join(format!("NO/tcn/coepi/21600/{interval}.json"))).ok()?;
        let reports: Vec<String> = serde_json::from_slice(&json).expect("an array of strings");
        Some(reports.iter().map(|report| STANDARD.decode(report).expect("base64")).collect())
    }
}

fn sorted(reports: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    reports.map(|mut reports| {
        reports.sort();
        reports
    })
}

#[tokio::test]
async fn what_was_sealed_in_an_interval_is_rendered_before_the_next_one_begins() {
    let (world, n) = World::with_coepi().await;
    world.accept_reports(0..5).await;
    world.pass(&["main"]).await;
    world.accept_reports(5..9).await;
    world.pass(&["main"]).await;
    assert_eq!(world.rendered("main", n), Some(Vec::new()), "nothing was sealed before, and that is an answer");
    assert_eq!(world.rendered("main", n + 1), None, "the interval is not over");

    world.move_into(n, LENGTH - QUIET);
    world.accept_reports(9..12).await;
    let report = world.pass(&["main", "other"]).await;
    assert!(report.feeds[0].sealed.is_empty(), "nothing is sealed any more before the interval ends: {report}");
    assert_eq!(report.feeds[0].buckets[0].rendered, [u64::try_from(n + 1).expect("positive")]);
    assert!(report.to_string().contains(&format!("rendered interval {}", n + 1)), "{report}");
    assert_eq!(sorted(world.rendered("main", n + 1)), Some(reports_of(0..9)));
    let in_bundle_order: Vec<Vec<u8>> = [0..5, 5..9].into_iter().flat_map(reports_of).collect();
    assert_eq!(world.rendered("main", n + 1).map(|reports| reports.len()), Some(in_bundle_order.len()));
    let other = fs::read(world.tree("other").join(format!("NO/tcn/coepi/21600/{}.json", n + 1))).expect("there");
    let main = fs::read(world.tree("main").join(format!("NO/tcn/coepi/21600/{}.json", n + 1))).expect("there");
    assert_eq!(main, other, "a new bucket has the same bytes");

    // What waited is sealed when the next one has begun, and stands in the one after.
    world.move_into(n + 1, 0);
    let report = world.pass(&["main", "other"]).await;
    assert_eq!(report.feeds[0].sealed.len(), 1, "{report}");
    world.move_into(n + 2, 0);
    world.pass(&["main", "other"]).await;
    assert_eq!(sorted(world.rendered("other", n + 2)), Some(reports_of(9..12)));
    assert_eq!(fs::read(world.tree("main").join(format!("NO/tcn/coepi/21600/{}.json", n + 1))).expect("there"), main);
}

#[tokio::test]
async fn an_exporter_that_slept_renders_afterwards_what_it_missed() {
    let (world, n) = World::with_coepi().await;
    world.pass(&["main"]).await;
    // Others seal, and render nothing.
    let others = exporter::Settings { coepi: Vec::new(), ..world.settings.clone() };
    for (interval, reports) in [(n, 0..3), (n + 2, 3..5)] {
        world.move_into(interval, LENGTH - 600);
        world.accept_reports(reports).await;
        let exporter = exporter::Exporter::open(&others, world.clock.clone()).await.expect("an exporter");
        let bucket = exporter::bucket::DirectoryBucket::open(&world.tree("main")).expect("a bucket");
        let report = exporter.with_bucket("main", Arc::new(bucket)).once().await.expect("a pass");
        assert_eq!(report.exit_code(), 0, "{report}");
    }
    world.move_into(n + 3, 3_600);
    assert_eq!(world.rendered("main", n + 1), None);
    let (one, two) = (world.exporter(&["main"]).await, world.exporter(&["main"]).await);
    let (one, two) = tokio::join!(one.once(), two.once());
    for report in [one, two] {
        let report: Report = report.expect("a pass");
        assert_eq!(report.exit_code(), 0, "{report}");
    }
    assert_eq!(sorted(world.rendered("main", n + 1)), Some(reports_of(0..3)));
    assert_eq!(world.rendered("main", n + 2), Some(Vec::new()));
    assert_eq!(sorted(world.rendered("main", n + 3)), Some(reports_of(3..5)));
}

#[tokio::test]
async fn a_rendering_is_kept_for_as_long_as_its_bundles_and_no_longer() {
    let (world, n) = World::with_coepi().await;
    world.accept_reports(0..5).await;
    world.pass(&["main"]).await;
    world.move_into(n + 1, 0);
    world.pass(&["main"]).await;
    let at = |moment: i64| world.move_into(n, moment);
    at(14 * DAY - 3_600);
    world.pass(&["main", "late"]).await;
    assert_eq!(sorted(world.rendered("late", n + 1)), Some(reports_of(0..5)), "a new bucket is filled");
    at(15 * DAY - 3_600);
    world.pass(&["main", "late", "later"]).await;
    assert_eq!(sorted(world.rendered("main", n + 1)), Some(reports_of(0..5)));
    assert_eq!(world.rendered("later", n + 1), None, "its bundles are listed no more");
    at(15 * DAY);
    world.pass(&["main", "late", "later"]).await;
    assert_eq!((world.rendered("main", n + 1), world.rendered("late", n + 1)), (None, None));
    let known = world.store.intervals(&feed(Kind::Tcn)).await.expect("read");
    assert!(known.iter().all(|interval| i64::try_from(interval.number).expect("small") > n + 1));
}

#[tokio::test]
async fn a_bucket_that_is_down_keeps_no_other_from_its_renderings() {
    let (world, n) = World::with_coepi().await;
    world.accept_reports(0..5).await;
    world.pass(&["main"]).await;
    world.move_into(n + 1, 0);
    let down = Arc::new(MemoryBucket::default());
    down.set_down(true);
    let report = world.exporter(&["main"]).await.with_bucket("down", Arc::clone(&down) as Arc<dyn Bucket>).once().await;
    assert_eq!(report.expect("a pass").exit_code(), 1);
    assert_eq!(sorted(world.rendered("main", n + 1)), Some(reports_of(0..5)));
}

#[tokio::test]
async fn only_feeds_of_reports_that_exist_are_rendered() {
    let (mut world, _) = World::with_coepi().await;
    world.settings.coepi = vec!["SE/tcn".parse().expect("a feed")];
    let refused = world.exporter(&["main"]).await.once().await.expect_err("no such feed").to_string();
    assert!(refused.contains("coepi: the database has no SE/tcn"), "{refused}");
    let typed = std::process::Command::new(env!("CARGO_BIN_EXE_exporter"))
        .args([
            "once",
            "--database-url",
            "sqlite:x",
            "--signing-key-dir",
            "k",
            "--bucket",
            "a=file:b",
            "--coepi",
            "NO/gaen",
        ])
        .output()
        .expect("the program runs");
    assert_eq!(typed.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&typed.stderr).contains("--coepi"));
}
