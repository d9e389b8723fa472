//! Authorities and their keys.

use proto::certificate::CertificateKey;
use store::{
    ApiKeyKind, CodeStore, CodeStyle, Issuer, IssuerKey, RegisteredApiKey, RegisteredIssuer, Spelling, StoreError,
};

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
    IssuerKey { kid: key.kid(), key, signs_from: NOW.plus(signs_from), retires_at: None }
}

fn registered(id: &str) -> RegisteredIssuer {
    RegisteredIssuer { issuer: issuer(id), created_at: NOW, disabled_at: None }
}

/// The live keys of `a` at a moment, as the PEM that they were made of and when they retire.
async fn live(store: &dyn CodeStore, at: i64) -> Vec<(String, Option<i64>)> {
    let keys = store.issuer_keys("a", NOW.plus(at)).await.expect("listed").expect("an authority");
    keys.into_iter().map(|key| (key.key.to_pem(), key.retires_at.map(|at| at.unix() - NOW.unix()))).collect()
}

pub(crate) async fn creating_the_same_authority_again_changes_nothing(engine: &impl Engine) {
    let store = engine.open().await;
    for _ in 0..2 {
        store.create_issuer(&issuer("a"), NOW).await.expect("created");
    }
    assert_eq!(store.issuers().await.expect("listed"), [registered("a")]);
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
    assert_eq!(store.issuers().await.expect("listed"), [registered("a")]);
}

pub(crate) async fn authorities_are_listed_by_id(engine: &impl Engine) {
    let store = engine.open().await;
    for id in ["b", "c", "a"] {
        store.create_issuer(&issuer(id), NOW).await.expect("created");
    }
    let ids: Vec<_> =
        store.issuers().await.expect("listed").into_iter().map(|registered| registered.issuer.id).collect();
    assert_eq!(ids, ["a", "b", "c"]);
}

pub(crate) async fn an_authority_is_changed_as_a_whole(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    let codes = CodeStyle { spelling: Spelling::Crockford, length: 12, life: 3_600, long_life: 7_200 };
    let changed = Issuer {
        issuer: "other".to_owned(),
        audience: "others".to_owned(),
        date_required: true,
        codes,
        user_reports: true,
        daily_quota: Some(u32::MAX),
        ..issuer("a")
    };
    store.update_issuer(&changed).await.expect("changed");
    store.update_issuer(&changed).await.expect("had nothing to do");
    assert_eq!(store.issuer("a", NOW).await.expect("looked up").as_ref(), Some(&changed));
    let listed = store.issuers().await.expect("listed");
    assert_eq!(
        listed.into_iter().map(|registered| registered.issuer).collect::<Vec<_>>(),
        [changed.clone(), issuer("b")]
    );
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
    assert_eq!(store.issuers().await.expect("listed"), [registered("a"), registered("b")]);
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

pub(crate) async fn a_new_key_lets_the_others_retire(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.add_issuer_key("a", &key(FIRST, 0)).await.expect("added");
    for _ in 0..2 {
        store.rotate_issuer_key("a", &key(SECOND, 60), NOW.plus(960)).await.expect("rotated");
        let (first, second) = ((FIRST.to_owned(), Some(960)), (SECOND.to_owned(), None));
        assert_eq!(live(&*store, 959).await, [second.clone(), first.clone()]);
        assert_eq!(live(&*store, 960).await, std::slice::from_ref(&second));
    }
    // Somebody else's keys are nobody's business.
    assert!(matches!(store.rotate_issuer_key("b", &key(FIRST, 60), NOW).await, Err(StoreError::Exists(_))));
    assert!(matches!(store.rotate_issuer_key("c", &key(FIRST, 60), NOW).await, Err(StoreError::NotFound(_))));
    // A rotation to a key that the authority has is none: the second does not retire for the first.
    store.rotate_issuer_key("a", &key(FIRST, 60), NOW).await.expect("known");
    assert_eq!(live(&*store, 2_000).await, [(SECOND.to_owned(), None)]);
}

pub(crate) async fn a_key_retires_no_later_than_was_said(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    let (first, kid) = (key(FIRST, 0), key(FIRST, 0).kid);
    store.add_issuer_key("a", &first).await.expect("added");
    for (at, expected) in [(100, 100), (50, 50), (70, 50)] {
        store.retire_issuer_key("a", &kid, NOW.plus(at)).await.expect("retired");
        assert_eq!(live(&*store, 0).await, [(FIRST.to_owned(), Some(expected))]);
    }
    store.rotate_issuer_key("a", &key(SECOND, 10), NOW.plus(90)).await.expect("rotated");
    assert_eq!(live(&*store, 0).await[1], (FIRST.to_owned(), Some(50)));
    assert!(matches!(store.retire_issuer_key("b", &kid, NOW).await, Err(StoreError::NotFound(_))));
    assert!(matches!(store.retire_issuer_key("a", "kid", NOW).await, Err(StoreError::NotFound(_))));
}

pub(crate) async fn a_disabled_authority_is_known_as_such(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.add_api_key("a", ApiKeyKind::Admin, [1; 32], NOW).await.expect("added");
    store.set_issuer_disabled("a", Some(NOW.plus(60))).await.expect("disabled");
    assert_eq!(store.issuer("a", NOW.plus(59)).await.expect("looked up"), Some(issuer("a")));
    assert_eq!(store.issuer("a", NOW.plus(60)).await.expect("looked up"), None);
    for (at, expected) in [(59, false), (60, true), (61, true)] {
        let grant = store.api_key([1; 32], NOW.plus(at)).await.expect("looked up").expect("known");
        assert_eq!(grant.disabled, expected, "after {at} s");
    }
    let listed = store.issuers().await.expect("listed");
    let disabled = RegisteredIssuer { disabled_at: Some(NOW.plus(60)), ..registered("a") };
    assert_eq!(listed, [disabled, registered("b")]);
    // Registering it again does not enable it.
    store.create_issuer(&issuer("a"), NOW).await.expect("the same");
    assert_eq!(store.issuers().await.expect("listed"), listed);

    store.set_issuer_disabled("a", None).await.expect("enabled");
    assert!(!store.api_key([1; 32], NOW.plus(61)).await.expect("looked up").expect("known").disabled);
    assert!(matches!(store.set_issuer_disabled("c", None).await, Err(StoreError::NotFound(_))));
}

pub(crate) async fn a_revoked_api_key_is_unknown_and_still_listed(engine: &impl Engine) {
    let store = engine.open().await;
    authorities(&*store).await;
    store.add_api_key("a", ApiKeyKind::Admin, [2; 32], NOW).await.expect("added");
    store.add_api_key("a", ApiKeyKind::Device, [1; 32], NOW.plus(1)).await.expect("added");
    for later in [10, 20] {
        store.revoke_api_key("a", [2; 32], NOW.plus(later)).await.expect("revoked");
    }
    assert!(store.api_key([2; 32], NOW.plus(9)).await.expect("looked up").is_some());
    assert!(store.api_key([2; 32], NOW.plus(10)).await.expect("looked up").is_none());
    assert!(store.api_key([1; 32], NOW.plus(10)).await.expect("looked up").is_some());
    let admin =
        RegisteredApiKey { digest: [2; 32], kind: ApiKeyKind::Admin, created_at: NOW, revoked_at: Some(NOW.plus(10)) };
    let device =
        RegisteredApiKey { digest: [1; 32], kind: ApiKeyKind::Device, created_at: NOW.plus(1), revoked_at: None };
    assert_eq!(store.api_keys("a").await.expect("listed"), Some(vec![admin, device]));
    assert_eq!(store.api_keys("b").await.expect("listed"), Some(vec![]));
    assert_eq!(store.api_keys("c").await.expect("listed"), None);
    assert!(matches!(store.revoke_api_key("b", [1; 32], NOW).await, Err(StoreError::NotFound(_))));
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
    assert_eq!(store.issuer_keys("a\0", NOW).await.expect("looked up"), None, "PostgreSQL has no such texts");
    assert!(matches!(store.add_issuer_key("a", &key(FIRST, 0)).await, Err(StoreError::NotFound(_))));
    let api_key = store.add_api_key("a", ApiKeyKind::Device, [1; 32], NOW).await;
    assert!(matches!(api_key, Err(StoreError::NotFound(_))));
    assert!(store.api_key([1; 32], NOW).await.expect("looked up").is_none());
}
