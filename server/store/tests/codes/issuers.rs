//! Authorities and their keys.

use proto::certificate::CertificateKey;
use store::{ApiKeyKind, CodeStyle, Issuer, IssuerKey, Spelling, StoreError};

use crate::engine::Engine;
use crate::samples::{NOW, authorities, issuer};

const FIRST: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA8Nhaa8C85p8JM1yoVuYi+wPMkpuxphlpmsaeByhxf4o=
-----END PUBLIC KEY-----
";
const SECOND: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAVvDz4Cv5UhnoeXiB8N64z+CCFPhnS845gRrUMpP5/T0=
-----END PUBLIC KEY-----
";

fn key(pem: &str, signs_from: i64) -> IssuerKey {
    let key = CertificateKey::from_pem(pem).expect("a public key");
    IssuerKey { kid: key.kid(), key, signs_from: NOW.plus(signs_from) }
}

pub(crate) async fn creating_the_same_authority_again_changes_nothing(engine: &impl Engine) {
    let store = engine.open().await;
    for _ in 0..2 {
        store.create_issuer(&issuer("a"), NOW).await.expect("created");
    }
    assert_eq!(store.issuers().await.expect("listed"), [issuer("a")]);
}

pub(crate) async fn an_id_or_issuer_belongs_to_one_authority(engine: &impl Engine) {
    let store = engine.open().await;
    store.create_issuer(&issuer("a"), NOW).await.expect("created");
    let mut other = issuer("a");
    other.audience = "other".to_owned();
    assert!(matches!(store.create_issuer(&other, NOW).await, Err(StoreError::Exists(_))));
    let mut impostor = issuer("b");
    impostor.issuer = "iss-a".to_owned();
    assert!(matches!(store.create_issuer(&impostor, NOW).await, Err(StoreError::Exists(_))));
    assert_eq!(store.issuers().await.expect("listed"), [issuer("a")]);
}

pub(crate) async fn authorities_are_listed_by_id(engine: &impl Engine) {
    let store = engine.open().await;
    for id in ["b", "c", "a"] {
        store.create_issuer(&issuer(id), NOW).await.expect("created");
    }
    let ids: Vec<_> = store.issuers().await.expect("listed").into_iter().map(|issuer| issuer.id).collect();
    assert_eq!(ids, ["a", "b", "c"]);
}

pub(crate) async fn an_authority_is_changed_as_a_whole(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    let codes = CodeStyle { spelling: Spelling::Crockford, length: 12, life: 3_600, long_life: 7_200 };
    let changed =
        Issuer { issuer: "other".to_owned(), audience: "others".to_owned(), date_required: true, codes, ..issuer("a") };
    store.update_issuer(&changed).await.expect("changed");
    store.update_issuer(&changed).await.expect("had nothing to do");
    assert_eq!(store.issuer("a", NOW).await.expect("looked up").as_ref(), Some(&changed));
    assert_eq!(store.issuers().await.expect("listed"), [changed.clone(), issuer("b")]);
    store.add_api_key("a", ApiKeyKind::Admin, [1; 32], NOW).await.expect("added");
    assert_eq!(store.api_key([1; 32], NOW).await.expect("looked up").expect("known").issuer, changed);
    let before = store.create_issuer(&issuer("a"), NOW).await;
    assert!(matches!(before, Err(StoreError::Exists(_))), "what is created anew is not what there is");
}

pub(crate) async fn an_issuer_is_not_taken_from_another(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    let impostor = Issuer { issuer: "iss-a".to_owned(), ..issuer("b") };
    assert!(matches!(store.update_issuer(&impostor).await, Err(StoreError::Exists(_))));
    assert!(matches!(store.update_issuer(&issuer("c")).await, Err(StoreError::NotFound(_))));
    assert_eq!(store.issuers().await.expect("listed"), [issuer("a"), issuer("b")]);
    assert_eq!(store.issuer("c", NOW).await.expect("looked up"), None);
}

pub(crate) async fn a_signing_key_belongs_to_one_authority(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    for _ in 0..2 {
        store.add_issuer_key("a", &key(FIRST, 0)).await.expect("added");
    }
    assert!(matches!(store.add_issuer_key("b", &key(FIRST, 0)).await, Err(StoreError::Exists(_))));
    assert_eq!(store.issuer_keys("a", NOW).await.expect("listed"), Some(vec![key(FIRST, 0)]));
    assert_eq!(store.issuer_keys("b", NOW).await.expect("listed"), Some(vec![]));
}

pub(crate) async fn the_key_that_signs_last_comes_first(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.add_issuer_key("a", &key(FIRST, 0)).await.expect("added");
    store.add_issuer_key("a", &key(SECOND, 60)).await.expect("added");
    let keys = store.issuer_keys("a", NOW).await.expect("listed").expect("an authority");
    assert_eq!(keys, [key(SECOND, 60), key(FIRST, 0)]);
}

pub(crate) async fn an_api_key_is_known_by_its_digest_alone(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    for (byte, kind) in (1..).zip(ApiKeyKind::ALL) {
        store.add_api_key("a", kind, [byte; 32], NOW).await.expect("added");
        let grant = store.api_key([byte; 32], NOW).await.expect("looked up").expect("known");
        assert_eq!((grant.issuer, grant.kind), (issuer("a"), kind));
    }
    assert!(store.api_key([9; 32], NOW).await.expect("looked up").is_none());
    let again = store.add_api_key("b", ApiKeyKind::Admin, [1; 32], NOW).await;
    assert!(matches!(again, Err(StoreError::Exists(_))));
}

pub(crate) async fn nobody_gets_keys_who_is_not_there(engine: &impl Engine) {
    let store = engine.open().await;
    assert_eq!(store.issuer_keys("a", NOW).await.expect("looked up"), None);
    assert!(matches!(store.add_issuer_key("a", &key(FIRST, 0)).await, Err(StoreError::NotFound(_))));
    let api_key = store.add_api_key("a", ApiKeyKind::Device, [1; 32], NOW).await;
    assert!(matches!(api_key, Err(StoreError::NotFound(_))));
    assert!(store.api_key([1; 32], NOW).await.expect("looked up").is_none());
}
