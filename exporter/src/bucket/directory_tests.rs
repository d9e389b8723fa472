//! What a directory bucket promises.

use std::sync::Arc;

use super::*;

struct Scene {
    directory: tempfile::TempDir,
    bucket: Arc<DirectoryBucket>,
}

fn scene() -> Scene {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let bucket = Arc::new(DirectoryBucket::open(&directory.path().join("cdn")).expect("a bucket"));
    Scene { directory, bucket }
}

fn path(text: &str) -> ObjectPath {
    text.parse().expect("a path")
}

#[tokio::test]
async fn an_object_is_put_once_and_never_overwritten() {
    let Scene { bucket, directory } = scene();
    let bundle = path("NO/gaen/1-2-00001.zip");
    assert_eq!(bucket.put_if_absent(&bundle, b"ours").await.expect("put"), Put::Created);
    assert_eq!(bucket.put_if_absent(&bundle, b"ours").await.expect("put again"), Put::Present);

    let refused = bucket.put_if_absent(&bundle, b"other").await.expect_err("foreign bytes stand there");
    assert!(matches!(refused, ExportError::Corrupt(_)), "{refused}");
    let file = directory.path().join("cdn/NO/gaen/1-2-00001.zip");
    assert_eq!(fs::read(&file).expect("the object"), b"ours");
    let mode = fs::metadata(&file).expect("the object").permissions().mode();
    assert_eq!(mode & 0o400, 0o400);
    assert_ne!(mode & 0o077, 0, "a web server has to read it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_put_different_bytes_one_wins() {
    let Scene { bucket, directory: _directory } = scene();
    let tasks: Vec<_> = (0..16_u8)
        .map(|n| {
            let bucket = Arc::clone(&bucket);
            tokio::spawn(async move { bucket.put_if_absent(&path("NO/gaen/1-2-00001.zip"), &[n; 64]).await })
        })
        .collect();
    let mut created = Vec::new();
    for (n, task) in (0..).zip(tasks) {
        match task.await.expect("no panic") {
            Ok(Put::Created) => created.push(n),
            Ok(Put::Present) => panic!("nobody else has these bytes"),
            Err(why) => assert!(matches!(why, ExportError::Corrupt(_)), "{why}"),
        }
    }
    let there = bucket.get(&path("NO/gaen/1-2-00001.zip")).await.expect("a read").expect("an object");
    assert_eq!(created.len(), 1);
    assert_eq!(there.bytes, [created[0]; 64]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_replace_the_same_version_one_wins() {
    let Scene { bucket, directory: _directory } = scene();
    let index = path("NO/gaen/index.txt");
    let first = bucket.replace(&index, b"", None).await.expect("the first index");
    assert_eq!(first, Replaced::Done);
    assert_eq!(bucket.replace(&index, b"x", None).await.expect("it exists"), Replaced::Lost);

    let version = bucket.get(&index).await.expect("a read").expect("an object").version;
    let tasks: Vec<_> = (0..16_u8)
        .map(|n| {
            let (bucket, index, version) = (Arc::clone(&bucket), index.clone(), version.clone());
            tokio::spawn(async move { bucket.replace(&index, &[n], Some(&version)).await })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += usize::from(task.await.expect("no panic").expect("an answer") == Replaced::Done);
    }
    assert_eq!(done, 1);
}

#[tokio::test]
async fn what_a_dead_writer_left_is_no_object_and_is_cleared() {
    let Scene { bucket, directory } = scene();
    bucket.put_if_absent(&path("NO/gaen/1-2-00001.zip"), b"ours").await.expect("put");
    let leftover = directory.path().join("cdn/NO/gaen/.put-dead");
    fs::write(&leftover, b"half a bund").expect("a leftover");

    let listed = bucket.list(&path("NO/gaen")).await.expect("a list");
    assert_eq!(listed.into_iter().collect::<Vec<_>>(), [(path("NO/gaen/1-2-00001.zip"), 4)]);

    // A writer that lives holds the lock, and its files are left alone.
    let lock = bucket.lock_file().expect("the lock");
    lock.lock_shared().expect("locked");
    bucket.tidy().await.expect("nothing to do");
    assert!(leftover.exists());
    drop(lock);

    bucket.tidy().await.expect("tidied");
    assert!(!leftover.exists());
    assert!(bucket.get(&path("NO/gaen/1-2-00001.zip")).await.expect("a read").is_some());
}

#[tokio::test]
async fn an_object_is_deleted_and_deleting_it_again_is_well() {
    let Scene { bucket, directory } = scene();
    for name in ["NO/gaen/1-2-00001.zip", "NO/gaen/2-3-00001.zip"] {
        bucket.put_if_absent(&path(name), b"ours").await.expect("put");
    }
    for name in ["NO/gaen/1-2-00001.zip", "NO/gaen/1-2-00001.zip", "SE/gaen/1-2-00001.zip"] {
        bucket.delete(&path(name)).await.expect("deleted, or not there");
    }
    let left: Vec<_> = bucket.list(&path("NO/gaen")).await.expect("a list").into_keys().collect();
    assert_eq!(left, [path("NO/gaen/2-3-00001.zip")]);
    // What stands there and is no object stays.
    fs::create_dir(directory.path().join("cdn/NO/gaen/3-4-00001.zip")).expect("a directory");
    let refused = bucket.delete(&path("NO/gaen/3-4-00001.zip")).await.expect_err("no object");
    assert!(matches!(refused, ExportError::Retry(_)), "{refused}");
}

#[tokio::test]
async fn an_object_that_is_too_long_is_not_read() {
    let Scene { bucket, directory } = scene();
    fs::create_dir(directory.path().join("cdn/NO")).expect("a directory");
    let file = File::create(directory.path().join("cdn/NO/manifest")).expect("a file");
    file.set_len(Object::MAX_BYTES + 1).expect("a long file");
    let refused = bucket.get(&path("NO/manifest")).await.expect_err("too long");
    assert!(matches!(refused, ExportError::Corrupt(_)), "{refused}");
}

#[tokio::test]
async fn what_does_not_exist_is_none_and_an_empty_list() {
    let Scene { bucket, directory: _directory } = scene();
    assert!(bucket.get(&path("NO/gaen/index.txt")).await.expect("a read").is_none());
    assert!(bucket.list(&path("NO/gaen")).await.expect("a list").is_empty());
}

#[test]
fn a_place_that_is_no_directory_is_refused_at_the_start() {
    let Scene { directory, bucket: _bucket } = scene();
    let file = directory.path().join("file");
    fs::write(&file, b"").expect("a file");
    let refused = DirectoryBucket::open(&file).expect_err("no directory");
    assert!(matches!(refused, ExportError::GiveUp(_)), "{refused}");
}
