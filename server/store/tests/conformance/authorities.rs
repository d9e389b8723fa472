//! Authorities and the feeds of their regions.

use proto::Kind;

use crate::engine::Engine;
use crate::samples::{authority, opened};

pub(crate) async fn registering_the_same_authority_again_changes_nothing(engine: &impl Engine) {
    let store = opened(engine).await;
    let before = store.authority("fhi").await.expect("read").expect("known");
    assert_eq!(before.policy_version, 1);
    assert_eq!(before, authority("fhi", &["NO", "SJ"]));

    let twice = authority("fhi", &["SJ", "NO", "SJ"]);
    store.register(&twice, engine.clock().now()).await.expect("registered");
    assert_eq!(store.authority("fhi").await.expect("read").expect("known"), before);
}

pub(crate) async fn another_region_raises_the_policy_version_and_creates_its_feeds(engine: &impl Engine) {
    let store = opened(engine).await;
    let wider = authority("fhi", &["NO", "SJ", "BV"]);
    store.register(&wider, engine.clock().now()).await.expect("registered");

    let after = store.authority("fhi").await.expect("read").expect("known");
    assert_eq!(after.policy_version, 2);
    assert_eq!(after.regions.iter().map(|r| r.as_str()).collect::<Vec<_>>(), ["BV", "NO", "SJ"]);
    let feeds: Vec<_> = store.feeds().await.expect("read").iter().map(ToString::to_string).collect();
    assert_eq!(feeds, ["BV/gaen", "BV/tcn", "NO/gaen", "NO/tcn", "SJ/gaen", "SJ/tcn"]);
    assert_eq!(after.feeds(Kind::Tcn).len(), 3);
}

pub(crate) async fn a_region_that_goes_leaves_its_feeds(engine: &impl Engine) {
    let store = opened(engine).await;
    let mut other = authority("fhi", &["NO"]);
    other.keys = authority("another", &[]).keys;
    other.audience = "elsewhere".into();
    store.register(&other, engine.clock().now()).await.expect("registered");

    let after = store.authority("fhi").await.expect("read").expect("known");
    other.policy_version = 2;
    assert_eq!(after, other, "keys, regions and audience are replaced, not added to");
    assert_eq!(store.feeds().await.expect("read").len(), 4, "bundles of Svalbard may still be listed");
}

pub(crate) async fn an_unknown_authority_is_none(engine: &impl Engine) {
    let store = opened(engine).await;
    store.ping().await.expect("answers");
    assert_eq!(store.authority("fhi2").await.expect("read"), None);
    assert_eq!(store.authority("fhi\0").await.expect("read"), None, "PostgreSQL has no such texts");
    assert_eq!(store.authority("FHI").await.expect("read"), None, "the caller folds the case");
}

pub(crate) async fn authorities_are_listed_by_id(engine: &impl Engine) {
    let store = opened(engine).await;
    store.register(&authority("aaa", &["NO"]), engine.clock().now()).await.expect("registered");
    let ids: Vec<_> = store.authorities().await.expect("read").into_iter().map(|a| a.id).collect();
    assert_eq!(ids, ["aaa", "fhi"]);
}
