//! `exporter run`: one bundle a period however many run, nothing left undone, and a good end.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proto::Kind;
use store::Clock;

use crate::postgres;
use crate::program::{Program, get};
use crate::world::{World, feed, keys_of, reports_of};

const EVERY_OTHER_SECOND: [&str; 6] =
    ["--period-gaen", "2s", "--minimum-keys", "1", "--policy", "NO/tcn period=2s minimum=1000"];

/// Three programs seal every other second while keys come in, until there are four bundles and more.
async fn three_schedules(world: World) {
    world.accept_reports(0..7).await;
    let flags = [&EVERY_OTHER_SECOND[..], &["--metrics-listen", "127.0.0.1:0"]].concat();
    let mut programs: Vec<Program> = (0..3).map(|_| Program::run(&world, &["main", "other"], &flags)).collect();
    // Whoever serves metrics has begun, and ends well when it is asked to.
    for program in &mut programs {
        program.wait_for(|line| line["metrics.url"].is_string());
    }
    let mut accepted = 0;
    while world.store.standing(&feed(Kind::Gaen)).await.expect("read").next_sequence < 5 {
        assert!(accepted < 5_000, "nothing is sealed");
        world.accept_keys(accepted..accepted + 2).await;
        accepted += 2;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut log = Vec::new();
    for program in programs {
        let (code, lines) = program.end();
        assert_eq!(code, Some(0));
        log.extend(lines);
    }
    // Whoever sealed says so.
    let sealed = log.iter().find(|line| line["feed"] == "NO/gaen" && line["bundles.sealed"] == 1).expect("a seal");
    assert!(sealed["duration_ms"].is_u64() && sealed["level"] == "INFO", "{sealed}");
    assert_one_a_period(&world).await;
    // What was accepted last, and what the end has left undone.
    world.pass(&["main", "other"]).await;
    for bucket in ["main", "other"] {
        assert_eq!(world.published(bucket, Kind::Gaen), keys_of(0..accepted));
    }
}

/// In no period of two seconds two bundles of keys were sealed.
async fn assert_one_a_period(world: &World) {
    let mut periods = Vec::new();
    let newest = world.store.standing(&feed(Kind::Gaen)).await.expect("read").next_sequence;
    for sequence in 1..newest {
        let bundle = world.store.bundle(&feed(Kind::Gaen), sequence).await.expect("read").expect("there");
        periods.push(bundle.end.unix() / 2);
    }
    let bundles = periods.len();
    periods.dedup();
    assert_eq!(periods.len(), bundles, "two bundles in one period");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_schedules_make_one_bundle_a_period() {
    three_schedules(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_schedules_on_a_server_make_one_bundle_a_period() {
    let (_database, world) = postgres::world().await;
    three_schedules(world).await;
}

/// Boundaries are those of the database's time, whatever the machines' clocks say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedules_whose_clocks_differ_mean_the_same_period() {
    let (_database, mut world) = postgres::world().await;
    world.settings.sealing.period_gaen = Duration::from_secs(2);
    let done = Arc::new(AtomicBool::new(false));
    let mut schedules = Vec::new();
    for offset in [-300, 0, 300] {
        let own = Clock::system();
        own.set_offset(offset);
        let exporter = world.exporter(&[]).await.with_clock(own);
        let done = Arc::clone(&done);
        schedules.push(tokio::spawn(async move {
            let asked = async {
                while !done.load(Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            exporter.run(asked, |seen| assert_eq!(seen.outcome.as_ref().expect("a pass").exit_code(), 0)).await;
        }));
    }
    let mut accepted = 0;
    while world.store.standing(&feed(Kind::Gaen)).await.expect("read").next_sequence < 4 {
        assert!(accepted < 5_000, "nothing is sealed");
        world.accept_keys(accepted..accepted + 2).await;
        accepted += 2;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    done.store(true, Ordering::SeqCst);
    for schedule in schedules {
        schedule.await.expect("no panic");
    }
    assert_one_a_period(&world).await;
}

#[tokio::test]
async fn each_feed_has_its_own_policy_and_metrics_tell_it() {
    let world = World::new().await;
    world.accept_keys(0..20).await;
    world.accept_reports(0..7).await;
    let flags = [&EVERY_OTHER_SECOND[..], &["--metrics-listen", "127.0.0.1:0"]].concat();
    let mut program = Program::run(&world, &["main"], &flags);
    let url = program.wait_for(|line| line["metrics.url"].is_string())["metrics.url"].to_string();
    program.wait_for(|line| line["feed"] == "NO/gaen" && line["bundles.sealed"] == 1);
    let metrics = get(url.trim_matches('"'));
    for line in [
        "pratique_exporter_held{feed=\"NO/tcn\"} 7\n",
        "pratique_exporter_waiting{feed=\"NO/gaen\"} 0\n",
        "pratique_exporter_bucket_behind{feed=\"NO/gaen\",bucket=\"main\"} 0\n",
        "pratique_exporter_clock_ahead_seconds{bucket=\"\"} 0\n",
        "pratique_exporter_alarm{feed=\"NO/gaen\"} 0\n",
        "pratique_exporter_failures_total{kind=\"retry\"} 0\n",
    ] {
        assert!(metrics.contains(line), "{line}{metrics}");
    }
    for probe in ["healthz", "readyz"] {
        let told = get(&url.trim_matches('"').replace("metrics", probe));
        assert!(told.contains(r#"{"status":"ok"}"#), "{probe}: {told}");
    }
    assert_eq!(program.end().0, Some(0));
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..20));
    assert!(world.index("main", Kind::Tcn).is_empty(), "held by a policy of its own");
    let report = world.pass(&["main"]).await;
    assert_eq!(world.published("main", Kind::Tcn), reports_of(0..7), "{report}");
}

#[tokio::test]
async fn a_bucket_that_is_down_at_the_boundary_gets_its_bundles_without_another_seal() {
    let world = World::new().await;
    world.accept_keys(0..20).await;
    let in_the_way = world.tree("flaky").join("NO");
    fs::create_dir_all(world.tree("flaky")).expect("a directory");
    fs::write(&in_the_way, b"no directory").expect("a file");
    let mut program = Program::run(&world, &["main", "flaky"], &EVERY_OTHER_SECOND);
    let failed = program.wait_for(|line| line["bucket.name"] == "flaky");
    assert!(failed["feed"].as_str().is_some_and(|feed| feed.starts_with("NO/")), "{failed}");
    program.wait_for(|line| line["feed"] == "NO/gaen" && line["bundles.sealed"] == 1);
    fs::remove_file(&in_the_way).expect("removed");
    program.wait_for(|line| line["feed"] == "NO/gaen" && line["bundles.sealed"] == 0 && line["objects.put"] == 1);
    assert_eq!(program.end().0, Some(0));
    for bucket in ["main", "flaky"] {
        assert_eq!(world.published(bucket, Kind::Gaen), keys_of(0..20));
        assert_eq!(world.index(bucket, Kind::Gaen).len(), 1);
    }
}

#[tokio::test]
async fn a_directory_that_is_missing_at_the_start_holds_up_no_other_and_is_taken_up_when_it_is_there() {
    let world = World::new().await;
    world.accept_keys(0..20).await;
    let disk = world.tree("disk");
    std::os::unix::fs::symlink(&disk, world.tree("away")).expect("a link to where it will be");
    let mut program = Program::run(&world, &["main", "away"], &EVERY_OTHER_SECOND);
    let said = program.wait_for(|line| line["bucket.name"] == "away");
    assert!(said["level"] == "WARN" && said["error"].as_str().is_some_and(|why| why.contains("away")), "{said}");
    let failed = program.wait_for(|line| line["bucket.name"] == "away" && line["feed"].is_string());
    assert!(failed["message"].as_str().is_some_and(|why| why.contains("away")), "{failed}");
    program.wait_for(|line| line["feed"] == "NO/gaen" && line["bundles.sealed"] == 1);
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..20));
    fs::create_dir(&disk).expect("a directory");
    program.wait_for(|line| line["feed"] == "NO/gaen" && line["bundles.sealed"] == 0 && line["objects.put"] == 1);
    assert_eq!(program.end().0, Some(0));
    assert_eq!(world.published("away", Kind::Gaen), keys_of(0..20));
}

#[tokio::test]
async fn it_does_not_begin_without_any_bucket_nor_with_a_file_for_one() {
    let world = World::new().await;
    for name in ["away", "gone"] {
        std::os::unix::fs::symlink(world.tree("disk"), world.tree(name)).expect("a link to nowhere");
    }
    fs::write(world.tree("file"), b"no directory").expect("a file");
    for (buckets, said) in [(&["away", "gone"][..], "away"), (&["main", "file"], "file")] {
        let output = Program::refused(&world, buckets);
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{log}");
        assert!(log.contains(world.tree(said).to_str().expect("UTF-8")), "{log}");
    }
}
