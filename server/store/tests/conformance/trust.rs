//! Who is believed: denials stand above everything, and a set of keys is followed.

use proto::Timestamp;
use proto::certificate::CertificateKey;
use store::{AuthorityKey, FetchFailure, KEY_OVERLAP, KEY_SET_KEPT, KeySetChange, KeySetSource, KeyStore, StoreError};

use crate::engine::Engine;
use crate::samples::{authority, opened};

/// Where the authority of these tests publishes its keys.
const URL: &str = "https://fhi.example/jwks";
/// For how long a test may stand still between two steps.
const HOUR: i64 = 3_600;

/// A key of this name.
fn key(kid: &str, seed: u8) -> AuthorityKey {
    let key = CertificateKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key());
    AuthorityKey { kid: kid.to_owned(), key }
}

fn source(url: &str) -> KeySetSource {
    KeySetSource { authority: "fhi".into(), url: url.into() }
}

/// The ids of the keys that are believed.
async fn believed(store: &dyn KeyStore) -> Vec<String> {
    let trusted = store.trusted("fhi").await.expect("read").expect("known");
    trusted.authority.keys.into_iter().map(|key| key.kid).collect()
}

/// An authority with the file key `file` that publishes others.
async fn publishing(engine: &impl Engine) -> std::sync::Arc<dyn KeyStore> {
    let store = opened(engine).await;
    let mut said = authority("fhi", &["NO", "SJ"]);
    said.keys = vec![key("file", 1)];
    store.register(&said, engine.clock().now()).await.expect("registered");
    store.set_key_set("fhi", Some(URL)).await.expect("set");
    store
}

/// Moves the clock of all programs.
fn pass(engine: &impl Engine, seconds: i64) {
    engine.clock().set_offset(engine.clock().offset() + seconds);
}

pub(crate) async fn a_disabled_authority_is_not_believed_until_it_is_enabled(engine: &impl Engine) {
    let (store, other) = (opened(engine).await, engine.open().await);
    assert!(store.set_disabled("fhi", true).await.expect("disabled"));
    assert!(!store.set_disabled("fhi", true).await.expect("disabled"), "it was already");
    assert_eq!(other.trusted("fhi").await.expect("read"), None);
    assert_eq!(other.authority("fhi").await.expect("read"), None);
    assert!(other.authorities().await.expect("read").is_empty());
    let registered = other.registered("fhi").await.expect("read").expect("known");
    assert!(registered.disabled_at.is_some());
    // Registering it again is no way around it.
    let wider = authority("fhi", &["NO", "SJ", "BV"]);
    store.register(&wider, engine.clock().now()).await.expect("registered");
    assert_eq!(other.trusted("fhi").await.expect("read"), None);
    assert!(store.set_disabled("fhi", false).await.expect("enabled"));
    let trusted = other.trusted("fhi").await.expect("read").expect("believed");
    assert_eq!((trusted.authority.policy_version, trusted.authority.regions.len()), (2, 3));
    assert!(matches!(store.set_disabled("se", true).await, Err(StoreError::NotFound(_))));
}

pub(crate) async fn a_denied_key_stays_denied_whatever_is_registered(engine: &impl Engine) {
    let (store, other) = (opened(engine).await, engine.open().await);
    let now = engine.clock().now();
    let mut said = authority("fhi", &["NO", "SJ"]);
    said.keys = vec![key("good", 1), key("stolen", 2)];
    store.register(&said, now).await.expect("registered");
    let denial = store.deny_key("fhi", "stolen", None).await.expect("denied");
    assert!(denial.changed && denial.denied_since == denial.now);
    assert_eq!(believed(&*other).await, ["good"], "with the next upload, through whichever program");
    assert_eq!(other.trusted("fhi").await.expect("read").expect("known").denied, ["stolen"]);

    let version = said_version(&*store).await;
    store.register(&said, now).await.expect("registered");
    assert_eq!(said_version(&*store).await, version, "the same as before changes nothing");
    // Away and back again, under the same name or beside it: nothing of that is a way around it.
    let another_name = vec![key("also", 2), key("good", 1), key("stolen", 2)];
    for keys in [
        vec![key("good", 1)],
        another_name,
        vec![key("good", 1), key("stolen", 2)],
        vec![key("good", 1), key("stolen", 3)],
    ] {
        said.keys = keys;
        said.audience += "!";
        store.register(&said, now).await.expect("registered");
        assert_eq!(believed(&*other).await, ["good"]);
    }
    let registered = store.registered("fhi").await.expect("read").expect("known");
    assert_eq!(registered.authority.keys.len(), 2, "what was registered is shown, denied or not");
    assert_eq!(registered.denied_since("stolen"), Some(denial.denied_since));
}

async fn said_version(store: &dyn KeyStore) -> u32 {
    store.registered("fhi").await.expect("read").expect("known").authority.policy_version
}

pub(crate) async fn a_key_may_be_denied_before_it_is_known_and_from_any_time_on(engine: &impl Engine) {
    let store = publishing(engine).await;
    let now = engine.clock().now();
    for (kid, since) in [("past", now.plus(-9 * HOUR)), ("future", now.plus(9 * HOUR))] {
        let denial = store.deny_key("fhi", kid, Some(since)).await.expect("denied");
        assert_eq!((denial.denied_since, denial.changed), (since, true));
    }
    let keys = [key("future", 3), key("new", 4), key("past", 5)];
    store.record_key_set(&source(URL), &keys, 900).await.expect("recorded");
    assert_eq!(believed(&*store).await, ["file", "future", "new"]);
    pass(engine, 9 * HOUR + HOUR / 2);
    store.record_key_set(&source(URL), &keys, 900).await.expect("recorded");
    assert_eq!(believed(&*store).await, ["file", "new"], "its time has come");
    // A denial is moved to an earlier time and never to a later one.
    let later = store.deny_key("fhi", "past", None).await.expect("denied");
    assert_eq!((later.denied_since, later.changed), (now.plus(-9 * HOUR), false));
    let earlier = store.deny_key("fhi", "future", Some(now)).await.expect("denied");
    assert_eq!((earlier.denied_since, earlier.changed), (now, true));
    assert!(matches!(store.deny_key("se", "past", None).await, Err(StoreError::NotFound(_))));
}

pub(crate) async fn keys_from_files_and_from_the_set_are_believed_alike(engine: &impl Engine) {
    let store = publishing(engine).await;
    assert_eq!(believed(&*store).await, ["file"], "nothing was fetched yet");
    let change = store.record_key_set(&source(URL), &[key("a", 2), key("b", 3)], 900).await.expect("recorded");
    assert_eq!(change, KeySetChange { added: vec!["a".into(), "b".into()], ..KeySetChange::default() });
    assert_eq!(believed(&*store).await, ["a", "b", "file"]);
    // The same name in both, for two keys: both are tried.
    store.record_key_set(&source(URL), &[key("a", 2), key("file", 9)], 900).await.expect("recorded");
    assert_eq!(believed(&*store).await, ["a", "b", "file", "file"]);
    store.deny_key("fhi", "file", None).await.expect("denied");
    assert_eq!(believed(&*store).await, ["a", "b"]);
    // What the operator registered is not mixed with what was fetched.
    let registered = store.registered("fhi").await.expect("read").expect("known");
    assert_eq!(registered.authority.keys, [key("file", 1)]);
    assert_eq!(registered.key_set.expect("it has one").keys.len(), 3);
    assert_eq!(registered.authority.policy_version, 2, "keys that are fetched are no policy");
}

pub(crate) async fn a_key_that_leaves_its_set_is_believed_for_an_hour(engine: &impl Engine) {
    let store = publishing(engine).await;
    store.record_key_set(&source(URL), &[key("new", 2), key("old", 3)], 900).await.expect("recorded");
    let change = store.record_key_set(&source(URL), &[key("new", 2)], 900).await.expect("recorded");
    assert_eq!(change, KeySetChange { gone: vec!["old".into()], ..KeySetChange::default() });
    pass(engine, KEY_OVERLAP - HOUR / 2);
    let change = store.record_key_set(&source(URL), &[key("new", 2)], 900).await.expect("recorded");
    assert!(change.is_empty(), "it went once");
    assert_eq!(believed(&*store).await, ["file", "new", "old"]);
    pass(engine, HOUR / 2 + 1);
    assert_eq!(believed(&*store).await, ["file", "new"]);
    store.record_key_set(&source(URL), &[key("new", 2)], 900).await.expect("recorded");
    let standing = store.registered("fhi").await.expect("read").expect("known").key_set.expect("it has one");
    assert_eq!(standing.keys.len(), 1, "and is forgotten");
    let change = store.record_key_set(&source(URL), &[key("new", 2), key("old", 3)], 900).await.expect("recorded");
    assert_eq!(change.added, ["old"], "unless it comes back");
}

pub(crate) async fn another_key_under_the_same_name_replaces_the_first(engine: &impl Engine) {
    let store = publishing(engine).await;
    store.record_key_set(&source(URL), &[key("a", 2)], 900).await.expect("recorded");
    let change = store.record_key_set(&source(URL), &[key("a", 3)], 900).await.expect("recorded");
    assert_eq!(change, KeySetChange { replaced: vec!["a".into()], ..KeySetChange::default() });
    let keys = store.trusted("fhi").await.expect("read").expect("known").authority.keys;
    assert_eq!(keys, [key("a", 3), key("file", 1)], "the old one is believed no more");
    store.deny_key("fhi", "a", None).await.expect("denied");
    store.record_key_set(&source(URL), &[key("a", 4)], 900).await.expect("recorded");
    assert_eq!(believed(&*store).await, ["file"], "a denied name stays denied");
}

pub(crate) async fn the_last_good_set_is_believed_for_seven_days(engine: &impl Engine) {
    let store = publishing(engine).await;
    store.record_key_set(&source(URL), &[key("a", 2)], 900).await.expect("recorded");
    let failed = async || store.record_fetch_failure(&source(URL), 60).await.expect("recorded");
    assert_eq!((failed().await, failed().await), (FetchFailure::First, FetchFailure::Again));
    pass(engine, KEY_SET_KEPT - HOUR);
    assert_eq!(failed().await, FetchFailure::Again);
    assert_eq!(believed(&*store).await, ["a", "file"]);
    pass(engine, HOUR);
    assert_eq!(believed(&*store).await, ["file"], "whether or not anybody looks");
    assert_eq!((failed().await, failed().await), (FetchFailure::Expired, FetchFailure::Again));
    let standing = store.registered("fhi").await.expect("read").expect("known").key_set.expect("it has one");
    assert!(standing.fetched_at.is_some() && standing.failing_since.is_some());
    let change = store.record_key_set(&source(URL), &[key("a", 2)], 900).await.expect("recorded");
    assert_eq!(change, KeySetChange { recovered: true, ..KeySetChange::default() });
    assert_eq!(believed(&*store).await, ["a", "file"], "and at once when it is back");
    assert_eq!(failed().await, FetchFailure::First);
}

pub(crate) async fn what_was_fetched_elsewhere_counts_no_more(engine: &impl Engine) {
    let store = publishing(engine).await;
    store.record_key_set(&source(URL), &[key("a", 2)], 900).await.expect("recorded");
    let moved = "https://elsewhere.example/jwks";
    store.set_key_set("fhi", Some(moved)).await.expect("set");
    assert_eq!(believed(&*store).await, ["file"]);
    assert_eq!(store.claim_key_set().await.expect("claimed"), Some(source(moved)), "it is due at once");
    // Somebody was still fetching from the old place.
    let late = store.record_key_set(&source(URL), &[key("a", 2)], 900).await.expect("recorded");
    assert!(late.moved && late.is_empty());
    assert_eq!(store.record_fetch_failure(&source(URL), 60).await.expect("recorded"), FetchFailure::Again);
    assert_eq!(believed(&*store).await, ["file"]);
    let change = store.record_key_set(&source(moved), &[key("b", 3)], 900).await.expect("recorded");
    assert_eq!((change.added, change.gone), (vec!["b".to_owned()], vec![]));
    assert_eq!(believed(&*store).await, ["b", "file"]);
    store.set_key_set("fhi", None).await.expect("set");
    assert_eq!(believed(&*store).await, ["file"]);
    let registered = store.registered("fhi").await.expect("read").expect("known");
    assert_eq!(registered.key_set, None);
    assert!(!store.trusted("fhi").await.expect("read").expect("known").has_key_set);
    assert_eq!(store.claim_key_set().await.expect("claimed"), None);
    assert!(matches!(store.set_key_set("se", Some(URL)).await, Err(StoreError::NotFound(_))));
}

pub(crate) async fn of_many_programs_one_fetches_a_set_that_is_due(engine: &impl Engine) {
    let store = publishing(engine).await;
    let claims = async || {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let other = engine.open().await;
            tasks.spawn(async move { other.claim_key_set().await.expect("claimed") });
        }
        tasks.join_all().await.into_iter().flatten().collect::<Vec<_>>()
    };
    assert_eq!(claims().await, [source(URL)], "a set that was never fetched");
    assert_eq!(claims().await, [], "somebody is fetching it");
    pass(engine, 61);
    assert_eq!(claims().await, [source(URL)], "whoever claimed it has died");
    store.record_key_set(&source(URL), &[key("a", 2)], 900).await.expect("recorded");
    assert_eq!(claims().await, [], "it is not due");
    pass(engine, 901);
    assert_eq!(claims().await, [source(URL)]);
    store.record_fetch_failure(&source(URL), 60).await.expect("recorded");
    store.set_disabled("fhi", true).await.expect("disabled");
    pass(engine, HOUR);
    assert_eq!(claims().await, [], "nobody needs the keys of a disabled authority");
}

pub(crate) async fn an_unknown_key_brings_about_one_attempt_a_minute(engine: &impl Engine) {
    let store = publishing(engine).await;
    assert!(!store.hasten_key_set("fhi").await.expect("asked"), "it is due anyway");
    store.record_key_set(&source(URL), &[key("a", 2)], 900).await.expect("recorded");
    assert!(!store.hasten_key_set("fhi").await.expect("asked"), "it was fetched just now");
    pass(engine, 61);
    assert!(store.hasten_key_set("fhi").await.expect("asked"));
    assert!(!store.hasten_key_set("fhi").await.expect("asked"), "it is due by now");
    assert_eq!(store.claim_key_set().await.expect("claimed"), Some(source(URL)));
    assert!(!store.hasten_key_set("fhi").await.expect("asked"), "somebody is at it");
    assert!(!store.hasten_key_set("se").await.expect("asked"));
}

pub(crate) async fn operators_see_how_it_stands(engine: &impl Engine) {
    let store = publishing(engine).await;
    let now: Timestamp = engine.clock().now();
    store.record_key_set(&source(URL), &[key("a", 2), key("b", 3)], 900).await.expect("recorded");
    store.record_key_set(&source(URL), &[key("a", 2)], 900).await.expect("recorded");
    store.deny_key("fhi", "z", Some(now)).await.expect("denied");
    store.register(&authority("aaa", &["NO"]), now).await.expect("registered");
    let all = store.all_registered().await.expect("read");
    assert_eq!(all.iter().map(|known| known.authority.id.as_str()).collect::<Vec<_>>(), ["aaa", "fhi"]);
    assert_eq!(store.registered("fhi").await.expect("read").as_ref(), Some(&all[1]));
    assert_eq!(store.registered("none").await.expect("read"), None);
    assert_eq!((all[0].key_set.as_ref(), all[0].denied.len()), (None, 0));
    assert!(all[1].knows("file") && all[1].knows("b") && !all[1].knows("z"));
    let set = all[1].key_set.as_ref().expect("it has one");
    assert_eq!((set.url.as_str(), set.failing_since), (URL, None));
    let near = |at: Option<Timestamp>| at.is_some_and(|at| (at.unix() - now.unix()).abs() <= HOUR);
    assert!(near(set.fetched_at));
    let [a, b] = set.keys.as_slice() else { panic!("two keys") };
    assert!(near(Some(a.seen_since)) && near(Some(a.seen_at)) && a.gone_since.is_none());
    assert!(near(b.gone_since));
}
