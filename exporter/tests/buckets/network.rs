//! A network that fails, before and after the store has done what was asked.

use std::time::Duration;

use exporter::ExportError;
use exporter::bucket::{Bucket, Patience, Put, Replaced, S3Bucket};
use stack::{Between, Fate};

use crate::promises::path;
use crate::s3;

async fn scene() -> (Between, S3Bucket) {
    let between = s3::between();
    let name = s3::new_bucket().await;
    let bucket = s3::open(&s3::url(&name, between.address(), "")).await.expect("a bucket");
    (between, bucket)
}

#[tokio::test]
async fn two_writes_that_met_are_repeated_and_then_left_to_the_next_pass() {
    let (between, bucket) = scene().await;
    let conflict = Fate::Answer(409, "ConditionalRequestConflict");
    between.set("PUT", &[conflict, conflict]);
    let bundle = path("NO/gaen/1-2-00001.zip");
    assert_eq!(bucket.put_if_absent(&bundle, b"ours").await.expect("put"), Put::Created);

    between.set("PUT", &[conflict; 4]);
    let gave_up = bucket.replace(&path("NO/gaen/index.txt"), b"", None).await.expect_err("four times");
    assert!(matches!(gave_up, ExportError::Retry(_)), "{gave_up}");
    assert_eq!(bucket.replace(&path("NO/gaen/index.txt"), b"", None).await.expect("written"), Replaced::Done);
}

#[tokio::test]
async fn whoever_comes_second_is_told() {
    let (between, bucket) = scene().await;
    let lost = Fate::Answer(412, "PreconditionFailed");
    between.set("PUT", &[lost, lost]);
    let index = path("NO/gaen/index.txt");
    assert_eq!(bucket.replace(&index, b"", None).await.expect("an answer"), Replaced::Lost);
    // Lost against an object that is gone again: nobody can say what stood there.
    let gone = bucket.put_if_absent(&path("NO/gaen/1-2-00001.zip"), b"ours").await.expect_err("not there");
    assert!(matches!(gone, ExportError::Retry(_)), "{gone}");
}

#[tokio::test]
async fn a_store_that_stumbles_is_asked_again() {
    let (between, bucket) = scene().await;
    let stumble = [Fate::Answer(500, "InternalError"), Fate::Answer(503, "SlowDown"), Fate::LostReply];
    let bundle = path("NO/gaen/1-2-00001.zip");
    between.set("PUT", &stumble);
    // The third was written: the fourth finds its own bytes.
    assert_eq!(bucket.put_if_absent(&bundle, b"ours").await.expect("put"), Put::Present);
    between.set("GET", &stumble);
    assert_eq!(bucket.get(&bundle).await.expect("a read").expect("an object").bytes, b"ours");
    between.set("GET", &stumble);
    assert_eq!(bucket.list(&path("NO/gaen")).await.expect("a list").len(), 1);
    between.set("DELETE", &stumble);
    bucket.delete(&bundle).await.expect("deleted");
    assert!(bucket.get(&bundle).await.expect("a read").is_none());
}

#[tokio::test]
async fn a_store_that_stays_down_is_left_to_the_next_pass() {
    let (between, bucket) = scene().await;
    between.set_all(Fate::Answer(500, "InternalError"));
    let bundle = path("NO/gaen/1-2-00001.zip");
    let before = between.seen("PUT");
    let outcomes = [
        bucket.put_if_absent(&bundle, b"ours").await.map(drop),
        bucket.replace(&path("NO/gaen/index.txt"), b"", None).await.map(drop),
        bucket.get(&bundle).await.map(drop),
        bucket.list(&path("NO/gaen")).await.map(drop),
        bucket.delete(&bundle).await,
    ];
    for outcome in outcomes {
        assert!(matches!(&outcome, Err(ExportError::Retry(_))), "{outcome:?}");
    }
    assert_eq!(between.seen("PUT") - before, 8, "four times each");
}

#[tokio::test]
async fn after_a_lost_reply_whoever_replaces_reads_what_they_wrote_themselves() {
    let (between, bucket) = scene().await;
    let index = path("NO/gaen/index.txt");
    between.set("PUT", &[Fate::LostReply]);
    assert_eq!(bucket.replace(&index, b"first", None).await.expect("an answer"), Replaced::Lost);
    let first = bucket.get(&index).await.expect("a read").expect("an object");
    assert_eq!(first.bytes, b"first");
    between.set("PUT", &[Fate::LostReply]);
    assert_eq!(bucket.replace(&index, b"second", Some(&first.version)).await.expect("an answer"), Replaced::Lost);
    assert_eq!(bucket.get(&index).await.expect("a read").expect("an object").bytes, b"second");
}

#[tokio::test]
async fn a_read_that_is_cut_short_is_no_object() {
    let (between, bucket) = scene().await;
    let bundle = path("NO/gaen/1-2-00001.zip");
    bucket.put_if_absent(&bundle, &[7; 50_000]).await.expect("put");
    for bytes in [0, 1, 49_999] {
        between.set("GET", &[Fate::CutShort(bytes)]);
        let again = bucket.get(&bundle).await.expect("the second attempt").expect("an object");
        assert_eq!(again.bytes.len(), 50_000);
        between.set("GET", &[Fate::CutShort(bytes); 4]);
        let short = bucket.get(&bundle).await;
        assert!(matches!(&short, Err(ExportError::Retry(_))), "{bytes}: {short:?}");
    }
}

#[tokio::test]
async fn a_store_that_says_nothing_is_not_waited_for() {
    let between = s3::between();
    between.set_all(Fate::Silence);
    let url = s3::url(&s3::new_bucket().await, between.address(), "");
    let short = Duration::from_millis(50);
    let hasty = Patience { connect: short, attempt: short, attempts: 2, first_wait: short };
    let bucket = s3::open_with(&url, hasty).await.expect("the others go on without it");
    let bundle = path("NO/gaen/1-2-00001.zip");
    let outcomes = [
        bucket.put_if_absent(&bundle, b"ours").await.map(drop),
        bucket.get(&bundle).await.map(drop),
        bucket.list(&path("NO/gaen")).await.map(drop),
        bucket.delete(&bundle).await,
    ];
    for outcome in outcomes {
        assert!(matches!(&outcome, Err(ExportError::Retry(_))), "{outcome:?}");
    }
}
