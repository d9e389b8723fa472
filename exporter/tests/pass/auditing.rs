//! The audit finds what is wrong in a bucket and is silent about what is not; indexes are written anew, and never backwards.

use std::fs;

use proto::Kind;
use proto::index::index_path;
use proto::manifest::manifest_path;

use crate::commands::exporter;
use crate::restoring::{copy, restore};
use crate::world::{World, feed, keys_of, snapshot};

/// A region with two bundles of keys and one of reports, in two buckets.
async fn published() -> World {
    let world = World::new().await;
    for round in 0..2 {
        world.accept_keys(round * 10..round * 10 + 10).await;
        world.accept_reports(0..3).await;
        world.pass(&["main", "other"]).await;
    }
    world
}

/// The same after a restore: a bucket has a bundle and a list that its database knows nothing of.
async fn restored() -> World {
    let mut world = published().await;
    copy(&world, "backup.db");
    world.accept_keys(20..30).await;
    world.pass(&["main"]).await;
    restore(&mut world, "backup.db").await;
    world
}

/// A command with these buckets, as a process: its exit code and what it printed.
fn run(world: &World, command: &[&str], buckets: &[&str]) -> (Option<i32>, serde_json::Value) {
    let keys = world.settings.signing_key_dir.to_str().expect("UTF-8").to_owned();
    let buckets: Vec<String> =
        buckets.iter().map(|name| format!("{name}=file:{}", world.tree(name).display())).collect();
    let mut arguments = [command, &["--database-url", &world.url, "--signing-key-dir", &keys, "--json"]].concat();
    buckets.iter().for_each(|bucket| arguments.extend(["--bucket", bucket]));
    let output = exporter(&arguments);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}")))
}

fn audit(world: &World) -> (Option<i32>, Vec<(String, String)>) {
    let (code, said) = run(world, &["audit"], &["main", "other"]);
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let findings = said["findings"].as_array().expect("a list");
    (code, findings.iter().map(|finding| (text(&finding["bucket"]), text(&finding["kind"]))).collect())
}

fn rebuild(world: &World, more: &[&str], buckets: &[&str]) -> (Option<i32>, serde_json::Value) {
    run(world, &[&["index", "rebuild", "--reason", "somebody wrote over it"], more].concat(), buckets)
}

#[tokio::test]
async fn a_healthy_system_has_no_findings() {
    let world = published().await;
    let before = snapshot(world.directory.path().join("main").as_path());
    let (code, said) = run(&world, &["audit"], &["main", "other"]);
    assert_eq!((code, &said), (Some(0), &serde_json::json!({ "compared": 6, "findings": [] })));
    assert_eq!(snapshot(&world.tree("main")), before);
    // Also while bundles die: de-listed today, deleted tomorrow, and then forgotten.
    for days in [14, 15] {
        world.clock.set_offset(days * (86_400 + 60));
        world.pass(&["main", "other"]).await;
        let exporter = world.exporter(&["main", "other"]).await;
        let report = exporter.audit(&mut |_| ()).await.expect("an audit");
        assert!(report.findings.is_empty(), "{report}");
    }
}

#[tokio::test]
async fn whatever_is_wrong_in_one_bucket_is_found_there() {
    type Harm = fn(&World, &std::path::Path);
    let cases: [(&str, i32, Harm); 8] = [
        ("missing", 1, |_, bundle| fs::remove_file(bundle).expect("removed")),
        ("other-bytes", 2, |_, bundle| {
            let mut bytes = fs::read(bundle).expect("read");
            *bytes.last_mut().expect("bytes") ^= 1;
            fs::write(bundle, bytes).expect("changed");
        }),
        ("other-bytes", 2, |_, bundle| {
            let bytes = fs::read(bundle).expect("read");
            fs::write(bundle, &bytes[..bytes.len() - 1]).expect("cut");
        }),
        ("foreign", 2, |_, bundle| {
            fs::copy(bundle, bundle.with_file_name("1600000000-1600000001-00001.zip")).expect("copied");
        }),
        ("index", 1, |world, _| {
            let path = world.tree("other").join(index_path(&feed(Kind::Gaen)));
            let text = fs::read_to_string(&path).expect("an index");
            fs::write(&path, text.lines().next().expect("a line")).expect("a line less");
        }),
        ("index", 1, |world, _| {
            fs::write(world.tree("other").join(index_path(&feed(Kind::Gaen))), b"\xff").expect("written");
        }),
        ("manifest-unreadable", 2, |world, _| {
            fs::write(world.tree("other").join(manifest_path(&feed(Kind::Gaen))), b"not ours").expect("written");
        }),
        ("behind", 1, |world, _| {
            for path in [index_path(&feed(Kind::Gaen)), manifest_path(&feed(Kind::Gaen))] {
                fs::remove_file(world.tree("other").join(path)).expect("removed");
            }
        }),
    ];
    let world = published().await;
    let bundle = world.tree("other").join(&world.index("other", Kind::Gaen)[0]);
    let whole = snapshot(&world.tree("other"));
    for (kind, code, harm) in cases {
        harm(&world, &bundle);
        assert_eq!(audit(&world), (Some(code), vec![("other".to_owned(), kind.to_owned())]), "{kind}");
        fs::remove_dir_all(world.tree("other")).expect("removed");
        for (path, bytes) in &whole {
            fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
            fs::write(path, bytes).expect("mended");
        }
        assert_eq!(audit(&world), (Some(0), vec![]));
    }
}

#[tokio::test]
async fn a_manifest_of_another_number_and_a_bucket_that_is_ahead_are_found() {
    let mut world = published().await;
    copy(&world, "backup.db");
    world.accept_keys(20..30).await;
    world.pass(&["main"]).await;
    let found = |kind: &str, buckets: &[&str]| {
        buckets.iter().map(|bucket| ((*bucket).to_owned(), kind.to_owned())).collect::<Vec<_>>()
    };
    // The other one lacks the newest bundle, and so it is behind.
    let (code, findings) = audit(&world);
    assert_eq!(code, Some(1));
    assert_eq!(findings, [found("behind", &["other"]), found("missing", &["other"])].concat());

    restore(&mut world, "backup.db").await;
    let (code, findings) = audit(&world);
    assert_eq!(code, Some(2));
    // To this database the newest bundle is foreign.
    assert_eq!(findings, [found("ahead", &["main"]), found("foreign", &["main"])].concat());
}

#[tokio::test]
async fn what_cannot_be_read_is_written_anew_and_a_dry_run_writes_nothing() {
    let world = published().await;
    let whole = snapshot(&world.tree("other"));
    for path in [index_path(&feed(Kind::Gaen)), manifest_path(&feed(Kind::Gaen))] {
        fs::write(world.tree("other").join(path), b"not ours").expect("spoilt");
    }
    let spoilt = snapshot(&world.tree("other"));
    // A pass leaves the manifest alone.
    let report = world.exporter(&["main", "other"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert!(report.to_string().contains("exporter index rebuild"), "{report}");
    assert_eq!(snapshot(&world.tree("other")), spoilt);

    let (code, said) = rebuild(&world, &["--dry-run"], &["other"]);
    assert_eq!((code, &said["rebuilt"][0]["written"]), (Some(0), &true.into()), "{said:#}");
    assert_eq!(snapshot(&world.tree("other")), spoilt);
    assert!(world.store.acts(9).await.expect("read").is_empty());

    let (code, said) = rebuild(&world, &[], &["other"]);
    assert_eq!(
        (code, &said["rebuilt"][0]["number"], &said["rebuilt"][1]["written"]),
        (Some(0), &3.into(), &false.into())
    );
    assert_eq!(snapshot(&world.tree("other")), whole, "the same bytes as before");
    assert_eq!(world.store.acts(9).await.expect("read").len(), 1);
    assert_eq!(audit(&world), (Some(0), vec![]));
    let (_, said) = rebuild(&world, &[], &["other"]);
    assert_eq!(said["rebuilt"][0]["written"], false);
}

#[tokio::test]
async fn what_cannot_be_written_anew_stops_nothing_else() {
    let world = restored().await;
    // The first bucket is ahead of this database; in the second, another feed is spoilt and one is as it should be.
    let whole = snapshot(&world.tree("other"));
    fs::write(world.tree("other").join(manifest_path(&feed(Kind::Tcn))), b"not ours").expect("spoilt");
    let (code, said) = rebuild(&world, &[], &["main", "other"]);
    assert_eq!(code, Some(2), "{said:#}");
    let of = |list: &str| -> Vec<(String, String)> {
        let named =
            |one: &serde_json::Value| ["feed", "bucket"].map(|name| one[name].as_str().expect("a name").to_owned());
        said[list].as_array().expect("a list").iter().map(|one| named(one).into()).collect()
    };
    let pair = |feed: &str, bucket: &str| (feed.to_owned(), bucket.to_owned());
    assert_eq!(of("failures"), [pair("NO/gaen", "main")]);
    assert_eq!(of("rebuilt"), [pair("NO/gaen", "other"), pair("NO/tcn", "main"), pair("NO/tcn", "other")]);
    assert_eq!(snapshot(&world.tree("other")), whole, "the same bytes as before");
}

#[tokio::test]
async fn a_list_that_said_something_else_is_followed_by_the_next_number() {
    let world = restored().await;
    // A list with a higher number is never written over.
    let before = snapshot(&world.tree("main"));
    let (code, said) = rebuild(&world, &[], &["main"]);
    assert_eq!(code, Some(2));
    let refused = &said["failures"][0];
    assert_eq!(
        (&refused["feed"], &refused["bucket"], &refused["kind"]),
        (&"NO/gaen".into(), &"main".into(), &"corrupt".into())
    );
    assert!(refused["message"].as_str().expect("why").contains("exporter adopt"), "{said:#}");
    assert_eq!(snapshot(&world.tree("main")), before);

    // The copy goes on with another bucket; now both are at one number and say different things. The operator decides for the copy.
    world.accept_keys(20..40).await;
    world.pass(&["other"]).await;
    assert_eq!(world.manifest("main", Kind::Gaen).number, world.manifest("other", Kind::Gaen).number);
    let lacks = rebuild(&world, &["--feed", "NO/gaen"], &["main"]);
    assert_eq!(lacks.0, Some(2), "{lacks:?}");
    for path in &world.index("other", Kind::Gaen) {
        fs::copy(world.tree("other").join(path), world.tree("main").join(path)).expect("copied by hand");
        world.store.record_put(&feed(Kind::Gaen), 3, "main").await.expect("noted");
    }
    let (code, said) = rebuild(&world, &["--feed", "NO/gaen"], &["main"]);
    assert_eq!(code, Some(0), "{said:#}");
    assert!(world.manifest("main", Kind::Gaen).number > 4);
    world.pass(&["main", "other"]).await;
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..40));
}
