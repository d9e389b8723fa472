//! What becomes of a bundle after its seal.

use store::{Derived, KeyStore, StoreError};

use crate::engine::Engine;
use crate::samples::{gaen, keys, opened, policy, provenance, sealed};

/// A derivation that differs for each `byte`.
fn derived(byte: u8) -> Derived {
    let zip_bytes = 1_000 + u64::from(byte);
    Derived { export_sha256: [byte; 32], zip_sha256: [byte + 1; 32], zip_bytes, signatures: vec![vec![byte; 70]] }
}

/// Makes the next bundle of 14 keys.
async fn bundle(engine: &impl Engine, store: &dyn KeyStore, number: u64) {
    let now = engine.clock().now();
    let keys = keys(number * 14..(number + 1) * 14, now);
    store.accept_keys(&keys, &[gaen()], &provenance(now)).await.expect("accepted");
    sealed(store, &gaen(), &policy()).await;
}

pub(crate) async fn the_first_derivation_wins(engine: &impl Engine) {
    let store = opened(engine).await;
    bundle(engine, &*store, 0).await;
    for byte in [1, 1, 9] {
        let stored = store.record_derived(&gaen(), 1, &derived(byte)).await.expect("recorded");
        assert_eq!(stored, derived(1));
    }
    assert_eq!(store.bundle(&gaen(), 1).await.expect("read").expect("there").derived, Some(derived(1)));
}

pub(crate) async fn one_of_many_derivations_at_once_wins(engine: &impl Engine) {
    let store = opened(engine).await;
    bundle(engine, &*store, 0).await;
    let mut writers = Vec::new();
    for byte in 1..=8 {
        let store = engine.open().await;
        writers.push(tokio::spawn(async move { store.record_derived(&gaen(), 1, &derived(byte)).await }));
    }
    let mut stored = Vec::new();
    for writer in writers {
        stored.push(writer.await.expect("finished").expect("recorded"));
    }
    assert!(stored.windows(2).all(|pair| pair[0] == pair[1]), "everybody is told the same");
    assert_eq!(store.bundle(&gaen(), 1).await.expect("read").expect("there").derived.as_ref(), stored.first());
}

pub(crate) async fn a_derivation_without_all_signatures_is_refused(engine: &impl Engine) {
    let store = opened(engine).await;
    bundle(engine, &*store, 0).await;
    for signatures in [vec![], vec![vec![1], vec![2]]] {
        let partial = Derived { signatures, ..derived(1) };
        let refused = store.record_derived(&gaen(), 1, &partial).await;
        assert!(matches!(refused, Err(StoreError::Corrupt(_))));
    }
    assert_eq!(store.bundle(&gaen(), 1).await.expect("read").expect("there").derived, None);
}

pub(crate) async fn a_put_is_remembered_by_bucket(engine: &impl Engine) {
    let store = opened(engine).await;
    for number in 0..3 {
        bundle(engine, &*store, number).await;
    }
    for (sequence, bucket) in [(2, "near"), (1, "near"), (2, "near"), (3, "far")] {
        store.record_put(&gaen(), sequence, bucket).await.expect("recorded");
    }
    assert_eq!(store.puts(&gaen(), "near").await.expect("read"), [1, 2]);
    assert_eq!(store.puts(&gaen(), "far").await.expect("read"), [3]);
    assert!(store.puts(&gaen(), "nowhere").await.expect("read").is_empty());
    for _ in 0..2 {
        store.record_listed(&gaen(), 2, "near").await.expect("recorded");
    }
    assert_eq!(store.puts(&gaen(), "near").await.expect("read"), [1, 2], "what is listed had been put");
}

pub(crate) async fn an_unknown_bundle_is_neither_derived_nor_put(engine: &impl Engine) {
    let store = opened(engine).await;
    let derivation = store.record_derived(&gaen(), 1, &derived(1)).await;
    assert!(matches!(derivation, Err(StoreError::NotFound("bundle"))));
    assert!(matches!(store.record_put(&gaen(), 1, "near").await, Err(StoreError::NotFound("bundle"))));
}

pub(crate) async fn a_bucket_cannot_list_a_number_that_was_not_taken(engine: &impl Engine) {
    let store = opened(engine).await;
    bundle(engine, &*store, 0).await;
    assert!(matches!(store.record_listed(&gaen(), 2, "near").await, Err(StoreError::NotFound("number"))));
    store.record_listed(&gaen(), 1, "near").await.expect("recorded");
}
