//! The promises of the trait, on every kind of bucket.

use std::sync::Arc;

use exporter::ExportError;
use exporter::bucket::{Bucket, DirectoryBucket, Object, ObjectPath, Put, Replaced};

use crate::s3;

/// How many write at once.
const WRITERS: u8 = 16;

/// A test for each kind.
macro_rules! on_every_bucket {
    ($($promise:ident),* $(,)?) => {
        mod directory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let directory = tempfile::tempdir().expect("a temporary directory");
                let bucket = super::DirectoryBucket::open(directory.path()).expect("a bucket");
                super::$promise(std::sync::Arc::new(bucket)).await;
            })*
        }
        mod object_store {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(std::sync::Arc::new(super::s3::bucket().await)).await;
            })*
        }
    };
}

on_every_bucket!(
    an_object_is_put_once_and_never_overwritten,
    of_many_that_put_different_bytes_one_wins,
    of_many_that_replace_the_same_version_one_wins,
    an_object_is_deleted_and_deleting_it_again_is_well,
    an_object_that_is_too_long_is_not_read,
    what_does_not_exist_is_none_and_an_empty_list,
    a_list_has_everything_directly_under_a_path_however_much_that_is,
    it_tells_the_time,
);

pub(crate) fn path(text: &str) -> ObjectPath {
    text.parse().expect("a path")
}

async fn an_object_is_put_once_and_never_overwritten(bucket: Arc<dyn Bucket>) {
    let bundle = path("NO/gaen/1-2-00001.zip");
    assert_eq!(bucket.put_if_absent(&bundle, b"ours").await.expect("put"), Put::Created);
    assert_eq!(bucket.put_if_absent(&bundle, b"ours").await.expect("put again"), Put::Present);
    let refused = bucket.put_if_absent(&bundle, b"other").await.expect_err("foreign bytes stand there");
    assert!(matches!(refused, ExportError::Corrupt(_)), "{refused}");
    assert_eq!(bucket.get(&bundle).await.expect("a read").expect("an object").bytes, b"ours");
}

async fn of_many_that_put_different_bytes_one_wins(bucket: Arc<dyn Bucket>) {
    let put = |n: u8| {
        let bucket = Arc::clone(&bucket);
        tokio::spawn(async move { bucket.put_if_absent(&path("NO/gaen/1-2-00001.zip"), &[n; 64]).await })
    };
    let tasks: Vec<_> = (0..WRITERS).map(put).collect();
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

async fn of_many_that_replace_the_same_version_one_wins(bucket: Arc<dyn Bucket>) {
    let index = path("NO/gaen/index.txt");
    assert_eq!(bucket.replace(&index, b"", None).await.expect("the first index"), Replaced::Done);
    assert_eq!(bucket.replace(&index, b"x", None).await.expect("it exists"), Replaced::Lost);

    let version = bucket.get(&index).await.expect("a read").expect("an object").version;
    let replace = |n: u8| {
        let (bucket, index, version) = (Arc::clone(&bucket), index.clone(), version.clone());
        tokio::spawn(async move { bucket.replace(&index, &[n], Some(&version)).await })
    };
    let tasks: Vec<_> = (0..WRITERS).map(replace).collect();
    let mut done = 0;
    for task in tasks {
        done += usize::from(task.await.expect("no panic").expect("an answer") == Replaced::Done);
    }
    assert_eq!(done, 1);
    let gone = path("NO/gaen/manifest");
    assert_eq!(bucket.replace(&gone, b"x", Some(&version)).await.expect("an answer"), Replaced::Lost);
}

async fn an_object_is_deleted_and_deleting_it_again_is_well(bucket: Arc<dyn Bucket>) {
    for name in ["NO/gaen/1-2-00001.zip", "NO/gaen/2-3-00001.zip"] {
        bucket.put_if_absent(&path(name), b"ours").await.expect("put");
    }
    for name in ["NO/gaen/1-2-00001.zip", "NO/gaen/1-2-00001.zip", "SE/gaen/1-2-00001.zip"] {
        bucket.delete(&path(name)).await.expect("deleted, or not there");
    }
    let left: Vec<_> = bucket.list(&path("NO/gaen")).await.expect("a list").into_keys().collect();
    assert_eq!(left, [path("NO/gaen/2-3-00001.zip")]);
}

async fn an_object_that_is_too_long_is_not_read(bucket: Arc<dyn Bucket>) {
    let most = usize::try_from(Object::MAX_BYTES).expect("it fits");
    for (name, length) in [("NO/gaen/1-2-00001.zip", most), ("NO/gaen/2-3-00001.zip", most + 1)] {
        bucket.put_if_absent(&path(name), &vec![b'A'; length]).await.expect("put");
        match bucket.get(&path(name)).await {
            Ok(there) => assert_eq!((length, there.expect("an object").bytes.len()), (most, most)),
            Err(why) => assert!(length > most && matches!(why, ExportError::Corrupt(_)), "{why}"),
        }
    }
}

async fn what_does_not_exist_is_none_and_an_empty_list(bucket: Arc<dyn Bucket>) {
    assert!(bucket.get(&path("NO/gaen/index.txt")).await.expect("a read").is_none());
    assert!(bucket.list(&path("NO/gaen")).await.expect("a list").is_empty());
}

/// An object store tells a thousand at a time.
async fn a_list_has_everything_directly_under_a_path_however_much_that_is(bucket: Arc<dyn Bucket>) {
    const OBJECTS: usize = 1_005;
    for others in ["NO/gaen-self/index.txt", "NO/gaen/deeper/index.txt", "NO/index.txt"] {
        bucket.put_if_absent(&path(others), b"x").await.expect("put");
    }
    let name = |n: usize| path(&format!("NO/gaen/{n:010}-{:010}-00001.zip", n + 1));
    for first in (0..OBJECTS).step_by(usize::from(WRITERS)) {
        let puts = (first..OBJECTS.min(first + usize::from(WRITERS))).map(|n| {
            let bucket = Arc::clone(&bucket);
            tokio::spawn(async move { bucket.put_if_absent(&name(n), &vec![b'A'; n]).await })
        });
        for put in puts.collect::<Vec<_>>() {
            put.await.expect("no panic").expect("put");
        }
    }
    let listed = bucket.list(&path("NO/gaen")).await.expect("a list");
    let expected: std::collections::BTreeMap<_, _> = (0..OBJECTS).map(|n| (name(n), n as u64)).collect();
    assert_eq!(listed, expected);
}

async fn it_tells_the_time(bucket: Arc<dyn Bucket>) {
    let clock = store::Clock::system();
    // Stores tell whole seconds, and file systems lag by a tick.
    let before = clock.now().plus(-2);
    let told = bucket.clock().await.expect("an answer").expect("a time");
    assert!(before <= told && told <= clock.now(), "{told:?}");
}
