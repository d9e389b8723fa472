//! A directory and an object store as replicas of each other.

use std::sync::Arc;

use exporter::bucket::Bucket;
use proto::Kind;

use crate::promises::path;
use crate::s3;
use crate::scene::{Template, assert_every_key_once, assert_whole, published, stored};

#[tokio::test]
async fn an_object_store_added_later_is_filled_and_what_vanishes_there_is_put_again() {
    let world = Template::new().await.copy().await;
    world.pass(&["near", "far"]).await;
    let whole = published(&world, "near");
    let live = |name: &str| !name.ends_with(".zip") || world.index("near", Kind::Gaen).iter().any(|line| line == name);
    let listed = whole.clone().into_iter().filter(|(name, _)| live(name)).collect();

    let store = s3::bucket().await;
    let exporter = world.exporter(&["near", "far"]).await.with_bucket("cloud", Arc::new(store.clone()));
    let report = exporter.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 0, "{report}");
    // What is listed no more nobody needs in a new bucket.

    assert!(stored(&store).await == listed, "it was filled with other bytes");

    for name in world.index("near", Kind::Gaen) {
        store.delete(&path(&name)).await.expect("deleted");
    }
    store.delete(&path("NO/gaen/index.txt")).await.expect("deleted");
    store.delete(&path("ready")).await.expect("deleted");
    let report = exporter.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 0, "{report}");
    assert!(stored(&store).await == listed, "it was not healed");
    let ready = store.get(&path("ready")).await.expect("a read").expect("it is ready again");
    assert!(String::from_utf8(ready.bytes).expect("text").contains("feed NO/gaen 8\n"));
    assert_whole(&published(&world, "near"), &published(&world, "far"), &whole, "a third bucket came and was healed");
    assert_every_key_once(&world);
}
