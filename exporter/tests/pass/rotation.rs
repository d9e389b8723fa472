//! Keys that are replaced: announced, taking over, standing by.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use exporter::ExportError;
use exporter::keys::{KeyPurpose, MINIMUM_OVERLAP, Rotating, private_file, rotate, rotate_to};
use proto::bundle::{Bundle, BundleKey, Limits, SigningKeyId};
use proto::manifest::{KeyUse, Manifest};
use proto::note::NoteVerifier;
use proto::{Kind, Timestamp};
use serde_json::Value;
use store::{SealOutcome, SealPolicy};

use crate::world::{World, feed, keys_of, region, snapshot};

const GAEN: KeyPurpose = KeyPurpose::Bundle(Kind::Gaen);
const DAY: i64 = 86_400;

fn id(version: &str) -> SigningKeyId {
    SigningKeyId::new("NO", version).expect("an id")
}

impl World {
    /// A world whose passes are about keys alone.
    async fn of_keys() -> Self {
        let mut world = Self::new().await;
        world.settings.feeds = vec![feed(Kind::Gaen)];
        world
    }

    fn rotating<R>(&self, act: impl FnOnce(&Rotating<'_>) -> R) -> R {
        let (region, first) = (region(), id("v1"));
        let dir = &self.settings.signing_key_dir;
        act(&Rotating { dir, region: &region, first: &first, now: self.clock.now() })
    }

    /// Makes the next GAEN key; when it takes over.
    fn rotate(&self) -> Timestamp {
        let rotated = self.rotating(|rotating| rotate(rotating, &[GAEN], MINIMUM_OVERLAP, None)).expect("rotated");
        rotated[0].takes_over.expect("it takes over")
    }

    fn move_to(&self, moment: Timestamp) {
        self.clock.set_offset(self.clock.offset() + moment.unix() - self.clock.now().unix());
    }

    /// What the manifest announces: `current v1` and so on.
    fn announced(&self) -> Vec<String> {
        let shown = |usage| if usage == KeyUse::Current { "current" } else { "next" };
        let keys = self.manifest("main", Kind::Gaen).keys;
        keys.iter().map(|key| format!("{} {}", shown(key.usage), key.key.version)).collect()
    }

    /// Accepts some keys, and publishes them in a pass; who signed the bundle that came of it.
    async fn publish(&self, numbers: std::ops::Range<u16>) -> Vec<SigningKeyId> {
        self.accept_keys(numbers).await;
        self.pass(&["main"]).await;
        self.newest().header.signing
    }

    fn newest(&self) -> Bundle {
        let path = self.index("main", Kind::Gaen).pop().expect("a bundle");
        let zip = fs::read(self.tree("main").join(path)).expect("it is there");
        let bundle = Bundle::read(&zip, &Limits::default()).expect("the strictest reader takes it");
        bundle.canonical(&zip).expect("as we would write it");
        bundle
    }

    fn public(&self, file: &str) -> BundleKey {
        let pem = fs::read_to_string(self.settings.signing_key_dir.join(file)).expect("a public key");
        BundleKey::from_pem(&pem).expect("a public key")
    }
}

#[tokio::test]
async fn a_next_key_is_announced_takes_over_and_the_old_one_stands_by() {
    let world = World::of_keys().await;
    assert_eq!(world.publish(0..5).await, [id("v1")]);
    assert_eq!(world.announced(), ["current v1"]);
    let takes_over = world.rotate();
    assert_eq!(world.publish(5..10).await, [id("v1")], "it is announced, and signs nothing yet");
    assert_eq!(world.announced(), ["current v1", "next v2"]);
    let announced = world.manifest("main", Kind::Gaen);
    assert_eq!(announced.keys[1].not_before, takes_over);
    assert_eq!(announced.keys[1].spki, world.public("NO-gaen-v2.pem").to_spki());
    world.pass(&["main"]).await;
    assert_eq!(world.manifest("main", Kind::Gaen).number, announced.number, "announced once");

    world.move_to(takes_over.plus(-60));
    assert_eq!(world.publish(10..15).await, [id("v1")]);
    world.move_to(takes_over);
    assert_eq!(world.publish(15..20).await, [id("v2")]);
    world.newest().verify(&world.public("NO-gaen-v2.pem")).expect("signed by the new key");
    assert_eq!(world.announced(), ["current v1", "current v2"], "bundles of the old key are still listed");

    // When they are not, it is announced no more; and its file may go.
    world.move_to(takes_over.plus(15 * DAY));
    fs::remove_file(private_file(&world.settings.signing_key_dir, &region(), GAEN)).expect("removed");
    assert_eq!(world.publish(20..25).await, [id("v2")]);
    assert_eq!(world.announced(), ["current v2"]);
}

#[tokio::test]
async fn what_was_sealed_before_the_switch_is_signed_by_the_old_key_after_it() {
    let world = World::of_keys().await;
    world.publish(0..5).await;
    let rotated = world.rotating(|rotating| rotate(rotating, &[GAEN], 3_600, None)).expect("rotated");
    let takes_over = rotated[0].takes_over.expect("it takes over");
    world.pass(&["main"]).await;
    world.accept_keys(5..10).await;
    let policy = SealPolicy { signing: vec![id("v1")], ..SealPolicy::default() };
    let outcome = world.store.seal(&feed(Kind::Gaen), &policy).await.expect("sealed");
    assert_eq!(outcome, SealOutcome::Sealed(vec![2]));
    world.move_to(takes_over.plus(60));
    world.pass(&["main"]).await;
    assert_eq!(world.newest().header.signing, [id("v1")]);
    assert_eq!(world.announced(), ["current v1", "current v2"]);
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..10));
}

#[tokio::test]
async fn in_an_emergency_one_goes_back_to_the_old_key_at_once() {
    let world = World::of_keys().await;
    world.publish(0..5).await;
    let takes_over = world.rotate();
    world.move_to(takes_over.plus(DAY));
    assert_eq!(world.publish(5..10).await, [id("v2")]);
    world.rotating(|rotating| rotate_to(rotating, &[Kind::Gaen], 0, "v1")).expect("back");
    assert_eq!(world.publish(10..15).await, [id("v1")]);
    assert_eq!(world.announced(), ["current v1", "current v2"]);
    assert_eq!(world.publish(15..20).await, [id("v1")]);

    // The next one is a third, and a plan is called off by staying with the first.
    let third = world.rotate();
    world.pass(&["main"]).await;
    assert_eq!(world.announced(), ["current v1", "current v2", "next v3"]);
    world.rotating(|rotating| rotate_to(rotating, &[Kind::Gaen], 0, "v1")).expect("called off");
    world.pass(&["main"]).await;
    assert_eq!(world.announced(), ["current v1", "current v2"]);
    world.move_to(third.plus(1));
    assert_eq!(world.publish(20..25).await, [id("v1")]);
}

#[tokio::test]
async fn a_rotation_that_makes_no_sense_is_refused_and_changes_nothing() {
    let world = World::of_keys().await;
    let dir = world.settings.signing_key_dir.clone();
    world.rotate();
    let before = snapshot(&dir);
    let both = [GAEN, KeyPurpose::Bundle(Kind::Tcn)];
    for (refused, says) in [
        (world.rotating(|r| rotate(r, &both, MINIMUM_OVERLAP, None)), "one rotation at a time"),
        (world.rotating(|r| rotate(r, &both[1..], MINIMUM_OVERLAP, Some("v1"))), "in use"),
        (world.rotating(|r| rotate(r, &both[1..], MINIMUM_OVERLAP, Some("v-2"))), "in use, or none"),
        (world.rotating(|r| rotate_to(r, &[Kind::Gaen], 0, "v7")), "no key of version v7"),
        (world.rotating(|r| rotate_to(r, &[Kind::Tcn], 0, "v1")), "already"),
    ] {
        let refused = refused.expect_err(says);
        assert!(matches!(refused, ExportError::GiveUp(_)) && refused.to_string().contains(says), "{refused}");
    }
    fs::set_permissions(dir.join("NO-tcn.key.pem"), fs::Permissions::from_mode(0o644)).expect("a mode");
    let unsafe_mode =
        world.rotating(|r| rotate(r, &both[1..], MINIMUM_OVERLAP, None)).expect_err("others could read it");
    assert!(unsafe_mode.to_string().contains("chmod 600"), "{unsafe_mode}");
    assert_eq!(snapshot(&dir), before);
}

#[tokio::test]
async fn a_rotation_that_was_interrupted_is_finished_by_repeating_it() {
    let world = World::of_keys().await;
    let dir = world.settings.signing_key_dir.clone();
    world.rotate();
    let key = fs::read(dir.join("NO-gaen-v2.key.pem")).expect("the new key");
    // It died before the turn was written: nothing is announced, and nothing has changed.
    fs::remove_file(dir.join("NO-gaen.turns")).expect("removed");
    fs::remove_file(dir.join("NO-gaen-v2.pem")).expect("removed");
    world.publish(0..5).await;
    assert_eq!(world.announced(), ["current v1"]);
    world.rotate();
    assert_eq!(fs::read(dir.join("NO-gaen-v2.key.pem")).expect("the new key"), key);
    world.pass(&["main"]).await;
    assert_eq!(world.announced(), ["current v1", "next v2"]);
    assert_eq!(world.manifest("main", Kind::Gaen).keys[1].spki, world.public("NO-gaen-v2.pem").to_spki());
}

#[tokio::test]
async fn an_exporter_with_older_files_takes_nothing_back_and_says_what_it_lacks() {
    let world = World::of_keys().await;
    world.publish(0..5).await;
    // Another machine, to which the directory is copied before the rotation.
    let stale = world.directory.path().join("stale");
    fs::create_dir(&stale).expect("a directory");
    for (path, bytes) in snapshot(&world.settings.signing_key_dir) {
        let copy = stale.join(path.file_name().expect("a name"));
        fs::write(&copy, bytes).expect("copied");
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).expect("a mode");
    }
    let elsewhere = exporter::Settings { signing_key_dir: stale, ..world.settings.clone() };
    let pass_there = async || {
        let opened = exporter::Exporter::open(&elsewhere, world.clock.clone()).await.expect("an exporter");
        let bucket = exporter::bucket::DirectoryBucket::open(&world.tree("main")).expect("a bucket");
        opened.with_bucket("main", std::sync::Arc::new(bucket)).once().await.expect("a pass")
    };
    let takes_over = world.rotate();
    world.pass(&["main"]).await;
    let number = world.manifest("main", Kind::Gaen).number;
    let report = pass_there().await;
    assert_eq!(report.exit_code(), 0, "{report}");
    assert_eq!(world.manifest("main", Kind::Gaen).number, number);
    assert_eq!(world.announced(), ["current v1", "next v2"]);

    world.move_to(takes_over);
    assert_eq!(world.publish(5..10).await, [id("v2")]);
    world.accept_keys(10..15).await;
    let report = pass_there().await;
    assert_eq!(report.exit_code(), 2, "{report}");
    assert!(report.to_string().contains("NO-v2 signs by now") && report.feeds[0].sealed.is_empty(), "{report}");
    world.pass(&["main"]).await;
    assert_eq!(world.newest().header.signing, [id("v2")]);
}

#[tokio::test]
async fn a_bundle_is_co_signed_only_if_that_is_set_and_the_active_key_signs_first() {
    let mut world = World::of_keys().await;
    let takes_over = world.rotate();
    world.move_to(takes_over);
    assert_eq!(world.publish(0..5).await, [id("v2")]);
    world.settings.co_sign = vec!["NO-gaen=v1".parse().expect("valid"), "NO=v2".parse().expect("valid")];
    assert_eq!(world.publish(5..10).await, [id("v2"), id("v1")]);
    let bundle = world.newest();
    assert_eq!(
        bundle.signatures.iter().map(|signature| signature.key.clone()).collect::<Vec<_>>(),
        [id("v2"), id("v1")]
    );
    for (signature, file) in bundle.signatures.iter().zip(["NO-gaen-v2.pem", "NO-gaen.pem"]) {
        world.public(file).verify(&bundle.digest, &signature.bytes).expect("each verifies");
    }
    bundle.verify(&world.public("NO-gaen-v2.pem")).expect("a reader of the first signature");
    assert!(
        bundle.verify(&world.public("NO-gaen.pem")).is_err(),
        "who reads the first one alone looks for the active key"
    );

    let path = world.tree("main").join(world.index("main", Kind::Gaen).pop().expect("a bundle"));
    let keys = ["NO-gaen.pem", "NO-gaen-v2.pem"].map(|name| world.settings.signing_key_dir.join(name));
    let inspect = |keys: &[&std::path::PathBuf]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_exporter"));
        command.arg("inspect");
        for key in keys {
            command.arg("--key").arg(key);
        }
        command.arg(&path).output().expect("the program runs").status.code()
    };
    assert_eq!((inspect(&[&keys[0], &keys[1]]), inspect(&[&keys[1]])), (Some(0), Some(2)));

    world.settings.co_sign = vec!["NO=v9".parse().expect("valid")];
    let report = world.exporter(&["main"]).await.once().await.expect("a pass");
    assert!(report.exit_code() == 2 && report.to_string().contains("NO-v9 is to sign"), "{report}");
}

#[tokio::test]
async fn while_a_manifest_key_is_replaced_apps_may_pin_either() {
    let world = World::of_keys().await;
    let dir = world.settings.signing_key_dir.clone();
    world.publish(0..5).await;
    let before = world.manifest("main", Kind::Gaen);
    let rotated = world.rotating(|r| rotate(r, &[KeyPurpose::Manifest], 0, None)).expect("rotated");
    assert_eq!((rotated[0].version.as_str(), rotated[0].takes_over, rotated[0].files.len()), ("v2", None, 2));
    let opens = |file: &str| {
        let pem = fs::read_to_string(dir.join(file)).expect("a public key");
        let verifier = NoteVerifier::from_pem("pratique/NO", &pem).expect("a verifier");
        let note = fs::read(world.tree("main").join("NO/gaen/manifest")).expect("a manifest");
        Manifest::open(&note, &verifier, &feed(Kind::Gaen))
    };
    assert!(opens("NO-manifest-v2.pem").is_err());
    // The same number, the same text, one signature more.
    world.pass(&["main"]).await;
    for file in ["NO-manifest.pem", "NO-manifest-v2.pem"] {
        assert_eq!(opens(file).expect("signed by both"), before);
    }
    let tree = snapshot(&world.tree("main"));
    world.pass(&["main"]).await;
    assert_eq!(snapshot(&world.tree("main")), tree, "signed once");

    // No app pins the old one any more.
    fs::remove_file(dir.join("NO-manifest.key.pem")).expect("removed");
    world.publish(5..10).await;
    assert!(opens("NO-manifest.pem").is_err());
    assert_eq!(opens("NO-manifest-v2.pem").expect("signed by the new one").bundles.len(), 2);
}

#[test]
fn keys_are_rotated_and_listed_from_the_command_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let dir = directory.path().to_str().expect("UTF-8");
    let keys = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_exporter"))
            .env_clear()
            .arg("keys")
            .args(arguments)
            .args(["--dir", dir, "--json"])
            .output()
            .expect("the program runs");
        let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), value, String::from_utf8_lossy(&output.stdout).into_owned())
    };
    keys(&["generate", "--region", "NO"]);
    let (code, refused, _) = keys(&["rotate", "--region", "NO", "--overlap", "13d"]);
    assert_eq!((code, &refused["kind"]), (Some(2), &"give-up".into()), "shorter than phones need");
    let (code, rotated, _) = keys(&["rotate", "--region", "NO", "--use", "gaen"]);
    let takes_over = rotated["keys"][0]["takes_over"].as_i64().expect("a time");
    assert_eq!((code, &rotated["keys"][0]["version"], takes_over % 3_600), (Some(0), &"v2".into(), 0));
    let (code, ..) = keys(&["rotate", "--region", "NO"]);
    assert_eq!(code, Some(2), "one of the two is pending, so neither begins");
    let (code, ..) = keys(&["rotate", "--region", "NO", "--use", "tcn", "--overlap", "1h", "--short-overlap"]);
    assert_eq!(code, Some(0));
    let (code, ..) = keys(&["rotate", "--region", "NO", "--use", "tcn", "--to", "v1"]);
    assert_eq!(code, Some(0), "called off");

    let (code, listed, text) = keys(&["list"]);
    assert_eq!(code, Some(0));
    let rows: Vec<_> = listed["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|key| {
            assert_eq!(key["spki_sha256"].as_str().map(str::len), Some(64));
            let word = |name: &str| key[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {}", word("use"), word("key"), word("state"), word("file"))
        })
        .collect();
    assert_eq!(
        rows,
        [
            "gaen NO-v1 current NO-gaen.key.pem",
            "gaen NO-v2 next NO-gaen-v2.key.pem",
            "tcn NO-v1 current NO-tcn.key.pem",
            "tcn NO-v2 unused NO-tcn-v2.key.pem",
            "manifest - current NO-manifest.key.pem",
        ]
    );
    assert_eq!(listed["keys"][1]["from"], takes_over);
    for (path, bytes) in
        snapshot(directory.path()).iter().filter(|(path, _)| path.to_string_lossy().ends_with(".key.pem"))
    {
        let secret = String::from_utf8_lossy(bytes);
        let secret = secret.lines().nth(1).expect("PEM");
        assert!(!text.contains(secret), "{}", path.display());
    }
}
