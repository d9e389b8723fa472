//! What a directory bucket promises beyond what every bucket does; see tests/buckets.

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
async fn a_web_server_can_read_an_object() {
    let Scene { bucket, directory } = scene();
    bucket.put_if_absent(&path("NO/gaen/1-2-00001.zip"), b"ours").await.expect("put");
    let file = directory.path().join("cdn/NO/gaen/1-2-00001.zip");
    let mode = fs::metadata(&file).expect("the object").permissions().mode();
    assert_eq!(mode & 0o444, 0o444);
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
    let lock = bucket.root.lock_file().expect("the lock");
    lock.lock_shared().expect("locked");
    bucket.tidy().await.expect("nothing to do");
    assert!(leftover.exists());
    drop(lock);

    bucket.tidy().await.expect("tidied");
    assert!(!leftover.exists());
    assert!(bucket.get(&path("NO/gaen/1-2-00001.zip")).await.expect("a read").is_some());
}

#[tokio::test]
async fn what_stands_under_the_name_of_an_object_and_is_none_stays() {
    let Scene { bucket, directory } = scene();
    fs::create_dir_all(directory.path().join("cdn/NO/gaen/3-4-00001.zip")).expect("a directory");
    let refused = bucket.delete(&path("NO/gaen/3-4-00001.zip")).await.expect_err("no object");
    assert!(matches!(refused, ExportError::Retry(_)), "{refused}");
}

#[test]
fn a_place_that_is_no_directory_is_refused_at_the_start() {
    let Scene { directory, bucket: _bucket } = scene();
    let file = directory.path().join("file");
    fs::write(&file, b"").expect("a file");
    let refused = DirectoryBucket::open(&file).expect_err("no directory");
    assert!(matches!(refused, ExportError::GiveUp(_)), "{refused}");
}

#[tokio::test]
async fn a_directory_that_is_missing_is_opened_when_it_is_there_and_is_not_empty_when_it_goes_away() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (disk, link) = (directory.path().join("disk"), directory.path().join("cdn"));
    // As where a disk will be mounted.
    std::os::unix::fs::symlink(disk.join("cdn"), &link).expect("a link");
    let bucket = DirectoryBucket::at(&link);
    let bundle = path("NO/gaen/1-2-00001.zip");
    for _ in 0..2 {
        let missing = |done: Result<(), ExportError>| {
            assert!(matches!(&done, Err(ExportError::Retry(why)) if why.contains("cdn")), "{done:?}");
        };
        missing(bucket.begin());
        missing(bucket.put_if_absent(&bundle, b"ours").await.map(drop));
        missing(bucket.get(&bundle).await.map(drop));
        missing(bucket.list(&path("NO/gaen")).await.map(drop));
        missing(bucket.replace(&path("ready"), b"ours", None).await.map(drop));
        missing(bucket.delete(&bundle).await.map(drop));
        missing(bucket.clock().await.map(drop));
        bucket.tidy().await.expect("nothing to tidy");

        fs::create_dir_all(disk.join("cdn")).expect("the disk is there");
        bucket.put_if_absent(&bundle, b"ours").await.expect("put");
        assert!(bucket.get(&bundle).await.expect("a read").is_some());
        fs::remove_dir_all(&disk).expect("it goes away");
    }
}

#[tokio::test]
async fn a_directory_that_goes_away_is_not_made_anew() {
    let Scene { directory, bucket } = scene();
    fs::remove_dir_all(directory.path().join("cdn")).expect("gone");
    let gone = bucket.list(&path("NO/gaen")).await.expect_err("it is not empty but gone");
    assert!(matches!(gone, ExportError::Retry(_)), "{gone}");
    assert!(!directory.path().join("cdn").exists());
}
