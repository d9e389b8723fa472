//! Signing keys as files.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use exporter::keys::{KeyPurpose, generate, private_file, public_file};
use proto::Kind;

use crate::world::{World, feed, region, snapshot};

#[test]
fn generated_keys_are_private_and_never_overwritten() {
    let directory = tempfile::tempdir().expect("a directory");
    let files = generate(directory.path(), &region()).expect("keys");
    assert_eq!(files.len(), 7);
    for file in &files {
        let mode = fs::metadata(file).expect("a file").permissions().mode() & 0o777;
        let private = [".key.pem", "filler.key"].iter().any(|end| file.to_string_lossy().ends_with(end));
        assert_eq!(mode & 0o077 == 0, private, "{} has mode {mode:o}", file.display());
    }
    let before = snapshot(directory.path());
    assert!(generate(directory.path(), &region()).expect("they exist").is_empty(), "nothing is written twice");
    assert_eq!(snapshot(directory.path()), before);
}

#[test]
fn a_generation_that_was_interrupted_is_finished_by_repeating_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let files = generate(directory.path(), &region()).expect("keys");
    let complete = snapshot(directory.path());
    // The public half of a key that is there, and a whole pair.
    for lost in [1, 4, 5] {
        fs::remove_file(&files[lost]).expect("removed");
    }
    let written = generate(directory.path(), &region()).expect("the rest");
    assert_eq!(written, [&files[1], &files[4], &files[5]].map(Clone::clone));
    let finished = snapshot(directory.path());
    assert!(files[..4].iter().all(|file| finished[file] == complete[file]), "what was there stayed, and fits");
}

#[tokio::test]
async fn a_key_that_others_could_read_is_refused() {
    let world = World::new().await;
    let file = private_file(&world.settings.signing_key_dir, &region(), KeyPurpose::Bundle(Kind::Gaen));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("a mode");
    world.accept_keys(0..3).await;
    let report = world.exporter(&["main"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert!(report.to_string().contains("chmod 600"), "{report}");
    assert!(report.feeds[0].sealed.is_empty(), "nothing is sealed for a key that cannot be used");
    // The other feed has a key of its own.
    assert!(report.feeds[1].failures.is_empty(), "{report}");
}

#[tokio::test]
async fn a_missing_key_says_how_to_make_it() {
    let world = World::new().await;
    fs::remove_dir_all(&world.settings.signing_key_dir).expect("removed");
    let report = world.exporter(&["main"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert!(report.to_string().contains("exporter keys generate --region NO"), "{report}");
}

#[tokio::test]
async fn a_key_is_not_exchanged_behind_the_phones_backs() {
    let mut world = World::new().await;
    world.accept_keys(0..3).await;
    world.pass(&["main"]).await;
    for file in [private_file, public_file] {
        let file = file(&world.settings.signing_key_dir, &region(), KeyPurpose::Bundle(Kind::Gaen));
        fs::remove_file(file).expect("removed");
    }
    generate(&world.settings.signing_key_dir, &region()).expect("another key");
    world.settings.feeds = vec![feed(Kind::Gaen)];
    world.accept_keys(3..6).await;
    let report = world.exporter(&["main"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert!(report.to_string().contains("was announced with another public key"), "{report}");
    assert_eq!(world.index("main", Kind::Gaen).len(), 1);

    // With another key for manifests, nobody can even tell where the bucket stands.
    fs::remove_dir_all(&world.settings.signing_key_dir).expect("removed");
    generate(&world.settings.signing_key_dir, &region()).expect("other keys");
    let report = world.exporter(&["main"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert!(report.to_string().contains("no bucket says where it stands"), "{report}");
    assert!(report.feeds[0].sealed.is_empty(), "{report}");
}
