//! What an object store must be able to do, and what it is told about an object.

use exporter::ExportError;
use exporter::bucket::{Bucket, Put, Replaced};
use stack::Fate;

use crate::promises::path;
use crate::s3;

#[tokio::test]
async fn a_store_that_ignores_conditions_is_refused_unless_it_is_to_be_taken_all_the_same() {
    let between = s3::between();
    between.set_all(Fate::Unconditional);
    let name = s3::new_bucket().await;
    let refused = s3::open(&s3::url(&name, between.address(), "")).await.expect_err("it would overwrite");
    assert!(matches!(&refused, ExportError::GiveUp(why) if why.contains("unconditional=true")), "{refused}");

    let taken = s3::open(&s3::url(&name, between.address(), "&unconditional=true")).await.expect("taken");
    let (bundle, index) = (path("NO/gaen/1-2-00001.zip"), path("NO/gaen/index.txt"));
    assert_eq!(taken.put_if_absent(&bundle, b"ours").await.expect("put"), Put::Created);
    assert_eq!(taken.put_if_absent(&bundle, b"ours").await.expect("put again"), Put::Present);
    assert!(taken.put_if_absent(&bundle, b"other").await.is_err(), "it is still never overwritten");
    assert_eq!(taken.replace(&index, b"1", None).await.expect("written"), Replaced::Done);
    assert_eq!(taken.replace(&index, b"2", None).await.expect("it exists"), Replaced::Lost);
    let version = taken.get(&index).await.expect("a read").expect("an object").version;
    assert_eq!(taken.replace(&index, b"2", Some(&version)).await.expect("written"), Replaced::Done);
    assert_eq!(taken.replace(&index, b"3", Some(&version)).await.expect("it moved"), Replaced::Lost);
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_or_that_refuses_us_is_for_people_to_mend() {
    let missing = s3::open(&s3::url("no-such-bucket", s3::server(), "")).await.expect("it may be there tomorrow");
    let bundle = path("NO/gaen/1-2-00001.zip");
    let refused = missing.put_if_absent(&bundle, b"ours").await.expect_err("no such bucket");
    assert!(matches!(&refused, ExportError::GiveUp(why) if why.contains("NoSuchBucket")), "{refused}");

    let between = s3::between();
    between.set_all(Fate::Answer(403, "AccessDenied"));
    let url = s3::url(&s3::new_bucket().await, between.address(), "");
    let denied = s3::open(&url).await.expect("the others go on").get(&bundle).await.expect_err("no right");
    assert!(matches!(&denied, ExportError::GiveUp(why) if why.contains("AccessDenied")), "{denied}");
    assert!(denied.to_string().contains("/live/NO/gaen/1-2-00001.zip"), "{denied}");
}

#[tokio::test]
async fn nothing_is_written_to_a_store_before_it_has_shown_that_it_heeds_conditions() {
    let between = s3::between();
    between.set_all(Fate::Answer(500, "InternalError"));
    let url = s3::url(&s3::new_bucket().await, between.address(), "");
    let bucket = s3::open(&url).await.expect("the others go on without it");
    between.set_all(Fate::Unconditional);
    let refused = bucket.replace(&path("NO/gaen/index.txt"), b"", None).await.expect_err("it heeds none");
    assert!(matches!(&refused, ExportError::GiveUp(why) if why.contains("unconditional=true")), "{refused}");
    between.set_all(Fate::Pass);
    assert!(bucket.get(&path("NO/gaen/index.txt")).await.expect("a read").is_none());
    assert_eq!(bucket.replace(&path("NO/gaen/index.txt"), b"", None).await.expect("written"), Replaced::Done);
}

#[tokio::test]
async fn an_object_has_the_type_and_the_life_of_its_kind_and_the_settings_of_the_place() {
    let name = s3::new_bucket().await;
    let more = "&sse=AES256&storage-class=STANDARD_IA";
    let bucket = s3::open(&s3::url(&name, s3::server(), more)).await.expect("a bucket");
    bucket.put_if_absent(&path("NO/gaen/1-2-00001.zip"), b"ours").await.expect("put");
    bucket.replace(&path("NO/gaen/index.txt"), b"", None).await.expect("an empty index");
    bucket.replace(&path("NO/gaen/manifest"), b"m", None).await.expect("a manifest");
    for (object, content_type, cache_control) in [
        ("1-2-00001.zip", "application/zip", "public, max-age=31536000, immutable"),
        ("index.txt", "text/plain; charset=us-ascii", "public, max-age=300"),
        ("manifest", "text/plain; charset=utf-8", "public, max-age=300"),
    ] {
        let url = format!("http://{}/{name}/live/NO/gaen/{object}", s3::server());
        let answer = s3::signed(s3::plain().get(url)).send().await.expect("an answer");
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        assert_eq!(header("content-type").as_deref(), Some(content_type), "{object}");
        assert_eq!(header("cache-control").as_deref(), Some(cache_control), "{object}");
        assert_eq!(header("x-amz-server-side-encryption").as_deref(), Some("AES256"), "{object}");
        assert_eq!(header("x-amz-storage-class").as_deref(), Some("STANDARD_IA"), "{object}");
    }
    let feeds = bucket.list(&path("NO")).await.expect("a list");
    assert!(feeds.is_empty(), "the probe is no object of a feed: {feeds:?}");
}
