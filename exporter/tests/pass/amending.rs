//! Recalling bundles and setting bad rows aside.

use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;

use exporter::bucket::MemoryBucket;
use exporter::metrics::ExporterMetrics;
use exporter::recall::RecallSpec;
use exporter::steps::When;
use proto::Kind;
use proto::bundle::SigningKeyId;
use store::{EntryName, SealPolicy};

use crate::world::{World, feed, key_bytes, keys_of, reports_of};

/// A quarter of an hour and a day, and a minute for the test to run in.
const QUARTER: i64 = 900 + 60;
const DAY: i64 = 86_400 + 60;

impl World {
    fn later(&self, seconds: i64) {
        self.clock.set_offset(self.clock.offset() + seconds);
    }

    /// Changes rows as nobody should, past all constraints.
    fn tamper(&self, statement: &str) {
        let database = rusqlite::Connection::open(self.directory.path().join("keys.db")).expect("the database");
        database.pragma_update(None, "ignore_check_constraints", true).expect("set");
        assert!(database.execute(statement, []).expect("tampered") > 0, "{statement}");
    }

    /// Makes a bundle of each of some tens of keys.
    async fn tens(&self, tens: std::ops::Range<u16>, buckets: &[&str]) {
        for ten in tens {
            self.accept_keys(ten * 10..ten * 10 + 10).await;
            self.pass(buckets).await;
        }
    }

    /// The program, over this database.
    fn program(&self, command: &[&str], buckets: &[&str]) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_exporter"));
        let url = format!("sqlite:{}", self.directory.path().join("keys.db").display());
        program
            .args(command)
            .env("EXPORTER_DATABASE_URL", url)
            .env("EXPORTER_SIGNING_KEY_DIR", &self.settings.signing_key_dir);
        program.env("EXPORTER_MINIMUM_KEYS", "1");
        let buckets: Vec<String> =
            buckets.iter().map(|name| format!("{name}=file:{}", self.tree(name).display())).collect();
        program.env("EXPORTER_BUCKETS", buckets.join(","));
        program.output().expect("the program runs")
    }
}

fn name(number: u16) -> EntryName {
    EntryName::of(&key_bytes(number))
}

fn spec(sequence: u64, without: &[EntryName]) -> RecallSpec {
    let reason = Some("a test".parse().expect("a reason"));
    RecallSpec { feed: feed(Kind::Gaen), sequence, without: without.to_vec(), reason }
}

/// Seals what waits, for the key `NO-v1`, and does nothing else.
async fn seal(world: &World) {
    let policy = SealPolicy { signing: vec![SigningKeyId::new("NO", "v1").expect("an id")], ..SealPolicy::default() };
    world.store.seal(&feed(Kind::Gaen), &policy).await.expect("sealed");
}

/// All keys of some numbers but one.
fn all_but(numbers: std::ops::Range<u16>, one: u16) -> Vec<Vec<u8>> {
    let mut keys = keys_of(numbers);
    keys.retain(|key| *key != key_bytes(one));
    keys
}

#[tokio::test]
async fn a_recalled_bundle_leaves_every_bucket_and_what_is_good_in_it_is_published_once_more() {
    let world = World::new().await;
    let flaky = MemoryBucket::default();
    let exporter = world.exporter(&["main"]).await.with_bucket("flaky", Arc::new(flaky.clone()));
    for ten in 0..3 {
        world.accept_keys(ten * 10..ten * 10 + 10).await;
        assert_eq!(exporter.once().await.expect("a pass").exit_code(), 0);
    }
    let before = world.index("main", Kind::Gaen);
    let listed = || String::from_utf8(flaky.objects()["NO/gaen/index.txt"].clone()).expect("an index");
    let rehearsal = RecallSpec { reason: None, ..spec(2, &[name(13)]) };
    let foreseen = exporter.recall(&rehearsal).await.expect("foreseen");
    assert!(foreseen.dry_run && foreseen.to_string().contains("9 wait again and 1 are set aside"), "{foreseen}");
    assert_eq!(world.index("main", Kind::Gaen), before);

    flaky.set_down(true);
    let report = exporter.recall(&spec(2, &[name(13)])).await.expect("recalled");
    assert_eq!((report.exit_code(), report.listed_by.as_slice()), (1, &["flaky".to_owned()][..]), "{report}");
    assert!(report.to_string().contains("bucket flaky MAY STILL LIST bundle 2"), "{report}");
    assert_eq!(world.index("main", Kind::Gaen), [before[0].clone(), before[2].clone()]);
    assert!(world.tree("main").join(&before[1]).exists(), "somebody may have read the list just before");

    // Healed, and with a bucket more: neither lists it, and the new one never gets it.
    flaky.set_down(false);
    let exporter = world.exporter(&["main", "late"]).await.with_bucket("flaky", Arc::new(flaky.clone()));
    assert!(listed().contains(&before[1]));
    let again = exporter.recall(&spec(2, &[])).await.expect("repeated");
    assert!(again.before && again.exit_code() == 0 && again.number == report.number, "{again}");
    assert!(!listed().contains(&before[1]) && !world.index("late", Kind::Gaen).contains(&before[1]));
    assert!(!world.tree("late").join(&before[1]).exists());

    world.later(QUARTER);
    assert_eq!(exporter.once().await.expect("a pass").exit_code(), 0);
    for bucket in ["main", "late"] {
        assert_eq!(world.published(bucket, Kind::Gaen), all_but(0..30, 13), "each once");
    }
    world.later(DAY);
    assert_eq!(exporter.once().await.expect("a pass").exit_code(), 0);
    assert!(!world.tree("main").join(&before[1]).exists() && !flaky.objects().contains_key(&before[1]));
    let acts = world.store.acts(10).await.expect("read");
    assert_eq!(acts.len(), 1);
    assert!(acts[0].act.act == "exporter recall" && acts[0].act.outcome.contains("\"set_aside\":1"), "{acts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_exporter_that_stands_at_any_step_while_its_bundle_is_recalled_brings_nothing_back() {
    for step in ["bundle.derive", "bundle.put", "bundle.record", "manifest.replace", "index.replace", "feed.record"] {
        for when in [When::Before, When::After] {
            let mut world = World::new().await;
            world.settings.feeds = vec![feed(Kind::Gaen)];
            world.pass(&["main"]).await;
            world.accept_keys(0..10).await;
            let others = world.exporter(&["main"]).await;
            let handle = tokio::runtime::Handle::current();
            let once = std::sync::Once::new();
            let observer = Arc::new(move |at: &exporter::steps::Step<'_>| {
                if at.name == step && at.when == when {
                    once.call_once(|| {
                        let others = others.clone();
                        let recall = async move { others.recall(&spec(1, &[])).await };
                        let recalled = tokio::task::block_in_place(|| handle.block_on(recall)).expect("recalled");
                        assert_eq!(recalled.exit_code(), 0, "{step}: {recalled}");
                    });
                }
            });
            let report = world.exporter(&["main"]).await.with_steps(observer).once().await.expect("a pass");
            assert_eq!(report.exit_code(), 0, "{when:?} {step}: {report}");
            // Whatever was overtaken, the next pass goes on from the recall.
            world.later(QUARTER);
            world.pass(&["main"]).await;
            assert_eq!(world.published("main", Kind::Gaen), keys_of(0..10), "{when:?} {step}: each once");
            let listed = world.manifest("main", Kind::Gaen).bundles;
            assert_eq!(listed.iter().map(|bundle| bundle.sequence).collect::<Vec<_>>(), [2], "{when:?} {step}");
            world.later(DAY);
            world.pass(&["main"]).await;
            let objects = fs::read_dir(world.tree("main").join("NO/gaen")).expect("read").flatten();
            let zips = objects.filter(|entry| entry.file_name().to_string_lossy().ends_with(".zip")).count();
            assert_eq!(zips, 1, "{when:?} {step}: the recalled object is gone");
        }
    }
}

#[tokio::test]
async fn recall_from_the_command_line_names_the_bucket_that_still_lists_the_bundle() {
    let world = World::new().await;
    world.tens(0..3, &["main", "far"]).await;
    let before = world.index("main", Kind::Gaen);
    let recall = |more: &[&str]| {
        world.program(&[&["recall", "--feed", "NO/gaen", "--bundle", "2", "--json"], more].concat(), &["main", "far"])
    };
    let json = |output: &Output| serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON");
    assert_eq!(recall(&[]).status.code(), Some(64), "a reason is asked for");
    let foreseen = recall(&["--dry-run"]);
    assert_eq!((foreseen.status.code(), &json(&foreseen)["members"]["returned"]), (Some(0), &10.into()));

    // What should be a directory is none.
    let (place, aside) = (world.tree("far").join("NO/gaen"), world.tree("far").join("aside"));
    fs::rename(&place, &aside).expect("moved");
    fs::write(&place, b"in the way").expect("a file");
    let named = name(15).to_string();
    let done = recall(&["--reason", "wrong region", "--without", &named]);
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stdout));
    let report = json(&done);
    assert_eq!((&report["listed_by"], &report["members"]["set_aside"]), (&serde_json::json!(["far"]), &1.into()));
    assert_eq!(world.index("main", Kind::Gaen).len(), 2);

    fs::remove_file(&place).expect("removed");
    fs::rename(&aside, &place).expect("moved back");
    let again = recall(&["--reason", "wrong region"]);
    assert_eq!((again.status.code(), &json(&again)["before"]), (Some(0), &true.into()));
    assert_eq!(world.index("far", Kind::Gaen), [before[0].clone(), before[2].clone()]);
    for (more, code) in
        [(&["--feed", "NO/tcn", "--reason", "x"][..], 2), (&["--without", "short", "--reason", "x"], 64)]
    {
        assert_eq!(recall(more).status.code(), Some(code), "{more:?}");
    }
}

#[tokio::test]
async fn a_bad_row_that_waits_stops_its_feed_alone_and_the_error_says_what_to_type() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    world.accept_reports(0..3).await;
    let bad: String = key_bytes(4).iter().map(|byte| format!("{byte:02x}")).collect();
    world.tamper(&format!("UPDATE gaen_waiting SET transmission_risk = 9 WHERE key = x'{bad}'"));
    let report = world.exporter(&["main"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert_eq!(world.published("main", Kind::Tcn), reports_of(0..3), "the other feed goes on");
    assert!(world.index("main", Kind::Gaen).is_empty());
    let failure = report.failures().next().expect("a failure").message.clone();
    assert!(failure.contains(&name(4).to_string()) && failure.contains("transmission_risk_level"), "{failure}");
    assert!(!failure.contains(&bad), "{failure}");
    let metrics = ExporterMetrics::register();
    metrics.note(&Ok(report), world.clock.now());
    assert!(metrics.render().contains("pratique_exporter_alarm{feed=\"NO/gaen\"} 1"), "{}", metrics.render());

    // As it says.
    let typed =
        failure.split("exporter quarantine ").nth(1).and_then(|rest| rest.split(',').next()).expect("a command");
    let typed: Vec<&str> = std::iter::once("quarantine").chain(typed.split(' ')).collect();
    let run = |command: &[&str]| {
        let output = world.program(command, &[]);
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, foreseen) = run(&typed);
    assert!(
        code == Some(0) && foreseen.contains("dry run") && foreseen.contains("set aside what waited: 1"),
        "{foreseen}"
    );
    let found = ["quarantine", "--feed", "NO/gaen", "--find"];
    let (code, shown) = run(&found);
    assert!(code == Some(2) && shown.contains(&name(4).to_string()), "{shown}");
    let (code, done) = run(&[&typed[..typed.len() - 1], &["--reason", "a broken upgrade"]].concat());
    assert!(code == Some(0) && !done.contains("dry run"), "{done}");
    let (code, shown) = run(&found);
    assert!(code == Some(0) && shown.contains("no row breaks an invariant"), "{shown}");
    let (_, listed) = run(&["quarantine", "--feed", "NO/gaen", "--list"]);
    assert!(listed.contains(&name(4).to_string()) && listed.contains("does not return"), "{listed}");

    world.accept_keys(0..10).await;
    world.pass(&["main"]).await;
    assert_eq!(world.published("main", Kind::Gaen), all_but(0..10, 4));
    let acts = world.store.acts(10).await.expect("read");
    assert_eq!(acts.iter().map(|act| act.act.act.as_str()).collect::<Vec<_>>(), ["exporter quarantine"]);
    // Mended by the owner, it may return.
    world.tamper("UPDATE gaen_quarantine SET transmission_risk = 2");
    let (code, released) =
        run(&["quarantine", "--feed", "NO/gaen", "--entry", &name(4).to_string(), "--release", "--reason", "mended"]);
    assert!(code == Some(0) && released.contains("wait again: 1"), "{released}");
    world.later(QUARTER);
    world.pass(&["main"]).await;
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..10));
}

#[tokio::test]
async fn a_bad_row_in_a_sealed_bundle_is_never_signed_and_once_set_aside_the_rest_goes_out() {
    let mut world = World::new().await;
    world.settings.feeds = vec![feed(Kind::Gaen)];
    world.pass(&["main"]).await;
    world.accept_keys(0..10).await;
    seal(&world).await;
    let bad: String = key_bytes(7).iter().map(|byte| format!("{byte:02x}")).collect();
    world.tamper(&format!("UPDATE gaen_publication SET days_since_onset = 15 WHERE key = x'{bad}'"));
    // Later bundles cannot be listed before it.
    world.accept_keys(10..20).await;
    let report = world.exporter(&["main"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    let said = report.to_string();
    assert!(
        said.contains(&format!("entry {}, which is in bundle 1", name(7))) && said.contains("exporter quarantine"),
        "{said}"
    );
    assert!(world.index("main", Kind::Gaen).is_empty());
    assert!(world.store.bundle(&feed(Kind::Gaen), 1).await.expect("read").expect("there").derived.is_none());

    let found = world.program(&["quarantine", "--feed", "NO/gaen", "--find", "--reason", "damaged", "--json"], &[]);
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).expect("JSON");
    assert_eq!((&found["voided"], &found["found"][0]["bundle"]), (&serde_json::json!([1]), &1.into()), "{found}");
    world.pass(&["main"]).await;
    // Of the voided bundle nothing is released before the next quarter of an hour begins, which may be any moment.
    let at_once = world.published("main", Kind::Gaen);
    assert!(at_once == keys_of(10..20) || at_once == all_but(0..20, 7));
    world.later(QUARTER);
    world.pass(&["main"]).await;
    assert_eq!(world.published("main", Kind::Gaen), all_but(0..20, 7));
}

#[tokio::test]
async fn members_that_are_missing_or_added_are_never_signed_and_a_recall_lets_the_feed_go_on() {
    for tampering in [
        "DELETE FROM gaen_publication WHERE key = (SELECT max(key) FROM gaen_publication)",
        "INSERT INTO gaen_publication SELECT feed, sequence, revised, class, zeroblob(16), rolling_start, rolling_period, transmission_risk,
            report_type, days_since_onset, revision, policy_version FROM gaen_publication LIMIT 1",
    ] {
        let mut world = World::new().await;
        world.settings.feeds = vec![feed(Kind::Gaen)];
        world.accept_keys(0..10).await;
        seal(&world).await;
        world.tamper(tampering);
        let report = world.exporter(&["main"]).await.once().await.expect("a pass");
        assert_eq!(report.exit_code(), 1, "{report}");
        let found = world.program(&["quarantine", "--feed", "NO/gaen", "--find"], &[]);
        let shown = String::from_utf8_lossy(&found.stdout).into_owned();
        assert!(found.status.code() == Some(2) && shown.contains("exporter recall --feed NO/gaen --bundle 1"), "{shown}");
        let recalled = world.exporter(&["main"]).await.recall(&spec(1, &[])).await.expect("recalled");
        assert!(recalled.exit_code() == 0 && recalled.members.is_some_and(|members| members.void), "{recalled}");
        world.later(QUARTER);
        world.pass(&["main"]).await;
        assert!((9..=11).contains(&world.published("main", Kind::Gaen).len()));
    }
}
