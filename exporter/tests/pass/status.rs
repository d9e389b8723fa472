//! `exporter status`: what is told of a known world.

use std::fs;
use std::path::Path;
use std::process::Command;

use proto::Kind;
use serde_json::{Value, json};

use crate::postgres;
use crate::world::{World, feed};

/// The status as JSON, and the exit code.
fn status(world: &World, keys: &Path, buckets: &[&str]) -> (Value, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exporter"));
    command.args(["status", "--json", "--database-url", &world.url, "--signing-key-dir"]).arg(keys);
    for name in buckets {
        command.args(["--bucket", &format!("{name}=file:{}", world.tree(name).display())]);
    }
    let told = command.args(["--minimum-keys", "30", "--hold", "2h"]).output().expect("the program runs");
    let text = String::from_utf8(told.stdout).expect("UTF-8");
    (serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}")), told.status.code())
}

async fn told_before_and_after(world: World) {
    let keys = world.settings.signing_key_dir.clone();
    world.accept_keys(0..20).await;
    world.accept_unripe_key(500).await;
    let (told, code) = status(&world, &keys, &["main"]);
    let gaen = &told["feeds"][0];
    assert_eq!((&gaen["feed"], &gaen["number"], code), (&json!("NO/gaen"), &json!(0), Some(0)), "{told}");
    assert_eq!((&gaen["waiting"], &gaen["held"], &gaen["minimum"]), (&json!(20), &json!(true), &json!(30)));
    assert_eq!((&gaen["unripe"], &gaen["revised_waiting"], &gaen["newest"]), (&json!(1), &json!(0), &Value::Null));
    let (oldest, now) = (gaen["oldest"].as_i64().expect("a time"), told["now"].as_i64().expect("a time"));
    assert_eq!(gaen["held_until"], oldest + 7_200);
    assert!(oldest <= now && now < gaen["next_boundary"].as_i64().expect("a time"));
    assert_eq!(gaen["next_boundary"].as_i64().map(|next| next % 14_400), Some(0));
    assert_eq!(told["clocks"]["database"], 0);

    world.pass(&["main"]).await;
    let (told, code) = status(&world, &keys, &["main"]);
    let (gaen, end) = (&told["feeds"][0], world.manifest("main", Kind::Gaen).bundles[0].end.unix());
    assert_eq!((code, &gaen["number"], &gaen["newest"]), (Some(0), &json!(2), &json!(end)), "{told}");
    assert_eq!(gaen["age"].as_i64(), Some(told["now"].as_i64().expect("a time") - end));
    let bucket = json!({"bucket": "main", "number": 2, "behind": 0, "missing": [], "verified": true, "failures": []});
    assert_eq!((&gaen["waiting"], &gaen["held"], &gaen["buckets"][0]), (&json!(0), &json!(false), &bucket));

    // A bucket added, and one that lost a bundle.
    let (told, code) = status(&world, &keys, &["main", "late"]);
    let late = &told["feeds"][0]["buckets"][1];
    assert_eq!((code, &late["behind"], &late["missing"]), (Some(1), &json!(2), &json!([1])));
    fs::remove_file(world.tree("main").join(&world.index("main", Kind::Gaen)[0])).expect("removed");
    let (told, code) = status(&world, &keys, &["main"]);
    assert_eq!((code, &told["feeds"][0]["buckets"][0]["missing"]), (Some(1), &json!([1])));

    // Without private keys, and without any.
    let public = world.directory.path().join("public");
    fs::create_dir(&public).expect("a directory");
    let (told, _) = status(&world, &public, &["main"]);
    assert_eq!(told["feeds"][0]["buckets"][0]["verified"], false);
    assert_eq!(told["feeds"][0]["buckets"][0]["number"], 2);
    fs::copy(keys.join("NO-manifest.pem"), public.join("NO-manifest.pem")).expect("copied");
    let (told, _) = status(&world, &public, &["main"]);
    assert_eq!(told["feeds"][0]["buckets"][0]["verified"], true);

    let manifest = world.tree("main").join(proto::manifest::manifest_path(&feed(Kind::Gaen)));
    let note = fs::read_to_string(&manifest).expect("a manifest").replace("number 2", "number 3");
    fs::write(&manifest, note).expect("changed");
    let (told, code) = status(&world, &keys, &["main"]);
    assert_eq!((code, &told["feeds"][0]["buckets"][0]["failures"][0]["kind"]), (Some(2), &json!("corrupt")));
}

#[tokio::test]
async fn a_status_tells_what_waits_and_what_every_bucket_holds() {
    told_before_and_after(World::new().await).await;
}

#[tokio::test]
async fn a_status_tells_the_same_of_a_server() {
    let (_database, world) = postgres::world().await;
    told_before_and_after(world).await;
}

#[tokio::test]
async fn a_feed_that_nobody_seals_is_overdue() {
    let world = World::new().await;
    world.accept_keys(0..40).await;
    let exporter = world.exporter(&["main"]).await;
    assert_eq!(exporter.status().await.expect("a status").exit_code(), 0, "it may be sealed in time");
    world.clock.set_offset(world.clock.offset() + 8 * 3_600);
    let status = exporter.status().await.expect("a status");
    assert_eq!(status.exit_code(), 1);
    assert!(status.to_string().contains("OVERDUE"), "{status}");
    assert_eq!(exporter.once().await.expect("a pass").exit_code(), 0);
    let status = exporter.status().await.expect("a status");
    assert_eq!(status.exit_code(), 0, "{status}");
}
